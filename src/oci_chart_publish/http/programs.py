"""Run another program: never through a shell, always with a time limit."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence

import msgspec

from oci_chart_publish.errors import PublishError


class ProcessError(PublishError):
    """A program that could not be run to its end: missing, not executable, or out of time."""


class Completed(msgspec.Struct, frozen=True, kw_only=True):
    """What a program left: exit ``code`` (negative for a signal), ``stdout`` and ``stderr``."""

    code: int
    stdout: bytes
    stderr: bytes


def run(
    argv: Sequence[str],
    *,
    input: bytes = b"",  # noqa: A002 - the word of subprocess.run
    env: Mapping[str, str],
    timeout: float,
) -> Completed:
    """Run ``argv`` with exactly the environment ``env`` and return what it left.

    ``argv[0]`` without a slash is looked up in the PATH of ``env``. ``timeout`` is in seconds.
    """
    try:
        done = subprocess.run(
            list(argv), input=input, env=dict(env), timeout=timeout, capture_output=True, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise ProcessError(f"{argv[0]}: no end after {timeout:g} s") from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
        raise ProcessError(f"{argv[0]}: cannot be run: {reason}") from error
    return Completed(code=done.returncode, stdout=done.stdout, stderr=done.stderr)
