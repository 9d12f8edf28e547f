"""Programs of other people that tests use where they are installed."""

from __future__ import annotations

from tests.real.tools import REPOSITORY
from tests.real.tools import tool as program

__all__ = ("REPOSITORY", "program")
