"""The image, built from the Dockerfile and started as the runner starts it, against a real registry."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest
from tests.action.minirunner import ROOT, Runner, Step
from tests.fakes.git import GitRepo
from tests.image.container import ENGINE, ImageRunner, image
from tests.programs import program
from tests.real.registries import Registry

pytestmark = pytest.mark.xdist_group("image")
MAIN = "refs/heads/main"
PUSH = {"before": "0" * 40}


@pytest.fixture
def repo(tmp_path: Path) -> GitRepo:
    repo = GitRepo(tmp_path / "workspace")
    shutil.copytree(ROOT / "examples" / "charts", repo.root / "charts")
    repo.commit("feat: example charts")
    return repo


@pytest.fixture
def runner(repo: GitRepo, tmp_path: Path) -> ImageRunner:
    (tmp_path / "runner").mkdir()
    return ImageRunner(workspace=repo.root, temp=tmp_path / "runner", api_url="http://127.0.0.1:9")


def push(runner: Runner, repo: GitRepo, **inputs: str) -> Step:
    sha = repo.git("rev-parse", "HEAD")
    return runner.step("push", PUSH, ref=MAIN, sha=sha, release="off", comment="off", **inputs)


def digests(step: Step) -> dict[str, str]:
    return {chart["name"]: chart["digest"] for chart in json.loads(step.outputs["charts"])}


def test_publishes_what_the_bare_entry_point_publishes(
    runner: ImageRunner, repo: GitRepo, tmp_path: Path, plain_registry: Registry
) -> None:
    inside = push(runner, repo, registries=f"{plain_registry.host}/image")
    assert inside.code == 0, inside.errors + inside.log
    assert inside.outputs["published"] == "true"
    assert sorted(digests(inside)) == ["common", "guestbook", "shop"]
    assert "### Helm charts: 3 published" in inside.summary

    bare = Runner(workspace=repo.root, temp=tmp_path / "bare", api_url="http://127.0.0.1:9")
    outside = push(bare, repo, registries=f"{plain_registry.host}/bare")
    assert digests(outside) == digests(inside)

    for name, digest in digests(inside).items():
        version = next(c["version"] for c in json.loads(inside.outputs["charts"]) if c["name"] == name)
        reference = f"{plain_registry.host}/image/{name}:{version}"
        assert _run(program("crane"), "digest", "--insecure", reference) == digest


def test_second_run_finds_everything_published(
    runner: ImageRunner, repo: GitRepo, plain_registry: Registry
) -> None:
    push(runner, repo, registries=f"{plain_registry.host}/twice")
    step = push(runner, repo, registries=f"{plain_registry.host}/twice")
    assert step.code == 0, step.errors
    assert (step.outputs["published"], step.outputs["conclusion"]) == ("false", "nothing")


def test_hyphenated_inputs_arrive(runner: ImageRunner, repo: GitRepo, plain_registry: Registry) -> None:
    plain_registry.clear()
    step = push(runner, repo, registries=f"{plain_registry.host}/dry", dry_run="true")
    assert step.code == 0, step.errors
    assert step.outputs["published"] == "false"
    assert not [path for method, path, _ in plain_registry.requests() if method in {"PUT", "POST"}]


def test_git_of_the_image_reads_a_workspace_of_another_user(
    runner: ImageRunner, repo: GitRepo, plain_registry: Registry
) -> None:
    for path in (repo.root, *repo.root.rglob("*")):
        shutil.chown(path, 1001, 1001)
    sha = repo.git("-c", f"safe.directory={repo.root}", "rev-parse", "HEAD")
    step = runner.step(
        "push",
        PUSH,
        ref=MAIN,
        sha=sha,
        release="off",
        comment="off",
        registries=f"{plain_registry.host}/owned",
    )
    assert step.code == 0, step.errors
    assert len(digests(step)) == 3


def test_exit_codes_come_through(runner: ImageRunner, repo: GitRepo) -> None:
    step = push(runner, repo, registries="not a registry")
    assert step.code == 2
    assert step.annotations[0].startswith("::error"), step.log
    repo.write({"charts/common/Chart.yaml": "apiVersion: v2\nname: common\nversion: one\n"})
    repo.commit("fix: a version that is none")
    assert push(runner, repo).code == 3


def test_read_only_root_file_system_is_enough(
    runner: ImageRunner, repo: GitRepo, plain_registry: Registry
) -> None:
    runner.options = ("--read-only", "--cap-drop=ALL", "--cap-add=DAC_OVERRIDE")
    step = push(runner, repo, registries=f"{plain_registry.host}/readonly")
    assert step.code == 0, step.errors + step.log
    assert len(digests(step)) == 3


def test_another_user_gets_a_message_not_a_traceback(
    runner: ImageRunner, repo: GitRepo, plain_registry: Registry
) -> None:
    runner.options = ("--user=1001",)
    step = push(runner, repo, registries=f"{plain_registry.host}/user")
    assert step.code == 2
    assert "Traceback" not in step.errors + step.log
    assert "cannot make the image layout /github/runner_temp/layout: Permission denied" in step.log


def test_another_user_who_may_write_publishes(
    runner: ImageRunner, repo: GitRepo, plain_registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner.options = ("--user=1001",)
    start = runner.start

    def opened(environment: dict[str, str]) -> subprocess.CompletedProcess[bytes]:
        for path in (runner.temp, *runner.temp.rglob("*")):
            path.chmod(0o777)
        return start(environment)

    monkeypatch.setattr(runner, "start", opened)
    step = push(runner, repo, registries=f"{plain_registry.host}/user")
    assert step.code == 0, step.errors + step.log
    assert len(digests(step)) == 3


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_it_within_the_time_the_runner_gives(
    runner: ImageRunner, repo: GitRepo, sent: signal.Signals
) -> None:
    runner.name = f"oci-chart-publish-{sent.name.lower()}"
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(60)
        host = f"127.0.0.1:{silent.getsockname()[1]}"

        def interrupt() -> None:
            # The first request is there and is never answered.
            connection, _ = silent.accept()
            time.sleep(0.2)
            _run("podman", "kill", f"--signal={sent.name}", runner.name)
            sent_at.append(time.monotonic())
            held.append(connection)

        sent_at: list[float] = []
        held: list[socket.socket] = []
        thread = threading.Thread(target=interrupt)
        thread.start()
        step = push(runner, repo, registries=f"{host}/silent")
        ended = time.monotonic()
        thread.join()
        for connection in held:
            connection.close()
    assert step.code == 130, step.errors + step.log
    assert ended - sent_at[0] < 7.5
    assert "interrupted" in step.log


def test_stopped_run_reports_what_it_did(
    runner: ImageRunner, repo: GitRepo, plain_registry: Registry
) -> None:
    for number in range(24):
        chart = f"charts/c{number}"
        repo.write({f"{chart}/Chart.yaml": f"apiVersion: v2\nname: c{number}\nversion: 1.0.0\n"})
        (repo.root / chart / "blob.bin").write_bytes(os.urandom(700_000))
    repo.commit("feat: many charts")
    runner.name = "oci-chart-publish-partial"
    plain_registry.clear()

    def interrupt() -> None:
        deadline = time.monotonic() + 60
        while "PUT" not in plain_registry.log.read_text() and time.monotonic() < deadline:
            time.sleep(0.01)
        _run("podman", "kill", "--signal=TERM", runner.name)

    thread = threading.Thread(target=interrupt)
    thread.start()
    step = push(runner, repo, registries=f"{plain_registry.host}/partial")
    thread.join()
    assert step.code == 130, step.errors + step.log
    assert step.outputs["conclusion"] == "interrupted"
    again = push(runner, repo, registries=f"{plain_registry.host}/partial")
    assert again.code == 0, again.errors
    assert len(digests(again)) == 27


def test_holds_git_and_neither_compiler_nor_helm() -> None:
    look = (
        "import shutil; print(sorted(n for n in ('git','gcc','cc','helm','docker','pip') if shutil.which(n)))"
    )
    entry = _run("podman", "run", "--rm", "--entrypoint=/opt/venv/bin/python", image(), "-c", look)
    assert entry in {"['git']", "['git', 'pip']"}, entry


def test_entry_point_is_no_shell_and_the_user_is_the_runners() -> None:
    config = json.loads(_run("podman", "image", "inspect", image()))[0]["Config"]
    assert config["Entrypoint"] == ["/opt/venv/bin/python", "-m", "oci_chart_publish"]
    assert not config.get("User")
    assert config["Labels"]["org.opencontainers.image.licenses"] == "Apache-2.0"


def test_image_tells_its_version() -> None:
    said = _run("podman", "run", "--rm", image(), "--version")
    assert re.fullmatch(r"oci-chart-publish, version \d+\.\d+\.\d+\S*", said)


def _run(*command: str) -> str:
    done = subprocess.run(command, env=ENGINE, capture_output=True, check=False, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
