"""What is printed in a step, by the rules of the runner: no command but ours."""

from __future__ import annotations

import io

import pytest
from tests.action.minirunner import command_lines

from oci_chart_publish.runner.log import RunnerLog, harmless, print_command

FOREIGN = [
    "::error::x",
    "  ::add-mask::y",
    "\u00a0\t::stop-commands::x",
    "\u200b::error::x",
    "text ##[error]z",
    "##[add-mask]a ##[error]b",
]


@pytest.mark.parametrize("foreign", FOREIGN)
def test_foreign_lines_are_no_commands(foreign: str) -> None:
    assert command_lines(harmless(foreign)) == []


@pytest.mark.parametrize(
    "plain", ["a::b", "ghcr.io/acme/web:1.0.0 :: 2", "[::1]:5000/x", "", "## x [y]", ":"]
)
def test_other_lines_stay(plain: str) -> None:
    assert harmless(plain) == plain


@pytest.mark.parametrize("foreign", FOREIGN)
@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_no_command_passes_however_it_is_written(foreign: str, size: int) -> None:
    binary = io.BytesIO()
    log = RunnerLog(binary)
    text = f"one\r{foreign}\rtwo\r\n{foreign}\n{foreign}"
    for start in range(0, len(text), size):
        log.write(text[start : start + size])
    log.end()
    written = binary.getvalue().decode()
    assert command_lines(text)
    assert command_lines(written) == []
    assert written.replace(" ", "") == text.replace(" ", "")


def test_ours_pass_on_lines_of_their_own() -> None:
    binary = io.BytesIO()
    log = RunnerLog(binary)
    log.write("::error::theirs\nbegun ")
    print_command("::error::ours", log)
    log.write("::notice::theirs\n")
    assert binary.getvalue().decode().splitlines() == [
        ": :error::theirs",
        "begun ",
        "::error::ours",
        ": :notice::theirs",
    ]


def test_bytes_that_are_no_text_pass() -> None:
    binary = io.BytesIO()
    log = RunnerLog(binary)
    print(b"a\xffb".decode("utf-8", "surrogateescape"), file=log)
    assert binary.getvalue() == b"a\xffb\n"


def test_long_line_that_comes_in_pieces_is_one_line() -> None:
    out = io.BytesIO()
    log = RunnerLog(out)
    for _ in range(64):
        log.write("x" * 4096)
    log.write("\n")
    log.end()
    assert out.getvalue() == b"x" * (64 * 4096) + b"\n"
