"""Which credentials belong to a repository: explicit ones, then the files of Helm, containers and Docker.

Hosts match exactly, never by substring; keys with a path match the longest prefix first
(containers-auth.json(5)). ``netrc`` is not a source.
"""

from __future__ import annotations

import base64
import binascii
import json
import logging
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import msgspec

from oci_chart_publish.errors import ConfigError
from oci_chart_publish.http import credential_helpers as helpers
from oci_chart_publish.oci.reference import DOCKER_HUB, DOCKER_HUB_NAMES, Repository

_LOG = logging.getLogger(__name__)
_FILE_LIMIT = 4 * 1024 * 1024
DOCKER_HUB_KEY = "https://index.docker.io/v1/"


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """A user name with its password, or an identity token.

    ``origin`` says where it was found, ``note`` what else to know where it is refused.
    """

    username: str = ""
    password: str = ""
    identity_token: str = ""
    origin: str = ""
    note: str = ""

    def __repr__(self) -> str:
        """Show what is no secret: a repr ends in logs and tracebacks."""
        return f"Credential(username={self.username!r}, origin={self.origin!r})"

    @property
    def basic(self) -> str:
        """The value of an ``Authorization: Basic`` header; UTF-8, as RFC 7617 wants."""
        pair = f"{self.username}:{self.password}"
        return "Basic " + base64.b64encode(pair.encode()).decode()

    @property
    def refused(self) -> str:
        """What to say where a registry does not take it."""
        note = f" ({self.note})" if self.note else ""
        return f"the credentials from {self.origin or 'the settings'} are not accepted{note}"

    def secrets(self) -> frozenset[str]:
        """Every text that must not be printed: each line of a secret, and the derived values."""
        result = {self.password, self.identity_token, *self.password.splitlines()}
        if self.password:
            result.add(self.basic.removeprefix("Basic "))
        return frozenset(text for text in result if text.strip())


class CredentialSource(Protocol):
    """A place where credentials may be found."""

    def find(self, repository: Repository) -> Credential | None:
        """Return the credential for ``repository``, or None."""


class Credentials:
    """The sources in order; the first that knows a repository decides."""

    def __init__(self, sources: Sequence[CredentialSource] = ()) -> None:
        self._sources = tuple(sources)

    def find(self, repository: Repository) -> Credential | None:
        """Return the credential for ``repository``, or None for an anonymous client."""
        for source in self._sources:
            if (result := source.find(repository)) is not None:
                return result
        return None


class ExplicitCredentials:
    """Credentials given by option or input, by host or ``host/path``."""

    def __init__(self, entries: Mapping[str, Credential]) -> None:
        self._entries = {normalise(key): value for key, value in entries.items()}

    def find(self, repository: Repository) -> Credential | None:
        """Return the credential with the longest matching key."""
        return next((self._entries[key] for key in keys(repository) if key in self._entries), None)


