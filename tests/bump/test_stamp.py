"""The digests are those that Helm 4 wrote for the same charts (`helm dependency update`)."""

from __future__ import annotations

import pytest
from tests.fakes.memorytree import MemoryTree

from oci_chart_publish.bump.stamp import redirected_files, stamped_files
from oci_chart_publish.chart.lock import decode_lock, lock_digest
from oci_chart_publish.chart.metadata import decode_metadata
from oci_chart_publish.errors import ChartError

EXACT_1_0 = "sha256:07cebde439abe4ba19bb28e844b7419dab83c7f613886416aaf3ec08e8059144"
EXACT_1_1 = "sha256:4cd007b1c8f7eb87df56fb7191212c9efd763d024462514f26602367fc817dda"
RANGE_1_0 = "sha256:7ad3b1f7c2afa1db57f3202b7984434a9e177cea1d8e99318081e90c91009dd8"
RANGE_1_1 = "sha256:f351ed794baa4e1e57e7e8eafdd432154c480f677b823c12b35581058bad79ce"
GENERATED = 'generated: "2024-05-05T10:00:00.123456789+02:00"'


def chart(declared: str, version: str = "1.0.0") -> bytes:
    return (
        f"apiVersion: v2\r\nname: web\r\nversion: {version} # ours\r\ndependencies:\r\n"
        f"- name: common\r\n  version: {declared}\r\n  repository: file://../common\r\n"
    ).encode()


def lock(version: str, digest: str) -> bytes:
    return (
        f"dependencies:\n- name: common\n  repository: file://../common\n  version: {version}\n"
        f"digest: {digest}\n{GENERATED}\n"
    ).encode()


def test_only_the_own_version_changes_where_no_dependency_moved() -> None:
    tree = MemoryTree({"Chart.yaml": chart("1.0.0"), "Chart.lock": lock("1.0.0", EXACT_1_0)}, "web")
    assert stamped_files(tree, "1.0.1", {}) == {"Chart.yaml": chart("1.0.0", "1.0.1")}
    assert stamped_files(tree, "1.0.0", {}) == {}


def test_an_exact_dependency_is_followed_in_the_chart_and_its_lock() -> None:
    tree = MemoryTree({"Chart.yaml": chart("1.0.0"), "Chart.lock": lock("1.0.0", EXACT_1_0)}, "web")
    assert stamped_files(tree, "1.0.1", {"common": "1.1.0"}) == {
        "Chart.yaml": chart("1.1.0", "1.0.1"),
        "Chart.lock": lock("1.1.0", EXACT_1_1),
    }


def test_a_range_that_still_fits_stays_and_only_the_lock_moves() -> None:
    tree = MemoryTree({"Chart.yaml": chart("^1.0.0"), "Chart.lock": lock("1.0.0", RANGE_1_0)}, "web")
    assert stamped_files(tree, "1.0.0", {"common": "1.1.0"}) == {"Chart.lock": lock("1.1.0", RANGE_1_1)}


@pytest.mark.parametrize(
    ("declared", "followed"),
    [
        ("~1.0.0", "~1.1.0"),
        ("'^0.9.0'", "'^1.1.0'"),
        ("1.0.x", "1.1.0"),
        ("'>=1.0.0 <1.1.0'", "'1.1.0'"),
        ('"1.0.0"', '"1.1.0"'),
        ("not a constraint", "1.1.0"),
        ("1.x.x", "1.x.x"),
    ],
)
def test_a_declared_version_is_followed_in_its_own_way(declared: str, followed: str) -> None:
    tree = MemoryTree({"Chart.yaml": chart(declared)}, "web")
    files = stamped_files(tree, "1.0.1", {"common": "1.1.0"})
    assert files == {"Chart.yaml": chart(followed, "1.0.1")}


def test_a_chart_without_a_lock_gets_none() -> None:
    tree = MemoryTree({"Chart.yaml": chart("1.0.0")}, "web")
    assert stamped_files(tree, "1.0.0", {"common": "1.1.0"}) == {"Chart.yaml": chart("1.1.0")}


def test_the_requirements_of_an_old_chart_are_followed_where_they_stand() -> None:
    requirements = b"dependencies:\n- {name: common, version: 1.0.0, repository: 'file://../common'}\n"
    tree = MemoryTree(
        {
            "Chart.yaml": b"apiVersion: v1\nname: web\nversion: 1.0.0\n",
            "requirements.yaml": requirements,
            "requirements.lock": lock("1.0.0", EXACT_1_0),
        },
        "web",
    )
    assert stamped_files(tree, "1.0.0", {"common": "1.1.0"}) == {
        "requirements.yaml": requirements.replace(b"1.0.0", b"1.1.0"),
        "requirements.lock": lock("1.1.0", EXACT_1_1),
    }


def test_a_lock_that_was_out_of_step_before_is_refused() -> None:
    tree = MemoryTree({"Chart.yaml": chart("1.0.0"), "Chart.lock": lock("1.0.0", RANGE_1_0)}, "web")
    with pytest.raises(ChartError) as raised:
        stamped_files(tree, "1.0.1", {"common": "1.1.0"})
    assert str(raised.value) == (
        "Chart.lock: 'digest': does not fit the declared dependencies as they are, before any bump\n"
        "run helm dependency update"
    )


def test_dependencies_of_other_names_are_left_alone() -> None:
    tree = MemoryTree({"Chart.yaml": chart("1.0.0"), "Chart.lock": lock("1.0.0", EXACT_1_0)}, "web")
    assert stamped_files(tree, "1.0.0", {"other": "2.0.0"}) == {}


def test_dependencies_of_the_repository_are_redirected_and_the_lock_fits_again() -> None:
    url = "oci://registry.example/charts"
    tree = MemoryTree({"Chart.yaml": chart("^1.0.0"), "Chart.lock": lock("1.0.0", RANGE_1_0)}, "web")
    files = redirected_files(tree, (), url)
    assert files["Chart.yaml"] == chart("^1.0.0").replace(b"file://../common", f'"{url}"'.encode())
    before, moved = decode_lock(lock("1.0.0", RANGE_1_0)), decode_lock(files["Chart.lock"])
    assert before is not None
    assert moved is not None
    assert [one.repository for one in moved.dependencies] == [url]
    assert moved.digest == lock_digest(decode_metadata(files["Chart.yaml"]).dependencies, moved.dependencies)
    assert moved.generated == before.generated


def test_dependencies_of_others_stay_where_they_are() -> None:
    foreign = chart("1.0.0").replace(b"file://../common", b"https://charts.example")
    assert redirected_files(MemoryTree({"Chart.yaml": foreign}, "web"), (), "oci://r.example/c") == {}
    ours = redirected_files(MemoryTree({"Chart.yaml": foreign}, "web"), ("common",), "oci://r.example/c")
    assert ours["Chart.yaml"] == foreign.replace(b"https://charts.example", b'"oci://r.example/c"')


def test_empty_lock_is_left_as_it_is() -> None:
    tree = MemoryTree({"Chart.yaml": chart("^1.0.0"), "Chart.lock": b"# none yet\n"}, "web")
    assert "Chart.lock" not in stamped_files(tree, "1.0.1", {"common": "1.1.0"})
    assert list(redirected_files(tree, (), "oci://registry.example/charts")) == ["Chart.yaml"]
