"""Signals are heard at any moment: in processes of their own, since a process has one set of handlers."""

from __future__ import annotations

import subprocess
import sys

import pytest
from tests.flow.command import ROOT

START = """
import hashlib, os, signal, sys, threading
sys.path.insert(0, sys.argv[1])
from oci_chart_publish.interruption import (Interruption, listen_early)
"""

# pbkdf2_hmac gives the lock of the interpreter away and looks for no signals, like a wait for a lock that is about to
# begin when the signal comes. No other thread runs before that, so the signal comes while it is under way.
BUSY = """
sys.setswitchinterval(1000)
one = Interruption(grace=0.1)
one.leave(lambda: os.write(1, b"left\\n"))
one.listen()
busy = threading.Event()
threading.Thread(target=lambda: busy.wait() and os.kill(os.getpid(), signal.{number}), daemon=True).start()
busy.set()
hashlib.pbkdf2_hmac("sha256", b"", b"", 2_000_000_000)
"""

NESTED = """
outer, inner = Interruption(), Interruption()
outer.listen()
inner.listen()
os.kill(os.getpid(), signal.SIGTERM)
assert inner.stopping.wait(60)
assert not outer.stopping.is_set()
"""

EARLY = """
listen_early()
os.kill(os.getpid(), signal.SIGTERM)
outer, inner = Interruption(), Interruption()
outer.listen()
assert outer.stopping.is_set()
inner.listen()
assert inner.stopping.is_set()
"""


def run(script: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-c", START + script, str(ROOT / "src")]
    return subprocess.run(line, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM"])
def test_a_signal_ends_the_run_although_the_main_thread_runs_no_handler(number: str) -> None:
    done = run(BUSY.format(number=number))
    assert (done.returncode, done.stdout) == (130, "left\n"), done.stderr
    assert done.stderr == "\ninterrupted; what was pushed stays, run again to go on\n"


@pytest.mark.parametrize("script", [NESTED, EARLY], ids=["the last that listens", "whoever listens later"])
def test_who_is_told(script: str) -> None:
    done = run(script)
    assert (done.returncode, done.stderr) == (0, "")