class ConfigDocument:
    """A Docker ``config.json`` or containers ``auth.json``: ``auths``, ``credHelpers``, ``credsStore``.

    Read at the first question. ``required`` documents must exist and be well formed; others are optional,
    but a broken one is an error too: going on without it would be a silent anonymous run.
    """

    def __init__(
        self,
        origin: str,
        *,
        environment: Mapping[str, str],
        path: Path | None = None,
        text: str = "",
        required: bool = False,
    ) -> None:
        self._origin = origin
        self._environment = environment
        self._path = path
        self._text = text
        self._required = required
        self._lock = threading.Lock()
        self._document: _Document | None = None
        self._answers: dict[tuple[str, str], Credential | None] = {}

    def find(self, repository: Repository) -> Credential | None:
        """Return the credential for ``repository``: ``credHelpers``, then ``credsStore``, then ``auths``."""
        with self._lock:
            if self._document is None:
                self._document = _decode(self._read(), self._origin)
            return self._helped(self._document, repository) or self._stored(self._document, repository)

    def _read(self) -> str:
        if self._path is None:
            return self._text
        try:
            with self._path.open("rb") as file:
                data = file.read(_FILE_LIMIT + 1)
        except (FileNotFoundError, NotADirectoryError):
            if self._required:
                raise ConfigError(f"{self._origin}: the credentials file does not exist") from None
            return ""
        except OSError as error:
            if self._required:
                raise ConfigError(f"{self._origin}: cannot be read: {error.strerror}") from error
            _LOG.warning("%s: cannot be read (%s); going on without it", self._origin, error.strerror)
            return ""
        if len(data) > _FILE_LIMIT:
            raise ConfigError(f"{self._origin}: a credentials file of more than {_FILE_LIMIT} bytes")
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise ConfigError(f"{self._origin}: not UTF-8") from error

    def _helped(self, document: _Document, repository: Repository) -> Credential | None:
        host = normalise(repository.registry)
        for suffix in (document.helpers.get(host, ""), document.store):
            if not suffix:
                continue
            asked = (suffix, host)
            if asked not in self._answers:
                server = DOCKER_HUB_KEY if host == DOCKER_HUB else document.spelled.get(host, host)
                answer = helpers.ask(suffix, server, environment=self._environment, origin=self._origin)
                self._answers[asked] = (
                    None
                    if answer is None
                    else Credential(
                        username=answer.username,
                        password=answer.password,
                        identity_token=answer.identity_token,
                        origin=f"docker-credential-{suffix} of {self._origin}",
                    )
                )
            if (result := self._answers[asked]) is not None:
                return result
        return None

    @staticmethod
    def _stored(document: _Document, repository: Repository) -> Credential | None:
        entry = next((document.auths[key] for key in keys(repository) if key in document.auths), None)
        if isinstance(entry, ConfigError):
            raise entry
        return entry


class _Document(msgspec.Struct, frozen=True, kw_only=True):
    auths: Mapping[str, Credential | ConfigError]
    """By key; an entry that cannot be read is an error for those alone who need it."""
    helpers: Mapping[str, str]
    spelled: Mapping[str, str]
    store: str


def _decode(text: str, origin: str) -> _Document:
    if not text.strip():
        return _Document(auths={}, helpers={}, spelled={}, store="")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        # The message of a JSON error may quote nothing of the text, which holds secrets.
        line = getattr(error, "lineno", 0)
        raise ConfigError(f"{origin}: not JSON, line {line}") from None
    if not isinstance(document, dict):
        raise ConfigError(f"{origin}: not a JSON object")
    auths = _table(document, "auths", origin)
    named = _table(document, "credHelpers", origin)
    store = document.get("credsStore") or ""
    return _Document(
        auths=dict(_entries(auths, origin)),
        helpers={normalise(key): str(value) for key, value in named.items()},
        spelled={normalise(key): key for key in named},
        store=store if isinstance(store, str) else "",
    )


def _table(document: Mapping[str, Any], key: str, origin: str) -> Mapping[str, Any]:
    table = document.get(key) or {}
    if not isinstance(table, dict):
        raise ConfigError(f"{origin}: {key!r} is not an object")
    return table


def _entries(auths: Mapping[str, Any], origin: str) -> Iterator[tuple[str, Credential | ConfigError]]:
    # A key without scheme or trailing slash is the newer spelling: it comes last, so it wins.
    for key, entry in sorted(auths.items(), key=lambda item: normalise(item[0]) == item[0]):
        if not isinstance(entry, dict):
            continue
        try:
            credential = _credential(entry, f"{key} in {origin}")
        except ConfigError as error:
            yield normalise(key), error
        else:
            if credential is not None:
                yield normalise(key), credential


