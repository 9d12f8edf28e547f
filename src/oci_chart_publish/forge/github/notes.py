"""The part of a release's text that is ours, between two markers; the rest belongs to people."""

from __future__ import annotations

START = "<!-- oci-chart-publish:start -->"
END = "<!-- oci-chart-publish:end -->"


def is_ours(body: str) -> bool:
    """Tell whether a release's text holds our part."""
    return START in body


def section(body: str) -> str:
    """Return our part of a release's text, without the markers; empty where there is none, or it has no end."""
    _, _, rest = body.partition(START)
    part, end, _ = rest.partition(END)
    return part.strip() if end else ""


def merge(body: str, section: str) -> str:
    """Return ``body`` with our part replaced by ``section``; appended where there is none.

    Text before and after it keeps every character. Of a part whose end was deleted only the marker is replaced,
    since where it ended is not known.
    """
    part = f"{START}\n{_plain(section).strip()}\n{END}"
    before, start, rest = body.partition(START)
    if not start:
        return f"{body.rstrip()}\n\n{part}" if body.strip() else part
    _, end, after = rest.partition(END)
    return before + part + (after if end else _plain(rest))


def _plain(text: str) -> str:
    """Drop markers, of which there may be one pair."""
    return text.replace(START, "").replace(END, "")
