"""Charts that embed other charts of the repository: in order, once, and as real Helm would."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.git import GitRepo
from tests.flow.charts import chart
from tests.flow.command import Command, command, layer
from tests.real.helm import helm
from tests.real.registries import Registry

from oci_chart_publish.chart.archive import load_archive
from oci_chart_publish.chart.diff import files


def test_embedded_charts_are_those_that_helm_would_embed(tmp_path: Path, plain_registry: Registry) -> None:
    folder = tmp_path / "repo"
    chart(folder, "base", "0.1.0")
    chart(folder, "middle", "0.2.0", {"base": "^0.1.0"})
    top = chart(folder, "top", "1.0.0", {"middle": "0.2.0", "base": "0.1.0"})
    run = command(tmp_path, folder)
    done = run.publish(f"{plain_registry.host}/embed")
    assert done.code == 0, done.err
    ours = load_archive(
        layer(run, next(c for c in done.report["charts"] if c["name"] == "top")), title="ours"
    )

    client = helm(tmp_path / "helm")
    client.run("dependency", "update", folder / "charts/middle")
    client.run("dependency", "update", top)
    client.run("package", top, "--destination", tmp_path)
    theirs = load_archive((tmp_path / "top-1.0.0.tgz").read_bytes(), title="theirs")
    written = {"Chart.yaml", "Chart.lock"}
    our_files = {path: data for path, data in files(ours) if path.rpartition("/")[2] not in written}
    assert our_files == {path: data for path, data in files(theirs) if path.rpartition("/")[2] not in written}
    assert sorted(sub.name for sub in ours.subcharts) == ["base", "middle"]
    assert [sub.name for sub in ours.subcharts[1].subcharts] == ["base"]


def test_published_chart_with_dependencies_is_compared_and_costs_one_request(
    tmp_path: Path, plain_registry: Registry
) -> None:
    folder = tmp_path / "repo"
    chart(folder, "base", "0.1.0")
    chart(folder, "top", "1.0.0", {"base": "^0.1.0"})
    run = command(tmp_path, folder)
    assert run.publish(f"{plain_registry.host}/again").code == 0
    assert set(run.publish(f"{plain_registry.host}/again").statuses().values()) == {"unchanged"}
    plain_registry.clear()
    done = run.publish(f"{plain_registry.host}/again")
    assert set(done.statuses().values()) == {"unchanged"}
    assert [method for method, _, _ in plain_registry.requests()] == ["GET", "HEAD"]


def test_published_chart_stays_unchanged_when_the_host_of_its_dependency_is_gone(
    tmp_path: Path, plain_registry: Registry
) -> None:
    folder = tmp_path / "repo"
    top = chart(folder, "top", "1.0.0", {"base": "^0.1.0"}, repository="https://gone.example.com/charts")
    base = chart(tmp_path / "elsewhere", "base", "0.1.5")
    client = helm(tmp_path / "helm")
    client.run("package", base, "--destination", top / "charts")
    run = command(tmp_path, folder)
    assert run.publish(f"{plain_registry.host}/gone").code == 0
    (top / "charts/base-0.1.5.tgz").unlink()
    done = run.publish(f"{plain_registry.host}/gone")
    assert done.code == 0, done.err
    assert done.statuses() == {"top": "unchanged"}
    (top / "values.yaml").write_text("other: true\n")
    assert run.publish(f"{plain_registry.host}/gone").statuses() == {"top": "conflict"}


def embedded(run: Command, report: dict[str, Any], name: str = "top") -> bytes:
    """Return the values.yaml of `base` as it is embedded in what was published."""
    entry = next(c for c in report["charts"] if c["name"] == name)
    return dict(files(load_archive(layer(run, entry), title=name)))["charts/base/values.yaml"]


@pytest.fixture
def published(tmp_path: Path) -> Callable[[str], Command]:
    """Publish a `base` to a place."""

    def publish(place: str) -> Command:
        folder = tmp_path / "repo"
        chart(folder, "base", "0.1.0")
        run = command(tmp_path, folder)
        assert run.publish(place).code == 0
        return run

    return publish


def drift(run: Command) -> None:
    """Let the tree of `base` go on without a new version."""
    (run.folder / "charts/base/values.yaml").write_text("drifted: true\n")


def embed_by_url(run: Command, place: str) -> Path:
    return chart(run.folder, "top", "1.0.0", {"base": "^0.1.0"}, repository=f"oci://{place}")


def test_dependency_by_url_of_this_repository_and_by_file_is_embedded_as_the_tree_has_it(
    plain_registry: Registry, published: Callable[[str], Command]
) -> None:
    place = f"{plain_registry.host}/drifted"
    run = published(place)
    drift(run)
    embed_by_url(run, place)
    chart(run.folder, "near", "1.0.0", {"base": "^0.1.0"})
    done = run.publish(place)
    assert done.statuses() == {"base": "conflict", "near": "published", "top": "published"}
    assert embedded(run, done.report) == b"drifted: true\n"
    assert embedded(run, done.report, "near") == b"drifted: true\n"


def test_overwritten_dependency_by_url_is_embedded_as_it_is_written(
    plain_registry: Registry, published: Callable[[str], Command]
) -> None:
    place = f"{plain_registry.host}/overwritten"
    run = published(place)
    drift(run)
    embed_by_url(run, place)
    done = run.publish(place, options=["--overwrite"])
    assert done.statuses() == {"base": "published", "top": "published"}
    assert embedded(run, done.report) == b"drifted: true\n"


def test_dependency_by_url_that_differs_in_ignored_files_is_embedded_as_published(
    tmp_path: Path, plain_registry: Registry, published: Callable[[str], Command]
) -> None:
    place = f"{plain_registry.host}/ignored"
    settings = tmp_path / "settings.yaml"
    settings.write_text("ignore-changes: [values.yaml]\n")
    run = published(place)
    drift(run)
    embed_by_url(run, place)
    done = run.publish(place, options=["--config", str(settings)])
    assert done.statuses() == {"base": "unchanged", "top": "published"}
    assert embedded(run, done.report) == b"name: base\n"


def test_dependency_by_url_that_is_held_back_is_embedded_as_published(
    plain_registry: Registry, published: Callable[[str], Command]
) -> None:
    place = f"{plain_registry.host}/held"
    run = published(place)
    git = GitRepo(run.folder)
    git.commit("feat: base")
    git.tag("base-0.1.0")
    drift(run)
    git.commit("docs: nothing to release")
    embed_by_url(run, place)
    git.commit("feat: top")
    done = run.publish(place, options=["--bump", "auto", "--untyped", "none"])
    assert (done.code, done.statuses()) == (0, {"base": "drift", "top": "published"}), done.err
    assert embedded(run, done.report) == b"name: base\n"


def test_dependent_of_a_broken_chart_is_left_alone_with_the_reason(
    tmp_path: Path, plain_registry: Registry
) -> None:
    folder = tmp_path / "repo"
    base = chart(folder, "base", "0.1.0")
    (base / "values.yaml").write_text("a: [\n")
    chart(folder, "top", "1.0.0", {"base": "0.1.0"})
    chart(folder, "other", "1.0.0")
    done = command(tmp_path, folder).publish(f"{plain_registry.host}/broken-base")
    assert done.code == 3
    assert done.statuses() == {"base": "failed", "other": "published", "top": "skipped"}


def test_circle_of_charts_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "repo"
    chart(folder, "a", "1.0.0", {"b": "1.0.0"})
    chart(folder, "b", "1.0.0", {"a": "1.0.0"})
    chart(folder, "c", "1.0.0")
    done = command(tmp_path, folder).publish()
    assert done.code == 3
    assert "charts that depend on each other: " in done.out
    assert done.statuses() == {"a": "failed", "b": "failed", "c": "saved"}


@pytest.mark.parametrize(
    ("repository", "message"),
    [
        ("file://../../../outside", "leads out of the repository"),
        ("file:///etc", "leads out of the repository"),
        ("", "has no repository and is missing in charts/"),
        ("'@nowhere'", "no repository is called 'nowhere'"),
        ("file://../none", "there is no chart in charts/none"),
    ],
)
def test_dependency_that_leads_nowhere_is_refused(tmp_path: Path, repository: str, message: str) -> None:
    folder = tmp_path / "repo"
    chart(folder, "top", "1.0.0", {"base": "1.0.0"}, repository=repository or "''")
    GitRepo(folder).commit("first")
    done = command(tmp_path, folder).publish()
    assert done.code == 3
    assert message in done.out


def test_stale_lock_is_refused_in_words_that_help(tmp_path: Path) -> None:
    folder = tmp_path / "repo"
    chart(folder, "base", "0.1.0")
    top = chart(folder, "top", "1.0.0", {"base": "0.1.0"})
    (top / "Chart.lock").write_text(
        "dependencies:\n- name: base\n  repository: file://../base\n  version: 0.1.0\n"
        "digest: sha256:00\ngenerated: 2024-01-01T00:00:00Z\n"
    )
    done = command(tmp_path, folder).publish()
    assert done.code == 3
    assert "is out of sync with the dependencies in Chart.yaml" in done.out


def web(folder: Path, width: int = 16, depth: int = 6) -> int:
    """Write a web of charts: each one depends on two of the layer below."""
    for layer_number in range(depth):
        for number in range(width):
            below = {f"c{layer_number - 1}-{(number + step) % width}": "^1.0.0" for step in (0, 1)}
            chart(folder, f"c{layer_number}-{number}", "1.0.0", below if layer_number else None)
    return width * depth


def test_web_of_a_hundred_charts_is_published_and_one_leaf_moves_exactly_its_dependents(
    tmp_path: Path, olareg: Registry
) -> None:
    folder = tmp_path / "repo"
    count = web(folder)
    repo = GitRepo(folder)
    repo.commit("feat: everything")
    run = command(tmp_path, folder)
    place = f"{olareg.host}/web"
    done = run.publish(place)
    assert done.code == 0, done.err
    assert len(done.statuses()) == count
    for name in done.statuses():
        repo.tag(f"{name}-1.0.0")

    (folder / "charts/c0-0/values.yaml").write_text("name: changed\n")
    repo.commit("fix: leaf")
    done = run.publish(place, options=["--bump", "auto"])
    assert done.code == 0, done.err
    moved = {name for name, status in done.statuses().items() if status == "published"}
    expected = {"c0-0"}
    for number in range(1, 6):
        expected |= {f"c{number}-{(0 - step) % 16}" for step in range(number + 1)}
    assert moved == expected
    assert {c["version"] for c in done.report["charts"] if c["name"] in moved} == {"1.0.1"}
    again = json.loads(run.publish(place, options=["--bump", "auto"]).out)
    assert {c["status"] for c in again["charts"]} == {"unchanged"}


def test_rewritten_dependencies_say_where_users_find_them_and_helm_agrees(
    tmp_path: Path, plain_registry: Registry
) -> None:
    folder = tmp_path / "repo"
    chart(folder, "base", "0.1.0")
    top = chart(folder, "top", "1.0.0", {"base": "^0.1.0"})
    client = helm(tmp_path / "helm")
    client.run("dependency", "update", top)
    for packed in (top / "charts").iterdir():
        packed.unlink()
    url = f"oci://{plain_registry.host}/moved"
    before = (top / "Chart.yaml").read_bytes(), (top / "Chart.lock").read_bytes()
    settings = tmp_path / "settings.yaml"
    settings.write_text(f"rewrite-dependencies: {url}\n")
    done = command(tmp_path, folder).publish(
        f"{plain_registry.host}/moved", options=["--config", str(settings)]
    )
    assert done.code == 0, done.err
    assert before == ((top / "Chart.yaml").read_bytes(), (top / "Chart.lock").read_bytes())
    client.run("pull", f"{url}/top", "--untar", "--untardir", tmp_path / "pulled", "--plain-http")
    pulled = tmp_path / "pulled/top"
    assert url in (pulled / "Chart.yaml").read_text()
    assert (pulled / "charts/base/Chart.yaml").is_file()
    (pulled / "charts/base").rename(tmp_path / "embedded")
    client.run("dependency", "build", pulled, "--plain-http")
    assert (pulled / "charts/base-0.1.0.tgz").is_file()


def test_charts_with_registries_of_their_own_go_there_alone(tmp_path: Path, plain_registry: Registry) -> None:
    folder = tmp_path / "repo"
    chart(folder, "here", "1.0.0")
    chart(folder, "there", "1.0.0")
    settings = tmp_path / "settings.yaml"
    settings.write_text(f"chart-settings:\n  there:\n    registries: [{plain_registry.host}/b]\n")
    done = command(tmp_path, folder).publish(f"{plain_registry.host}/a", options=["--config", str(settings)])
    assert done.code == 0, done.err
    places = {c["name"]: [t["reference"] for t in c["targets"]] for c in done.report["charts"]}
    assert places == {
        "here": [f"{plain_registry.host}/a/here:1.0.0"],
        "there": [f"{plain_registry.host}/b/there:1.0.0"],
    }


def test_chart_that_hardly_fits_a_release_secret_is_warned_of(tmp_path: Path) -> None:
    folder = tmp_path / "repo"
    (chart(folder, "large", "1.0.0") / "files").mkdir()
    noise = random.Random(1).randbytes(900_000)  # noqa: S311  (incompressible, not secret)
    (folder / "charts/large/files/noise").write_bytes(noise)
    done = command(tmp_path, folder).run("plan", "--json")
    assert done.code == 0, done.err
    (entry,) = done.report["charts"]
    assert entry["release_size"] > 1024 * 1024
    assert any("1 MiB" in warning for warning in entry["warnings"])
