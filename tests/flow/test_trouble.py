"""The whole run when something is in its way: what is said, which code comes back, and that nothing is lost."""

from __future__ import annotations

import hashlib
import json
import random
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fakes.git import GitRepo
from tests.fakes.registry import FakeRegistry
from tests.fakes.wire import Reply, Seen
from tests.flow.command import Command, credentials, repository
from tests.real.registries import Registry
from tests.real.tools import tool


@pytest.fixture
def command(tmp_path: Path) -> Command:
    (tmp_path / "home").mkdir()
    return Command(folder=repository(tmp_path / "repo"), home=tmp_path / "home")


def tags(registry: Registry, path: str) -> Iterator[str]:
    """Yield the digests that skopeo finds for every tag of a repository, layers read and checked."""
    skopeo = tool("skopeo")
    listed = subprocess.run(
        [skopeo, "list-tags", "--tls-verify=false", f"docker://{registry.host}/{path}"],
        capture_output=True,
        check=False,
    )
    for tag in json.loads(listed.stdout or b'{"Tags": []}')["Tags"] or []:
        done = subprocess.run(
            [skopeo, "inspect", "--raw", "--tls-verify=false", f"docker://{registry.host}/{path}:{tag}"],
            capture_output=True,
            check=True,
        )
        yield f"{tag} {len(done.stdout)}"


def test_twenty_kills_and_one_run_leave_registry_and_cache_whole(
    tmp_path: Path, plain_registry: Registry
) -> None:
    (tmp_path / "home").mkdir()
    command = Command(folder=repository(tmp_path / "repo", 12, size=20_000), home=tmp_path / "home")
    undisturbed = Command(folder=command.folder, home=tmp_path / "other")
    expected = undisturbed.publish(f"{plain_registry.host}/quiet").digests()
    chance = random.Random(7)  # noqa: S311
    killed = 0
    for number in range(20):
        process = command.start("publish", "--registry", f"{plain_registry.host}/kill")
        time.sleep(chance.uniform(0.05, 0.6))
        process.send_signal(signal.SIGKILL if number % 2 else signal.SIGTERM)
        process.communicate(timeout=30)
        killed += process.returncode != 0
    assert killed >= 5
    done = command.publish(f"{plain_registry.host}/kill")
    assert done.code == 0, done.err
    assert done.digests() == expected
    for name in expected:
        assert len(list(tags(plain_registry, f"kill/{name}"))) == 1
    assert command.run("verify", "--registry", f"{plain_registry.host}/kill").code == 0
    assert command.run("publish").code == 0
    layout = command.home / "layout"
    for name in ("chart-0:1.0.0", "chart-11:1.11.0"):
        subprocess.run(
            [tool("skopeo"), "inspect", "--raw", f"oci:{layout}:{name}"], check=True, capture_output=True
        )


