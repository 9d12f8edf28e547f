"""The floors of the house: figures of ``scripts/house.py`` that only get better."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[1] / "scripts" / "house.py"


@pytest.fixture(scope="module")
def house() -> Any:
    spec = importlib.util.spec_from_file_location("house", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def figures(house: Any) -> dict[str, Any]:
    figures: dict[str, Any] = house.measured(house.SOURCE)
    return figures


@pytest.mark.parametrize(
    ("figure", "most"),
    [
        ("local imports", 12),
        ("hops", 40),
        ("function p90", 20),
        ("callables as fields", 24),
        ("vague names %", 3.6),
    ],
)
def test_no_figure_gets_worse(figures: dict[str, Any], figure: str, most: float) -> None:
    assert 0 < figures[figure] <= most


def test_the_edges_and_the_run_hold_no_callables_but_for_strangers(figures: dict[str, Any]) -> None:
    """A program that opens a project may be told of secrets, which is where a stranger plugs in."""
    rooms = ("run/", "cli/", "action/", "commands/", "notify/")
    fields = [field for field in figures["which callables"] if field.startswith(rooms)]
    assert fields == ["run/stores.py: Stores.on_secret"]


def test_figures_are_of_what_they_say(house: Any, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(
        "from collections.abc import Callable\n"
        "Tell = Callable[[str], None]\n"
        "class Wired:\n"
        "    call: Callable[[], int]\n"
        "    tell: Tell\n"
        "    size: int\n"
        "    def __init__(self, sleep: Callable[[float], None], seconds: float) -> None:\n"
        "        self._sleep = sleep\n"
        "        self._seconds = seconds\n"
        "def read(one: int) -> int:\n"
        "    import os\n"
        "    # why\n"
        "    found = one\n"
        "    return found\n"
    )
    figures = house.measured(tmp_path)
    assert figures["which callables"] == ["a.py: Wired.call", "a.py: Wired.tell", "a.py: Wired._sleep"]
    assert figures["which vague names"] == {"one": 1, "found": 1}
    assert (figures["local imports"], figures["files"], figures["function max"]) == (1, 1, 5)
