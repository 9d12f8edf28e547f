"""Every error of the package, and the exit code each one stands for.

::

    PublishError                1  unexpected
      ConfigError               2  usage or configuration
      ChartError                3  invalid chart: path, key, line
      ConflictError             4  the version exists with other content, or was not bumped
      RemoteError               -  a server failed, with its status
        RegistryError           5  a registry answered with something unusable
          NotFoundError         5  what had to be there is not
            UnknownNameError    2  a name that was typed and that the cache does not hold
          AuthError             6  not authenticated or not permitted
        ForgeError              7  published, but reporting failed
          ReadOnlyError         7  the token lacks a permission; for a comment that is a notice, and no failure
          LimitedError          7  a rate limit that lasts longer than we wait
          ForbiddenError        7  a ruleset or policy of the repository, which holds for all that is like it
          StaleHeadError        7  the branch moved since its head was read
      VerificationError         8  bytes do not match their digest, or a rebuild differs
      SkippedError              0  left alone because of another chart, whose error counts

A message says what we were doing to which thing and what came back; ``hint`` says what to do about it; ``path``,
``key`` and ``line`` say where it was written.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import Self


class ExitCode(IntEnum):
    """The stable exit codes of the command."""

    DONE = 0
    UNEXPECTED = 1
    USAGE = 2
    CHART = 3
    CONFLICT = 4
    REGISTRY = 5
    AUTH = 6
    FORGE = 7
    VERIFICATION = 8
    INTERRUPTED = 130


# Several kinds at once: the first of these decides.
PRECEDENCE = (
    ExitCode.UNEXPECTED,
    ExitCode.USAGE,
    ExitCode.VERIFICATION,
    ExitCode.CONFLICT,
    ExitCode.CHART,
    ExitCode.AUTH,
    ExitCode.REGISTRY,
    ExitCode.FORGE,
)


class PublishError(Exception):
    """Base of all errors that are meant to be read by a user.

    Where it is about something that was written, ``path`` names the file (or the folder), relative to what the user
    named, ``key`` is the dotted key in it and ``line`` its line, counted from 1.
    """

    exit_code = ExitCode.UNEXPECTED
    kind = "unexpected"

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.path = ""
        self.key = ""
        self.line: int | None = None

    def __str__(self) -> str:
        place = self.path + (f":{self.line}" if self.line else "")
        text = f"{self.message}\n{self.hint}" if self.hint else self.message
        return ": ".join(part for part in (place, f"'{self.key}'" if self.key else "", text) if part)

    def at(self, path: str, *, key: str = "", line: int | None = None) -> Self:
        """Return the same error about another place; this one may be known to others."""
        # Not copy(): the constructors of some classes take more than the message.
        result = type(self).__new__(type(self), *self.args)
        result.__dict__.update(self.__dict__, path=path, key=key, line=line)
        return result

    def within(self, folder: str) -> Self:
        """Return the same error with its path below ``folder`` (a POSIX path)."""
        return self.at(f"{folder}/{self.path}" if self.path else folder, key=self.key, line=self.line)


class ConfigError(PublishError):
    """The command line, an input, the environment or the settings file is wrong."""

    exit_code = ExitCode.USAGE
    kind = "usage"


class ChartError(PublishError):
    """A chart that cannot be published."""

    exit_code = ExitCode.CHART
    kind = "chart"

    def __init__(
        self, message: str, *, path: str = "", key: str = "", line: int | None = None, hint: str = ""
    ) -> None:
        super().__init__(message, hint=hint)
        self.path = path
        self.key = key
        self.line = line


class ConflictError(PublishError):
    """A tag or version that exists already and holds something else."""

    exit_code = ExitCode.CONFLICT
    kind = "conflict"


class RemoteError(PublishError):
    """A server that failed, or refused.

    ``status`` is the HTTP status, 0 where there was no answer; ``codes`` are the server's own words for what was
    wrong (error codes of the distribution specification, ``already_exists`` of the code host); ``temporary`` tells
    whether trying again later may help.
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        status: int = 0,
        codes: tuple[str, ...] = (),
        temporary: bool = False,
    ) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.codes = codes
        self.temporary = temporary


class RegistryError(RemoteError):
    """A registry (or a store of artifacts) that failed."""

    exit_code = ExitCode.REGISTRY
    kind = "registry"


class NotFoundError(RegistryError):
    """A name, manifest or blob that had to be in a store and is not."""

    kind = "not-found"


class UnknownNameError(NotFoundError):
    """A name given by the user that the cache does not hold: no registry was asked."""

    exit_code = ExitCode.USAGE


class AuthError(RegistryError):
    """The registry wants other credentials, or the ones it got may not do this.

    ``login_refused`` where a login was given and is not accepted, as opposed to none given, or one that may not.
    """

    exit_code = ExitCode.AUTH
    kind = "auth"
    login_refused = False


class ForgeError(RemoteError):
    """The code host failed after the registries had succeeded."""

    exit_code = ExitCode.FORGE
    kind = "forge"

    def reworded(self, message: str, hint: str) -> Self:
        """Return the same error in other words."""
        return type(self)(message, hint=hint, status=self.status, codes=self.codes, temporary=self.temporary)

    @property
    def limited(self) -> bool:
        """Whether it was a rate limit, which holds for every other request as well."""
        return isinstance(self, LimitedError)


class ReadOnlyError(ForgeError):
    """The token lacks a permission, so that the rest of its kind need not be tried.

    Whoever writes comments turns it into a notice and exit code 0, since the report stands in the summary as well; of
    everything else it is a failure.
    """

    kind = "read-only"


class LimitedError(ForgeError):
    """A rate limit that lasts longer than we wait, and holds for every other request as well."""


class ForbiddenError(ForgeError):
    """What a ruleset, an archive or a policy forbids, whatever it is about: the rest of its kind need not be tried."""


class StaleHeadError(ForgeError):
    """A commit was refused because its branch no longer ends where we looked."""

    kind = "stale-head"


class VerificationError(PublishError):
    """Bytes that do not have the digest or size they were promised with."""

    exit_code = ExitCode.VERIFICATION
    kind = "verification"


class SkippedError(PublishError):
    """Not an error of its own: this chart was left alone because of another one."""

    exit_code = ExitCode.DONE
    kind = "skipped"


def worst(codes: Iterable[ExitCode]) -> ExitCode:
    """Return the exit code that stands for several: the first of 1 2 8 4 3 6 5 7, or 0 for none."""
    result = set(codes)
    return next((code for code in PRECEDENCE if code in result), ExitCode.DONE)
