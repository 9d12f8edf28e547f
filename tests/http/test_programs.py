from __future__ import annotations

import sys

import pytest

from oci_chart_publish.http.programs import ProcessError, run


def test_input_output_and_exit_code_are_passed_through() -> None:
    program = "import sys; data = sys.stdin.read(); print(data.upper()); print('oops', file=sys.stderr); sys.exit(3)"
    done = run([sys.executable, "-c", program], input=b"abc", env={}, timeout=20)
    assert (done.code, done.stdout, done.stderr) == (3, b"ABC\n", b"oops\n")


def test_the_environment_is_exactly_the_one_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_OF_THE_PARENT", "x")
    program = "import os; print('SECRET_OF_THE_PARENT' in os.environ, os.environ['GIVEN'])"
    done = run([sys.executable, "-c", program], env={"GIVEN": "y"}, timeout=20)
    assert done.stdout == b"False y\n"


def test_no_shell_reads_the_arguments() -> None:
    done = run(["echo", "$(id); `id` && x > /tmp/y"], env={"PATH": "/usr/bin:/bin"}, timeout=20)
    assert done.stdout == b"$(id); `id` && x > /tmp/y\n"


def test_a_program_that_is_missing_is_an_error_that_names_it() -> None:
    with pytest.raises(ProcessError, match="no-such-program: cannot be run: No such file or directory"):
        run(["no-such-program"], env={"PATH": "/usr/bin:/bin"}, timeout=20)


def test_a_program_that_does_not_end_is_ended() -> None:
    with pytest.raises(ProcessError, match=r"sleep: no end after 0\.1 s"):
        run(["sleep", "60"], env={"PATH": "/usr/bin:/bin"}, timeout=0.1)


def test_a_nul_in_an_argument_is_an_error() -> None:
    with pytest.raises(ProcessError, match="cannot be run: ValueError"):
        run(["echo", "a\0b"], env={"PATH": "/usr/bin:/bin"}, timeout=20)