def _credential(entry: Mapping[str, Any], origin: str) -> Credential | None:
    def text(key: str) -> str:
        value = entry.get(key)
        return value if isinstance(value, str) else ""

    username, password = text("username"), text("password")
    if packed := text("auth"):
        try:
            # Wrapped lines are what `base64` prints, and Docker, oras and crane take them.
            pair = base64.b64decode("".join(packed.split()), validate=True).decode()
        except (binascii.Error, ValueError):
            raise ConfigError(f"{origin}: 'auth' is not base64 of user:password") from None
        username, colon, password = pair.partition(":")
        if not colon:
            raise ConfigError(f"{origin}: 'auth' is not base64 of user:password")
        password = password.rstrip("\0")
    identity = text("identitytoken")
    if not (password or username or identity):
        return None  # `docker login` leaves {} behind where a helper keeps the secret
    return Credential(username=username, password=password, identity_token=identity, origin=origin)


def normalise(key: str) -> str:
    """Return ``host[:port][/path]`` of a key, without scheme, version and trailing slash; Docker Hub once."""
    plain = re.sub(r"^https?://", "", key.strip(), flags=re.IGNORECASE)
    host, _, path = plain.strip("/").partition("/")
    host = host.lower()
    if path in ("v1", "v2"):
        path = ""
    if host in DOCKER_HUB_NAMES:
        host = DOCKER_HUB
    return f"{host}/{path}" if path else host


def keys(repository: Repository) -> Iterator[str]:
    """Yield the keys that cover ``repository``, the longest first."""
    host = normalise(repository.registry)
    parts = repository.path.split("/") if repository.path else []
    for length in range(len(parts), 0, -1):
        yield f"{host}/{'/'.join(parts[:length])}"
    yield host
    if host.endswith(":443"):
        yield host.removesuffix(":443")
    elif ":" not in host.rpartition("]")[2]:
        yield f"{host}:443"


def discover(
    environment: Mapping[str, str],
    *,
    explicit: Mapping[str, Credential] | None = None,
    document: str = "",
    registry_config: str = "",
    fallback: Mapping[str, Credential] | None = None,
) -> Credentials:
    """Return the credentials of a run, from the first source to the last, ``fallback``.

    ``explicit`` by host; ``document``, the text of a Docker ``config.json``; ``registry_config``, Helm's file,
    else ``HELM_REGISTRY_CONFIG`` or its default place; ``REGISTRY_AUTH_FILE`` and the places of the
    containers tools; ``DOCKER_CONFIG`` or ``~/.docker``. Nothing is read before the first question.
    """
    sources: list[CredentialSource] = []
    if explicit:
        sources.append(ExplicitCredentials(explicit))
    if document:
        sources.append(
            ConfigDocument("the registry credentials given", environment=environment, text=document)
        )
    sources.extend(
        ConfigDocument(str(path), environment=environment, path=path, required=required)
        for path, required in _files(environment, registry_config)
    )
    if fallback:
        sources.append(ExplicitCredentials(fallback))
    return Credentials(sources)


def _files(environment: Mapping[str, str], registry_config: str) -> Iterator[tuple[Path, bool]]:
    home = environment.get("HOME") or environment.get("USERPROFILE") or ""
    settings = environment.get("XDG_CONFIG_HOME") or (f"{home}/.config" if home else "")
    if registry_config:
        yield Path(registry_config), True
    elif named := environment.get("HELM_REGISTRY_CONFIG"):
        yield Path(named), False
    elif folder := environment.get("HELM_CONFIG_HOME") or (f"{settings}/helm" if settings else ""):
        yield Path(folder, "registry", "config.json"), False
    if auth_file := environment.get("REGISTRY_AUTH_FILE"):
        yield Path(auth_file), False
    if runtime := environment.get("XDG_RUNTIME_DIR"):
        yield Path(runtime, "containers", "auth.json"), False
    if settings:
        yield Path(settings, "containers", "auth.json"), False
    if docker := environment.get("DOCKER_CONFIG") or (f"{home}/.docker" if home else ""):
        yield Path(docker, "config.json"), False
