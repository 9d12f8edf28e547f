"""Charts that lack what they depend on: fetched from real sockets, locked and embedded as real Helm does it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fakes.chartrepo import ChartRepo, archive
from tests.flow.charts import chart
from tests.flow.command import Command, command, layer
from tests.real.helm import helm, transport
from tests.real.registries import Registry

from oci_chart_publish.chart.archive import load_archive
from oci_chart_publish.chart.diff import files


@pytest.fixture
def charts() -> Iterator[ChartRepo]:
    repository = ChartRepo()
    repository.add("leaf", "1.0.0", "1.2.0", "1.10.0", "2.0.0")
    yield repository
    repository.close()


def only(run: Command, *options: str, verb: str = "plan") -> dict[str, bytes]:
    """Plan or publish the one chart, and return the files of what is in the artifact."""
    done = run.run(verb, "--json", *options)
    assert done.code == 0, done.err
    (entry,) = done.report["charts"]
    return dict(files(load_archive(layer(run, entry), title="ours")))


def without_time(lock: bytes) -> bytes:
    return re.sub(rb"\ngenerated: .*", b"", lock)


def test_update_resolves_and_writes_what_helm_resolves_and_writes(tmp_path: Path, charts: ChartRepo) -> None:
    folder = tmp_path / "repo"
    top = chart(folder, "top", "1.0.0", {"leaf": "^1.0.0"}, repository=charts.url)
    ours = only(command(tmp_path, folder), "--dependency", "update", verb="publish")
    written = (top / "Chart.lock").read_bytes()
    (top / "Chart.lock").unlink()
    client = helm(tmp_path / "helm")
    client.run("dependency", "update", top)
    assert without_time(written) == without_time((top / "Chart.lock").read_bytes())
    client.run("package", top, "--destination", tmp_path)
    theirs = dict(files(load_archive((tmp_path / "top-1.0.0.tgz").read_bytes(), title="theirs")))
    own = {"Chart.yaml", "Chart.lock"}
    assert {path: data for path, data in ours.items() if path not in own} == {
        path: data for path, data in theirs.items() if path not in own
    }
    assert b"version: 1.10.0" in ours["charts/leaf/Chart.yaml"]


def test_lock_of_helm_is_followed_though_newer_versions_came(tmp_path: Path, charts: ChartRepo) -> None:
    folder = tmp_path / "repo"
    top = chart(folder, "top", "1.0.0", {"leaf": "^1.0.0"}, repository=charts.url)
    helm(tmp_path / "helm").run("dependency", "update", top)
    for packed in (top / "charts").iterdir():
        packed.unlink()
    before = (top / "Chart.lock").read_bytes()
    charts.add("leaf", "1.11.0")
    charts.index = b"".join(charts.index.rsplit(b"  leaf:\n", 1))  # one list of versions
    ours = only(command(tmp_path, folder))
    assert b"version: 1.10.0" in ours["charts/leaf/Chart.yaml"]
    assert (top / "Chart.lock").read_bytes() == before


def test_what_was_fetched_is_not_fetched_again(
    tmp_path: Path, charts: ChartRepo, plain_registry: Registry
) -> None:
    folder = tmp_path / "repo"
    chart(folder, "top", "1.0.0", {"leaf": "1.2.0"}, repository=charts.url)
    run = command(tmp_path, folder)
    assert run.publish(f"{plain_registry.host}/fetched").statuses() == {"top": "published"}
    first = list(charts.lines)
    assert run.publish(f"{plain_registry.host}/fetched").statuses() == {"top": "unchanged"}
    assert first[0].endswith("/index.yaml")
    assert [line for line in charts.lines[len(first) :] if line.endswith(".tgz")] == []


def test_offline_takes_what_is_cached_and_refuses_the_rest(tmp_path: Path, charts: ChartRepo) -> None:
    folder = tmp_path / "repo"
    top = chart(folder, "top", "1.0.0", {"leaf": "1.2.0"}, repository=charts.url)
    run = command(tmp_path, folder)
    refused = run.run("plan", "--offline")
    assert refused.code == 3
    assert "offline" in refused.err + refused.out
    assert charts.lines == []
    fetched = only(run)
    charts.close()
    assert only(run, "--offline") == fetched
    assert not (top / "charts").exists()


def test_skip_names_what_is_missing(tmp_path: Path, charts: ChartRepo) -> None:
    folder = tmp_path / "repo"
    chart(folder, "top", "1.0.0", {"leaf": "1.2.0"}, repository=charts.url)
    done = command(tmp_path, folder).run("plan", "--dependency", "skip")
    assert done.code == 3
    assert "leaf" in done.err + done.out
    assert charts.lines == []


def test_dependency_in_a_registry_is_fetched_and_embedded(tmp_path: Path, plain_registry: Registry) -> None:
    elsewhere = tmp_path / "elsewhere"
    chart(elsewhere, "leaf", "1.4.0")
    run = command(tmp_path, elsewhere)
    assert run.publish(f"{plain_registry.host}/library").code == 0
    folder = tmp_path / "repo"
    chart(folder, "top", "1.0.0", {"leaf": "~1.4"}, repository=f"oci://{plain_registry.host}/library")
    (tmp_path / "other").mkdir()
    ours = only(Command(folder=folder, home=tmp_path / "other"))
    assert b"version: 1.4.0" in ours["charts/leaf/Chart.yaml"]


@pytest.mark.parametrize(
    ("name", "constraint", "said"),
    [
        ("leaf", "^3.0.0", "^3.0.0"),
        ("absent", "1.0.0", "absent"),
    ],
)
def test_what_no_repository_has_is_an_error_that_names_it(
    tmp_path: Path, charts: ChartRepo, name: str, constraint: str, said: str
) -> None:
    folder = tmp_path / "repo"
    chart(folder, "top", "1.0.0", {name: constraint}, repository=charts.url)
    done = command(tmp_path, folder).run("plan")
    assert done.code == 3
    assert said in done.err + done.out
    assert charts.url in done.err + done.out


def test_lock_is_never_written_through_a_link(tmp_path: Path, charts: ChartRepo) -> None:
    folder = tmp_path / "repo"
    top = chart(folder, "top", "1.0.0", {"leaf": "^1.0.0"}, repository=charts.url)
    (top / "Chart.lock").symlink_to(tmp_path / "outside")
    done = command(tmp_path, folder).run("publish", "--dependency", "update")
    assert done.code == 3
    assert "Chart.lock" in done.err + done.out
    assert not (tmp_path / "outside").exists()


def test_one_chart_under_two_aliases_is_fetched_once_and_stays_unchanged(
    tmp_path: Path, charts: ChartRepo, plain_registry: Registry
) -> None:
    folder = tmp_path / "repo"
    top = chart(folder, "top", "1.0.0", {"leaf": "1.2.0"}, repository=charts.url)
    with (top / "Chart.yaml").open("a") as file:
        file.write(
            f"    alias: one\n  - {{name: leaf, version: ^1.0.0, repository: '{charts.url}', alias: two}}\n"
        )
    run = command(tmp_path, folder)
    assert run.publish(f"{plain_registry.host}/twins").statuses() == {"top": "published"}
    assert sorted(line.rpartition("/")[2] for line in charts.lines if "tgz" in line) == [
        "leaf-1.10.0.tgz",
        "leaf-1.2.0.tgz",
    ]
    charts.close()
    assert run.publish(f"{plain_registry.host}/twins").statuses() == {"top": "unchanged"}


def test_vendored_version_that_the_lock_does_not_name_is_warned_of(tmp_path: Path, charts: ChartRepo) -> None:
    folder = tmp_path / "repo"
    top = chart(folder, "top", "1.0.0", {"leaf": "^1.0.0"}, repository=charts.url)
    client = helm(tmp_path / "helm")
    client.run("dependency", "update", top)
    (top / "charts/leaf-1.10.0.tgz").write_bytes(archive("leaf", "1.2.0"))
    done = command(tmp_path, folder).run("plan", "--json")
    assert done.code == 0, done.err
    assert "charts/ holds leaf 1.2.0, the lock names 1.10.0" in done.out


def test_chart_of_the_repository_at_another_version_than_the_lock_names_is_refused_as_helm_does(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "repo"
    base = chart(folder, "base", "1.0.0")
    top = chart(folder, "top", "1.0.0", {"base": "^1.0.0"})
    client = helm(tmp_path / "helm")
    client.run("dependency", "update", top)
    (top / "charts/base-1.0.0.tgz").unlink()
    run = command(tmp_path, folder)
    assert run.run("plan").code == 0
    (base / "Chart.yaml").write_text("apiVersion: v2\nname: base\nversion: 1.1.0\n")
    done = run.run("plan")
    assert done.code == 3
    assert "base is 1.1.0 in this repository, the lock names 1.0.0" in done.err + done.out
    assert "can't get a valid version" in client.attempt("dependency", "build", top).stderr


def test_exact_version_in_a_registry_needs_no_list_and_no_warning(
    tmp_path: Path, plain_registry: Registry
) -> None:
    elsewhere = tmp_path / "elsewhere"
    chart(elsewhere, "leaf", "1.4.0")
    assert command(tmp_path, elsewhere).publish(f"{plain_registry.host}/exact").code == 0
    folder = tmp_path / "repo"
    chart(folder, "top", "1.0.0", {"leaf": "1.4.0"}, repository=f"oci://{plain_registry.host}/exact")
    (tmp_path / "other").mkdir()
    done = Command(folder=folder, home=tmp_path / "other").run("plan", "--json")
    assert done.code == 0, done.err
    assert done.report["charts"][0]["warnings"] == []
    assert "/v2/exact/leaf/manifests/1.4.0" in plain_registry.log.read_text()
    assert "/v2/exact/leaf/tags/list" not in plain_registry.log.read_text()


def test_chart_in_its_own_charts_folder_is_used_in_place_once(tmp_path: Path) -> None:
    folder = tmp_path / "repo"
    top = chart(folder, "top", "1.0.0", {"inner": "0.1.0"}, repository="file://charts/inner")
    (top / "charts/inner").mkdir(parents=True)
    (top / "charts/inner/Chart.yaml").write_text("apiVersion: v2\nname: inner\nversion: 0.1.0\n")
    ours = only(command(tmp_path, folder), "charts/top")
    assert [path for path in ours if path.startswith("charts/")] == ["charts/inner/Chart.yaml"]


@pytest.mark.parametrize("name", ["../../x", "/etc/x", "charts/../../x", "other"])
def test_dependency_of_this_repository_under_another_name_is_refused_and_nothing_is_written(
    tmp_path: Path, name: str
) -> None:
    folder = tmp_path / "repo"
    chart(folder, "base", "0.1.0")
    chart(folder, "top", "1.0.0", {name: "0.1.0"}, repository="file://../base")
    before = sorted(path for path in tmp_path.rglob("*"))
    done = command(tmp_path, folder).run("publish")
    assert done.code == 3
    assert f"{name!r} is to come from file://../base, where the chart is called 'base'" in done.err
    home = tmp_path / "home"
    assert sorted(p for p in tmp_path.rglob("*") if p != home and not p.is_relative_to(home)) == before


def test_update_leaves_what_is_vendored_alone_and_says_so(tmp_path: Path, charts: ChartRepo) -> None:
    folder = tmp_path / "repo"
    top = chart(folder, "top", "1.0.0", {"leaf": "^1.0.0"}, repository=charts.url)
    (top / "charts").mkdir()
    (top / "charts/leaf-1.0.0.tgz").write_bytes(archive("leaf", "1.0.0"))
    done = command(tmp_path, folder).run("publish", "--json", "--dependency", "update")
    assert done.report["charts"][0]["warnings"] == [
        "leaf is in charts/ and is packed as it is there; delete it there to have it resolved anew"
    ]
    assert [path.name for path in (top / "charts").iterdir()] == ["leaf-1.0.0.tgz"]
    assert not (top / "Chart.lock").exists()


def test_what_update_locks_is_not_said_to_be_without_a_lock(tmp_path: Path, charts: ChartRepo) -> None:
    folder = tmp_path / "repo"
    top = chart(folder, "top", "1.0.0", {"leaf": "^1.0.0"}, repository=charts.url)
    run = command(tmp_path, folder)
    assert run.run("publish", "--json", "--dependency", "update").report["charts"][0]["warnings"] == []
    (top / "Chart.lock").unlink()
    (top / "values.yaml").write_text("other: 1\n")
    assert run.run("plan", "--json").report["charts"][0]["warnings"] == [
        "leaf ^1.0.0 was resolved to 1.10.0 without a lock: the result is not reproducible"
    ]


def test_unlocked_chart_is_verified_with_the_versions_that_are_published(
    tmp_path: Path, charts: ChartRepo, plain_registry: Registry
) -> None:
    folder = tmp_path / "repo"
    chart(folder, "top", "1.0.0", {"leaf": "^1.0.0"}, repository=charts.url)
    run = command(tmp_path, folder)
    place = f"{plain_registry.host}/verified"
    assert run.publish(place).statuses() == {"top": "published"}
    charts.add("leaf", "1.11.0")
    charts.index = b"".join(charts.index.rsplit(b"  leaf:\n", 1))  # one list of versions
    assert run.publish(place).statuses() == {"top": "unchanged"}
    done = run.run("verify", "--json", "--registry", place)
    assert (done.code, done.statuses()) == (0, {"top": "unchanged"})


@pytest.mark.parametrize("scheme", ["https", "oci"])
def test_repository_with_a_password_in_it_is_refused_and_the_password_is_not_printed(
    tmp_path: Path, scheme: str
) -> None:
    folder = tmp_path / "repo"
    chart(folder, "top", "1.0.0", {"leaf": "^1.0.0"}, repository="'@private'")
    (folder / ".oci-chart-publish.yaml").write_text(
        f"repositories:\n  private: {scheme}://robot:sesame@example.org/charts\n"
    )
    done = command(tmp_path, folder).run("plan")
    assert done.code == 3
    assert "a URL with a user name in it is refused" in done.err
    assert "registry-auth" in done.err
    assert "sesame" not in done.err + done.out


@pytest.mark.parametrize(("tag", "newer"), [("v1.2.3", "1.2.4"), ("1.2", "1.2.4")])
def test_version_of_a_registry_that_helm_takes_for_a_tag_is_that_tag(
    tmp_path: Path, plain_registry: Registry, tag: str, newer: str
) -> None:
    client, place = helm(tmp_path / "helm"), f"oci://{plain_registry.host}/tagged/{tag}"
    for version in (tag, newer):
        packed = tmp_path / f"leaf-{version}.tgz"
        packed.write_bytes(archive("leaf", version))
        client.run("push", packed, place, *transport(plain_registry))
    folder = tmp_path / "repo"
    top = chart(folder, "top", "1.0.0", {"leaf": tag}, repository=place)
    ours = only(command(tmp_path, folder), "--dependency", "update", verb="publish")
    assert f"version: {tag}\n".encode() in ours["charts/leaf/Chart.yaml"].replace(b'"', b"")
    written = (top / "Chart.lock").read_bytes()
    (top / "Chart.lock").unlink()
    client.run("dependency", "update", top, *transport(plain_registry))
    assert without_time(written) == without_time((top / "Chart.lock").read_bytes())
    assert only(command(tmp_path, folder)) == {**ours, "Chart.lock": (top / "Chart.lock").read_bytes()}


@pytest.mark.parametrize("lock", ["", "null\n", "# nothing is locked yet\n"])
def test_empty_lock_is_no_lock_and_what_helm_publishes_with_it_is_unchanged(
    tmp_path: Path, plain_registry: Registry, charts: ChartRepo, lock: str
) -> None:
    folder, place = tmp_path / "repo", f"{plain_registry.host}/emptylock/{len(lock)}"
    top = chart(folder, "top", "1.0.0", {"leaf": "^1.0.0"}, repository=charts.url)
    (top / "charts").mkdir()
    (top / "charts/leaf-1.10.0.tgz").write_bytes(archive("leaf", "1.10.0"))
    (top / "Chart.lock").write_text(lock)
    client = helm(tmp_path / "helm")
    client.run("package", top, "--destination", tmp_path)
    client.run("push", tmp_path / "top-1.0.0.tgz", f"oci://{place}", *transport(plain_registry))
    (top / "charts/leaf-1.10.0.tgz").unlink()
    assert command(tmp_path, folder).publish(place).statuses() == {"top": "unchanged"}
