"""The historic walk-through, line for line, with the real program and a real registry."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.programs import REPOSITORY, program

CHART = REPOSITORY / "tests" / "vectors" / "helm" / "c2"
DIGEST = "e8f446d6c9918b1da6af496cce7b03b6b2942b7b3d407f462719999e67d11b60"
LEGACY = "application/tar+gzip"

REGISTRY_SETTINGS = """\
version: 0.1
log: {{level: warn}}
storage: {{filesystem: {{rootdirectory: {root}}}}}
http: {{addr: 127.0.0.1:{port}}}
"""
MISNAMED = re.compile(
    r"warning: (\S+ is the chart (\S+ \S+): who pulls it installs \2; save it as \S+"
    r"|charts/ holds \S+ \S+, which is not declared: .*)"
)


@dataclass(frozen=True, slots=True)
class Shell:
    """A folder with a chart in it, where the program is run with a home of its own."""

    folder: Path
    host: str

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "oci_chart_publish", *command.replace("HOST", self.host).split()],
            cwd=self.folder,
            env={
                "HOME": str(self.folder / "home"),
                "PYTHONPATH": str(REPOSITORY / "src"),
                "PATH": "/usr/bin:/bin",
            },
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def says(self, command: str) -> str:
        """Run a command that has to succeed quietly and return what it printed."""
        done = self.run(command)
        said = [line for line in done.stderr.splitlines() if not MISNAMED.fullmatch(line)]
        assert (done.returncode, said) == (0, [])
        return done.stdout.replace(self.host, "HOST")

    @property
    def cache(self) -> Path:
        return self.folder / "home" / ".cache" / "oci-chart-publish" / "layout"


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Debian's registry on a free port of this machine."""
    server = program("docker-registry")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = tmp_path_factory.mktemp("registry")
    (folder / "registry.yml").write_text(REGISTRY_SETTINGS.format(root=folder / "data", port=port))
    with (folder / "log").open("w") as log:
        process = subprocess.Popen([server, "serve", str(folder / "registry.yml")], stdout=log, stderr=log)
    try:
        _wait(port, folder / "log")
        yield f"localhost:{port}"
    finally:
        process.terminate()
        process.wait(10)


def _wait(port: int, log: Path) -> None:
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    pytest.fail(f"the registry did not start: {log.read_text()}")


@pytest.fixture
def shell(tmp_path: Path, host: str) -> Shell:
    shutil.copytree(CHART, tmp_path / "mychart")
    return Shell(tmp_path, host)


def block(tag: str, repository: str = "myrepo/mychart") -> str:
    return (
        f"ref:     HOST/{repository}:{tag}\n"
        f"digest:  {DIGEST}\n"
        "size:    486 B\n"
        "name:    c2\n"
        "version: 0.1.0\n"
    )  # fmt: skip


def test_the_walk_through_line_for_line(shell: Shell) -> None:
    assert shell.says("list") == "REF\tNAME\tVERSION\tDIGEST\tSIZE\tCREATED\n"
    assert shell.says("save mychart/ HOST/myrepo/mychart:2.7.0") == block("2.7.0") + "2.7.0: saved\n"
    assert sorted(path.name for path in shell.cache.iterdir()) == [
        "blobs",
        "index.json",
        "ingest",
        "oci-layout",
    ]
    assert (shell.cache / "oci-layout").read_text() == '{"imageLayoutVersion":"1.0.0"}'
    assert len(list((shell.cache / "blobs" / "sha256").iterdir())) == 3
    # Columns are as wide as their widest cell, so they depend on the length of the port.
    blanks = " " * (len(shell.host) - len("HOST"))
    lines = shell.says("list").splitlines()
    assert [line.split("\t")[:5] for line in lines] == [
        ["REF" + " " * 22 + blanks, "NAME", "VERSION", "DIGEST ", "SIZE "],
        ["HOST/myrepo/mychart:2.7.0", "c2  ", "0.1.0  ", "e8f446d", "486 B"],
    ]
    assert shell.says("push HOST/myrepo/mychart:2.7.0") == (
        "The push refers to repository [HOST/myrepo/mychart]\n"
        + block("2.7.0")
        + "2.7.0: pushed to remote (1 layer, 486 B total)\n"
    )
    assert shell.says("remove HOST/myrepo/mychart:2.7.0") == "2.7.0: removed\n"
    pulled = "2.7.0: Pulling from HOST/myrepo/mychart\n" + block("2.7.0")
    assert shell.says("pull HOST/myrepo/mychart:2.7.0") == (
        pulled + "Status: Downloaded newer chart for HOST/myrepo/mychart:2.7.0\n"
    )
    assert shell.says("pull HOST/myrepo/mychart:2.7.0") == (
        pulled + "Status: Chart is up to date for HOST/myrepo/mychart:2.7.0\n"
    )
    assert shell.says("export HOST/myrepo/mychart:2.7.0") == block("2.7.0") + "Exported chart to c2/\n"
    assert shell.says("export HOST/myrepo/mychart -d out") == block("2.7.0") + "Exported chart to out/c2/\n"
    for exported in ("c2", "out/c2"):
        found = subprocess.run(
            ["diff", "-urNa", "mychart", exported],
            cwd=shell.folder,
            check=False,
            capture_output=True,
            text=True,
        )
        assert (found.returncode, found.stdout) == (0, "")