def test_two_at_once_on_one_cache_and_one_registry_both_succeed(
    command: Command, plain_registry: Registry
) -> None:
    line = ("publish", "--json", "--registry", f"{plain_registry.host}/twins")
    processes = [command.start(*line) for _ in range(2)]
    outcomes = [process.communicate(timeout=60) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outcomes
    digests = [{chart["name"]: chart["digest"] for chart in json.loads(out)["charts"]} for out, _ in outcomes]
    assert digests[0] == digests[1]


def test_cache_that_is_cleared_while_a_run_publishes_costs_no_report(command: Command) -> None:
    registry = FakeRegistry()
    answer = registry.server.answer

    def cleared(seen: Seen) -> Reply:
        if seen.method == "PUT" and seen.target.endswith("/manifests/1.3.0"):
            for blob in (command.home / "layout/blobs/sha256").iterdir():
                blob.unlink()
        return answer(seen)

    registry.server.answer = cleared
    try:
        done = command.publish(f"{registry.host}/cleared", options=["--plain-http"])
    finally:
        registry.close()
    assert done.code == 0, done.err
    assert set(done.statuses().values()) == {"published"}
    for chart in done.report["charts"]:
        assert "got no name in the cache" in chart["warnings"][0]
    assert command.run("list").out.count("cleared/") == 0


def test_report_that_cannot_be_written_is_told_before_anything_is_published(
    command: Command, plain_registry: Registry
) -> None:
    place = f"{plain_registry.host}/unwritten"
    (command.folder / "taken").write_text("")
    for name, why in ((".", "it is a folder"), ("taken/report.json", "taken cannot be written to")):
        done = command.publish(place, options=["--markdown", name])
        assert done.code == 2, done.err
        assert f"cannot write {name}: " in done.err
        assert why in done.err
    assert not [path for _, path, _ in plain_registry.requests() if "/unwritten/" in path]
    done = command.publish(place, options=["--markdown", "made/for/it.md"])
    assert (done.code, (command.folder / "made/for/it.md").exists()) == (0, True), done.err


def test_wrong_password_is_exit_6_and_nothing_is_written(
    command: Command, htpasswd_registry: Registry
) -> None:
    htpasswd_registry.clear()
    options = ["--username", htpasswd_registry.username, "--password", "wrong"]
    done = command.publish(f"{htpasswd_registry.host}/wrong", options=options)
    assert done.code == 6
    assert "401" in done.out + done.err
    assert "wrong" not in done.err.replace("/wrong/", "")
    assert set() < {method for method, _, _ in htpasswd_registry.requests()} <= {"HEAD", "GET"}


def test_registry_that_is_down_leaves_no_tag_anywhere_and_the_next_run_converges(
    command: Command, plain_registry: Registry
) -> None:
    gone = "127.0.0.1:1"
    done = command.publish(f"{plain_registry.host}/down", f"{gone}/down")
    assert done.code == 5
    assert set(done.statuses().values()) == {"failed"}
    assert "connection refused" in done.out
    assert list(tags(plain_registry, "down/chart-0")) == []
    assert command.publish(f"{plain_registry.host}/down").code == 0


BROKEN = {
    "tab": ("apiVersion: v2\n\tname: bad\nversion: 1.0.0\n", 3, "charts/bad/Chart.yaml:2"),
    "version": ("apiVersion: v2\nname: bad\nversion: 1.2.x\n", 3, "charts/bad/Chart.yaml:3: 'version'"),
    "upper": ("apiVersion: v2\nname: Bad\nversion: 1.0.0\n", 2, "write it in lower case"),
    "missing": ("apiVersion: v2\nname: bad\n", 3, "charts/bad/Chart.yaml: 'version'"),
}


@pytest.mark.parametrize("case", sorted(BROKEN))
def test_one_broken_chart_is_named_and_does_not_hide_the_others(
    command: Command, plain_registry: Registry, case: str
) -> None:
    text, code, message = BROKEN[case]
    (command.folder / "charts/bad").mkdir()
    (command.folder / "charts/bad/Chart.yaml").write_text(text)
    done = command.run("publish", "--registry", f"{plain_registry.host}/broken-{case}")
    assert done.code == code
    assert message in done.err
    assert "4 published" in done.out
    assert "Traceback" not in done.err


def test_tag_that_holds_something_else_is_a_conflict_and_stays(
    command: Command, plain_registry: Registry
) -> None:
    place = f"{plain_registry.host}/conflict"
    first = command.publish(place)
    (command.folder / "charts/chart-1/values.yaml").write_text("other: true\n")
    plain_registry.clear()
    done = command.publish(place)
    assert done.code == 4
    assert done.statuses()["chart-1"] == "conflict"
    assert done.digests() == first.digests()
    assert set() < {method for method, _, _ in plain_registry.requests()} <= {"HEAD", "GET"}
    assert command.publish(place, options=["--overwrite"]).code == 0


def test_image_under_the_name_of_a_chart_is_a_conflict(
    command: Command, plain_registry: Registry, tmp_path: Path
) -> None:
    image = tmp_path / "image"
    skopeo = tool("skopeo")
    manifest = {
        "schemaVersion": 2,
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": "", "size": 2},
        "layers": [],
    }
    (image / "blobs/sha256").mkdir(parents=True)

    def blob(data: bytes) -> tuple[str, int]:
        digest = hashlib.sha256(data).hexdigest()
        (image / "blobs/sha256" / digest).write_bytes(data)
        return f"sha256:{digest}", len(data)

    config = {
        "architecture": "amd64",
        "os": "linux",
        "rootfs": {"type": "layers", "diff_ids": []},
        "config": {},
    }
    digest, size = blob(json.dumps(config).encode())
    manifest["config"] = {
        "mediaType": "application/vnd.oci.image.config.v1+json",
        "digest": digest,
        "size": size,
    }
    digest, size = blob(json.dumps(manifest).encode())
    (image / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    entry = {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest, "size": size}
    (image / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    place = f"{plain_registry.host}/image"
    subprocess.run(
        [skopeo, "copy", "-q", "--dest-tls-verify=false", f"oci:{image}", f"docker://{place}/chart-0:1.0.0"],
        check=True,
    )
    done = command.run("publish", "charts/chart-0", "--registry", place)
    assert done.code == 4
    assert "holds something that is no Helm chart (application/vnd.oci.image.config.v1+json)" in done.err


def test_two_charts_of_one_name_end_the_run_before_anything_is_written(
    command: Command, plain_registry: Registry
) -> None:
    (command.folder / "charts/twin").mkdir()
    (command.folder / "charts/twin/Chart.yaml").write_text("apiVersion: v2\nname: chart-0\nversion: 9.0.0\n")
    plain_registry.clear()
    done = command.run("publish", "--registry", f"{plain_registry.host}/twin")
    assert done.code == 2
    assert "'chart-0' in charts/chart-0 and charts/twin" in done.err
    assert plain_registry.requests() == []


def test_untracked_file_is_left_out_and_named(tmp_path: Path, plain_registry: Registry) -> None:
    repo = GitRepo(repository(tmp_path / "a repo with blanks é", 1))
    repo.commit("first")
    (repo.root / "charts/chart-0/gha-creds.json").write_text("secret")
    (tmp_path / "home").mkdir()
    command = Command(folder=repo.root, home=tmp_path / "home")
    done = command.run("publish", "--registry", f"{plain_registry.host}/untracked")
    assert done.code == 0, done.err
    assert "gha-creds.json is not tracked by git and was left out" in done.err
    shown = command.run("diff", f"oci://{plain_registry.host}/untracked/chart-0:1.0.0", "charts/chart-0")
    assert "+ gha-creds.json" in shown.out


def test_what_a_run_writes_beside_a_chart_is_no_file_of_it(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path / "repo")
    repo.write({"Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n"})
    repo.commit("first")
    (tmp_path / "home").mkdir()
    command = Command(folder=repo.root, home=tmp_path / "home")
    for _ in range(2):
        done = command.run("plan", "--layout", "plan", "--report", "report.json", "--markdown", "plan.md")
        assert (done.code, "not tracked" in done.err) == (0, False), done.err
    (repo.root / "left.json").write_text("{}")
    assert "left.json is not tracked by git" in command.run("plan", "--layout", "plan").err


def test_digest_is_that_of_the_tree_wherever_and_however_it_is_built(tmp_path: Path) -> None:
    repo = GitRepo(repository(tmp_path / "origin", 3))
    repo.commit("first")
    shallow = GitRepo.clone(repo.root, tmp_path / "shallow clone", "--depth=1")
    plain = repository(tmp_path / "plain", 3)
    digests = []
    for number, (folder, extra) in enumerate(
        [
            (repo.root, {}),
            (shallow.root, {"TZ": "Asia/Tokyo", "LC_ALL": "C"}),
            (plain, {"PYTHONHASHSEED": "3", "LANG": "tr_TR.UTF-8"}),
        ]
    ):
        home = tmp_path / f"home{number}"
        home.mkdir()
        source = {"OCI_CHART_PUBLISH_SOURCE": "https://example.com/charts"}
        digests.append(Command(folder=folder, home=home, extra={**extra, **source}).publish().digests())
    assert digests[0] == digests[1] == digests[2]
    assert digests[0]["chart-0"] == GOLDEN


GOLDEN = "sha256:d8dddac14ce37646cd4abfae5eefcd5a12021f810cac6d27ac6e3122da2bbf06"


def test_secrets_are_neither_in_the_log_nor_in_the_report(command: Command, token_registry: Registry) -> None:
    done = command.publish(f"{token_registry.host}/secret", options=[*credentials(token_registry)])
    assert done.code == 0, done.err
    assert token_registry.password not in done.out + done.err


def test_chart_not_begun_when_the_run_is_interrupted_is_skipped_and_not_failed(command: Command) -> None:
    places = [FakeRegistry(), FakeRegistry()]
    tag = r"PUT .*/manifests/1\.[0-9]\.0$"
    try:
        for place in places:
            place.next(tag, Reply(status=503, delay=1))
        named = [word for place in places for word in ("--registry", place.host + "/stop")]
        process = command.start("publish", "--json", "--jobs", "1", "--plain-http", *named)
        while not any(re.search(tag, line) for place in places for line in place.lines()):
            assert process.poll() is None, process.communicate()
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        for place in places:
            place.close()
    assert process.returncode == 130, err
    charts = {chart["name"]: chart for chart in json.loads(out)["charts"]}
    first, *others = sorted(charts.values(), key=lambda chart: bool(chart["status"] == "skipped"))
    assert (first["status"], [one["status"] for one in others]) == ("published", ["skipped"] * 3), err
    for chart in others:
        assert [target["status"] for target in chart["targets"]] == ["skipped"] * 2
        assert chart["error"]["message"] == "not published: the run was interrupted"
    assert [len(place.stores[f"stop/{first['name']}"].tags) for place in places] == [1, 1]
    assert sum(len(store.tags) for place in places for store in place.stores.values()) == 2
