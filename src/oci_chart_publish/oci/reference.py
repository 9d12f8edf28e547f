"""Where an artifact is: registry, repository, and a tag or a digest (distribution-spec)."""

from __future__ import annotations

import ipaddress
import re

import msgspec

from oci_chart_publish.errors import ConfigError, VerificationError
from oci_chart_publish.oci.digest import DIGEST_PATTERN, Digest

DOCKER_HUB = "docker.io"
DOCKER_HUB_NAMES = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io"})

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_PATH = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_HOST = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_NAME_LIMIT = 255
REPOSITORY_PATTERN = rf"(?:{_HOST.pattern})(?:/{_PATH.pattern})?"
"""What a registry, or a repository in one, is written as (a regular expression)."""
REFERENCE_PATTERN = rf"(?:{_HOST.pattern})/{_PATH.pattern}(?::{_TAG.pattern})?(?:@{DIGEST_PATTERN})?"
"""What a reference to an artifact is written as."""
SCHEME = "oci://"


class Repository(msgspec.Struct, frozen=True, order=True):
    """``host[:port]`` of a registry and a path in it, which is empty for the whole registry."""

    registry: str
    path: str

    @classmethod
    def parse(cls, text: str) -> Repository:
        """Read ``[oci://]host[:port]/path``; ConfigError names the part that is wrong."""
        plain = text.removeprefix(SCHEME).rstrip("/")
        host, _, path = plain.partition("/")
        if "://" in plain:
            raise ConfigError(f"{text!r} is not an OCI repository", hint=f"expected {SCHEME}HOST[:PORT]/PATH")
        if not _HOST.fullmatch(host):
            raise ConfigError(f"{text!r}: {host!r} is not a registry host", hint="expected HOST[:PORT]/PATH")
        repository = cls(DOCKER_HUB if host.lower() in DOCKER_HUB_NAMES else host.lower(), path)
        if path:
            repository.check()
        return repository

    def check(self) -> None:
        """Raise ConfigError unless the path is a legal repository name."""
        if not _PATH.fullmatch(self.path):
            hint = "a repository is lower case letters, digits and . _ - between them, parts joined by /"
            if self.path != self.path.lower() and _PATH.fullmatch(self.path.lower()):
                hint = f"write it in lower case: {self.registry}/{self.path.lower()}"
            raise ConfigError(f"{self}: {self.path!r} is not a legal repository name", hint=hint)
        if len(str(self)) > _NAME_LIMIT:
            raise ConfigError(f"{self}: longer than the {_NAME_LIMIT} characters that clients accept")

    def child(self, name: str) -> Repository:
        """Return the repository ``name`` below this one."""
        repository = Repository(self.registry, f"{self.path}/{name}" if self.path else name)
        repository.check()
        return repository

    @property
    def loopback(self) -> bool:
        """Whether the registry is this machine: the only place where plain HTTP needs no asking."""
        return is_loopback(self.registry)

    def __str__(self) -> str:
        return f"{self.registry}/{self.path}" if self.path else self.registry


class TagReference(msgspec.Struct, frozen=True, order=True):
    """A repository and a tag."""

    repository: Repository
    tag: str

    def __str__(self) -> str:
        return f"{self.repository}:{self.tag}"


class DigestReference(msgspec.Struct, frozen=True, order=True):
    """A repository and a digest."""

    repository: Repository
    digest: Digest

    def __str__(self) -> str:
        return f"{self.repository}@{self.digest}"


Reference = TagReference | DigestReference


def parse_reference(text: str) -> Reference | Repository:
    """Read ``[oci://]host[:port]/path[:tag][@digest]``; without tag and digest it is a Repository.

    With both, the digest counts, as it does for every other client. A ``+`` of a version is written ``_``
    in the tag, as Helm does (``pkg/registry/reference.go``).
    """
    plain = text.removeprefix(SCHEME)
    plain, at, digest = plain.partition("@")
    head, slash, last = plain.rpartition("/")
    name, colon, tag = last.partition(":")
    repository = Repository.parse(f"{head}{slash}{name}")
    if not repository.path:
        raise ConfigError(f"{text!r} names no repository", hint="expected HOST[:PORT]/PATH:TAG")
    if at:
        try:
            return DigestReference(repository, Digest.parse(digest))
        except VerificationError as error:
            raise ConfigError(f"{text!r}: {error.message}", hint=error.hint) from error
    if not colon:
        return repository
    return TagReference(repository, check_tag(tag.replace("+", "_"), text))


def check_tag(tag: str, origin: str) -> str:
    """Return ``tag`` or raise ConfigError: servers do not all check it, so it is checked here."""
    if not _TAG.fullmatch(tag):
        raise ConfigError(
            f"{origin!r}: {tag!r} is not a legal tag",
            hint="at most 128 letters, digits and . _ -, not beginning with . or -",
        )
    return tag


def is_loopback(registry: str) -> bool:
    """Tell whether ``host[:port]`` is localhost or below it, 127.0.0.0/8 or ::1; a dot at the end changes nothing."""
    host = registry.rsplit(":", 1)[0] if re.search(r":[0-9]+$", registry) else registry
    host = host.strip("[]").lower().removesuffix(".")
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