def test_the_legacy_form_goes_there_and_back(shell: Shell) -> None:
    saved = shell.says("save --legacy mychart/ HOST/myrepo/legacy:1.0.0+b.1")
    digest = saved.splitlines()[1].split()[1]
    manifest = json.loads((shell.cache / "blobs" / "sha256" / digest).read_bytes())
    assert list(manifest) == ["schemaVersion", "config", "layers"]
    assert [layer["mediaType"] for layer in manifest["layers"]] == [LEGACY]
    assert saved.splitlines()[-1] == "1.0.0_b.1: saved"
    assert shell.says("push HOST/myrepo/legacy:1.0.0+b.1").splitlines()[-1] == (
        "1.0.0_b.1: pushed to remote (1 layer, 486 B total)"
    )
    shutil.rmtree(shell.cache)
    assert shell.says("pull HOST/myrepo/legacy:1.0.0+b.1").splitlines()[2] == f"digest:  {digest}"
    shell.says("export HOST/myrepo/legacy")
    assert (shell.folder / "c2" / "Chart.lock").read_bytes() == (CHART / "Chart.lock").read_bytes()


def test_a_cache_of_helm_3_6_3_is_pushed_as_it_is(shell: Shell) -> None:
    shutil.copytree(REPOSITORY / "tests" / "vectors" / "helm-3.6.3" / "cache", shell.folder / "old")
    index = shell.folder / "old" / "index.json"
    index.write_text(index.read_text().replace("localhost:5000/myrepo", f"{shell.host}/old"))
    assert len(shell.says("list --layout old").splitlines()) == 8
    for tag, digest in (("0.1.0", "0393373"), ("latest", "a24f1c1"), ("1.0.0+build", "431f439")):
        said = shell.says(f"push HOST/old/mychart:{tag} --layout old")
        assert said.splitlines()[2].startswith(f"digest:  {digest}")
        pulled = shell.says(f"pull HOST/old/mychart:{tag}")
        assert pulled.splitlines()[2].startswith(f"digest:  {digest}")
    shell.says("export HOST/old/mychart:latest")
    assert (shell.folder / "c2" / "files" / "é.txt").read_bytes() == (CHART / "files" / "é.txt").read_bytes()


@pytest.mark.parametrize(
    ("command", "code", "printed", "complaint"),
    [
        ("push HOST/myrepo/mychart:9.9.9", 2, "", "Chart not found: HOST/myrepo/mychart:9.9.9"),
        ("remove HOST/myrepo/mychart", 2, "", "Chart not found: HOST/myrepo/mychart"),
        ("export HOST/myrepo/mychart:8.8.8", 2, "", "Chart not found: HOST/myrepo/mychart:8.8.8"),
        (
            "pull HOST/myrepo/nosuch:9.9.9",
            5,
            "9.9.9: Pulling from HOST/myrepo/nosuch\n",
            "HOST/myrepo/nosuch:9.9.9: not found",
        ),
        ("pull HOST/myrepo/mychart", 2, "", "HOST/myrepo/mychart: tag explicitly required"),
        ("save nosuch/ HOST/a/b:1", 2, "", "cannot read the chart nosuch: No such file or directory"),
        (
            "save mychart/ HOST/UPPER/x:1.0.0",
            2,
            "",
            "HOST/UPPER/x: 'UPPER/x' is not a legal repository name",
        ),
        ("save", 2, "", "Missing argument 'CHART'"),
        ("save a b c", 2, "", "Got unexpected extra argument (c)"),
    ],
)
def test_what_goes_wrong_is_said_in_words(
    shell: Shell, command: str, code: int, printed: str, complaint: str
) -> None:
    done = shell.run(command)
    assert (done.returncode, done.stdout.replace(shell.host, "HOST")) == (code, printed)
    assert complaint in done.stderr.replace(shell.host, "HOST")
    assert "Traceback" not in done.stderr


def test_a_tag_that_holds_something_else_is_left_alone(shell: Shell) -> None:
    shell.says("save mychart/ HOST/myrepo/conflict:1")
    shell.says("push HOST/myrepo/conflict:1")
    (shell.folder / "mychart" / "files" / "é.txt").write_text("changed")
    shell.says("save mychart/ HOST/myrepo/conflict:1")
    done = shell.run("push HOST/myrepo/conflict:1")
    assert done.returncode == 4
    assert f"holds something else already: {DIGEST[:12]}, not " in done.stderr
    assert f"digest:  {DIGEST}\n" in shell.says("pull HOST/myrepo/conflict:1")
    shell.says("save mychart/ HOST/myrepo/conflict:1")
    assert "1: pushed to remote" in shell.says("push HOST/myrepo/conflict:1 --overwrite")


def test_a_registry_that_is_down_is_named(shell: Shell) -> None:
    done = shell.run("pull localhost:1/a/b:1.0.0")
    assert (done.returncode, done.stdout) == (5, "1.0.0: Pulling from localhost:1/a/b\n")
    assert "http://localhost:1/v2/a/b/manifests/1.0.0: connection refused" in done.stderr
