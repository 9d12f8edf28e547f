"""Real processes on one layout: at once, and killed at any moment."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.layout.artifacts import artifact, put, read_by_the_book

from oci_chart_publish.errors import ConfigError
from oci_chart_publish.layout import files as lock
from oci_chart_publish.layout.layout import ImageLayout

REPOSITORY = Path(__file__).parents[2]

WRITER = """
import sys
from itertools import count
from pathlib import Path
from oci_chart_publish.layout.layout import ImageLayout
from tests.layout.artifacts import artifact, put
layout = ImageLayout.create(Path(sys.argv[1]))
who, times = sys.argv[2], int(sys.argv[3])
print("ready", flush=True)
for number in range(times) if times else count():
    put(layout, artifact(f"{who} {number}"), f"localhost:5000/charts/{who}:{number}")
    if times == 0 and number % 3 == 2:
        layout.remove(f"localhost:5000/charts/{who}:{number - 1}")
        print(number, flush=True)
"""

HOLDER = """
import fcntl, sys
file = open(sys.argv[1], "w")
fcntl.flock(file, fcntl.LOCK_EX)
print("held", flush=True)
input()
"""


def writer(root: Path, who: str, times: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(root), who, str(times)],
        cwd=REPOSITORY,
        env={"PYTHONPATH": f"{REPOSITORY / 'src'}:{REPOSITORY}"},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_two_processes_that_write_200_names_at_once_lose_none(tmp_path: Path) -> None:
    root = tmp_path / "cache"  # made by both at once too
    children = [writer(root, who, 200) for who in ("one", "two")]
    assert [child.communicate(timeout=120)[0] for child in children] == ["ready\n", "ready\n"]
    assert [child.returncode for child in children] == [0, 0]
    expected = {f"localhost:5000/charts/{who}:{number}" for who in ("one", "two") for number in range(200)}
    assert set(read_by_the_book(root)) == expected


def test_a_layout_is_whole_after_every_kill(tmp_path: Path) -> None:
    root = tmp_path / "cache"
    chance = random.Random(20260)  # noqa: S311  (when to kill)
    survived: dict[str, int] = {}
    for turn in range(20):
        who = f"writer-{turn}"
        child = writer(root, who, 0)
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        # Every other one has written something before it is killed, however busy the machine is.
        first = child.stdout.readline() if turn % 2 else ""
        time.sleep(chance.uniform(0.0, 0.06))
        child.kill()
        last = (first + child.stdout.read()).split()
        child.stdout.close()
        assert child.wait(30) == -signal.SIGKILL
        if last:
            survived[who] = int(last[-1])
        names = read_by_the_book(root)
        # What was reported done before the kill is there, what was removed is not.
        for known, number in survived.items():
            assert f"localhost:5000/charts/{known}:{number}" in names
            assert f"localhost:5000/charts/{known}:{number - 1}" not in names
    put(ImageLayout.create(root), artifact("after all"), "after:1")
    assert "after:1" in read_by_the_book(root)
    assert survived


def test_a_layout_whose_making_was_killed_is_made_by_the_next(tmp_path: Path) -> None:
    for turn in range(15):
        root = tmp_path / str(turn)
        child = writer(root, "killed", 0)
        time.sleep(0.06 + turn * 0.006)
        child.kill()
        child.communicate(timeout=30)
        put(ImageLayout.create(root), artifact("a"), "a:1")
        assert "a:1" in read_by_the_book(root)


def test_a_lock_that_is_not_given_back_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "WAIT", 0.2)
    layout = ImageLayout.create(tmp_path)
    held = subprocess.Popen(
        [
            sys.executable,
            "-c",
            HOLDER,
            str(tmp_path / "ingest" / "lock"),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert held.stdout is not None
    assert held.stdout.readline() == "held\n"
    with pytest.raises(ConfigError) as caught:
        put(layout, artifact("a"), "a:1")
    assert caught.value.message.startswith(f"{tmp_path}/ingest/lock: another process has held the lock")
    assert layout.names() == {}
    held.kill()
    held.communicate(timeout=30)
    put(layout, artifact("a"), "a:1")
    assert list(layout.names()) == ["a:1"]
