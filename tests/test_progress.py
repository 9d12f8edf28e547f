"""Progress: one bar at a time on a terminal, lines elsewhere, nothing when quiet."""

from __future__ import annotations

import io

import pytest

from oci_chart_publish.progress import progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def carried_out(stream: io.StringIO, *, quiet: bool = False, verbose: bool = False) -> str:
    """Build three charts and publish two of them."""
    shown = progress(stream, quiet=quiet, verbose=verbose)
    shown.start(3)
    for name in ("web", "api", "common"):
        shown.step(name, "built")
    shown.say("HEAD https://ghcr.io/: 503, again in 1 s")
    shown.step("web", "published")
    shown.step("api", "failed")
    shown.stop()
    return stream.getvalue()


def test_a_terminal_has_one_bar_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    text = carried_out(Terminal())
    # Only a picture of several lines moves the cursor up to draw itself again; the end takes the last one away.
    assert text.count("\x1b[1A") <= 1
    assert "HEAD https://ghcr.io/: 503, again in 1 s" in text


def test_elsewhere_there_are_lines() -> None:
    assert carried_out(io.StringIO(), verbose=True).splitlines() == [
        "web: built",
        "api: built",
        "common: built",
        "HEAD https://ghcr.io/: 503, again in 1 s",
        "web: published",
        "api: failed",
    ]
    assert carried_out(io.StringIO()) == "HEAD https://ghcr.io/: 503, again in 1 s\n"


def test_quiet_is_quiet() -> None:
    assert carried_out(Terminal(), quiet=True) == ""
