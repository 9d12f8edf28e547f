"""Real registries: each a context manager that starts one on a free port, and ends it.

``docker-registry`` (distribution 2.8.2, Debian's package) in its modes, ``olareg`` with and without the referrers API,
and ``crane registry serve``.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import bcrypt
from tests.real import accesslog
from tests.real.certificates import Signer, server_files
from tests.real.server import running
from tests.real.tokens import ISSUER, SERVICE, TokenServer, token_server
from tests.real.tools import tool

USERNAME = "alice"
PASSWORD = "s3cret"

# The lowest cost bcrypt takes: docker-registry checks the password anew on every request.
_BCRYPT_COST = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Registry:
    """A running registry: where it is, who may write to it, and what it logged."""

    host: str
    log: Path
    username: str = ""
    password: str = ""
    ca_file: Path | None = None
    tokens: TokenServer | None = None

    @property
    def url(self) -> str:
        return f"{'http' if self.ca_file is None else 'https'}://{self.host}"

    def requests(self) -> list[accesslog.Request]:
        """Return (method, path, status) of every request since the start or the last `clear`."""
        return accesslog.requests(self.log)

    def clear(self) -> None:
        accesslog.clear(self.log)


@contextlib.contextmanager
def plain(folder: Path) -> Iterator[Registry]:
    """Start docker-registry without authentication or TLS."""
    with _distribution(folder) as (host, log):
        yield Registry(host=host, log=log)


@contextlib.contextmanager
def htpasswd(folder: Path) -> Iterator[Registry]:
    """Start docker-registry with Basic authentication."""
    users = folder / "htpasswd"
    users.write_bytes(
        USERNAME.encode() + b":" + bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(_BCRYPT_COST)) + b"\n"
    )
    auth = f"auth: {{htpasswd: {{realm: test-realm, path: {users}}}}}"
    with _distribution(folder, auth) as (host, log):
        yield Registry(host=host, log=log, username=USERNAME, password=PASSWORD)


@contextlib.contextmanager
def tls(folder: Path) -> Iterator[Registry]:
    """Start docker-registry with TLS by an authority of its own."""
    files = server_files(folder)
    http = f", tls: {{certificate: {files.certificate}, key: {files.key}}}"
    with _distribution(folder, http=http) as (host, log):
        yield Registry(host=host, log=log, ca_file=files.ca)


@contextlib.contextmanager
def token(folder: Path) -> Iterator[Registry]:
    """Start docker-registry with Bearer tokens, and the server that issues them."""
    signer = Signer.new()
    bundle = folder / "token.pem"
    bundle.write_bytes(signer.pem)
    with token_server(signer, {USERNAME: PASSWORD}) as tokens:
        auth = (
            f'auth: {{token: {{realm: "{tokens.realm}", service: {SERVICE}, issuer: {ISSUER},'
            f" rootcertbundle: {bundle}}}}}"
        )
        with _distribution(folder, auth) as (host, log):
            yield Registry(host=host, log=log, username=USERNAME, password=PASSWORD, tokens=tokens)


@contextlib.contextmanager
def readonly(folder: Path) -> Iterator[Registry]:
    """Start docker-registry in maintenance: it answers 405 to every upload."""
    with _distribution(folder, storage=", maintenance: {readonly: {enabled: true}}") as (host, log):
        yield Registry(host=host, log=log)


@contextlib.contextmanager
def olareg(folder: Path, *options: str) -> Iterator[Registry]:
    """Start olareg with its store in memory; `options` are added to its command line."""
    program = tool("olareg")
    log = folder / "olareg.log"

    def command(port: int) -> Sequence[str]:
        given = (
            "--addr",
            "127.0.0.1",
            "--port",
            str(port),
            "--store-type",
            "mem",
            "--api-delete",
            "-v",
            "trace",
        )
        return (program, "serve", *given, *options)

    with running(command, log) as port:
        yield Registry(host=f"127.0.0.1:{port}", log=log)


@contextlib.contextmanager
def crane(folder: Path) -> Iterator[Registry]:
    """Start the registry in memory that comes with crane (go-containerregistry)."""
    program = tool("crane")
    log = folder / "crane.log"

    def command(port: int) -> Sequence[str]:
        return (program, "registry", "serve", "--address", f"127.0.0.1:{port}")

    with running(command, log) as port:
        yield Registry(host=f"127.0.0.1:{port}", log=log)


@contextlib.contextmanager
def _distribution(
    folder: Path, auth: str = "", *, http: str = "", storage: str = ""
) -> Iterator[tuple[str, Path]]:
    """Start docker-registry with its data and settings in `folder`; yield its host and log."""
    program = tool("docker-registry")
    settings, log = folder / "registry.yml", folder / "registry.log"

    def command(port: int) -> Sequence[str]:
        lines = (
            "version: 0.1",
            "log: {level: error, accesslog: {disabled: false}}",
            f"storage: {{filesystem: {{rootdirectory: {folder / 'data'}}}, delete: {{enabled: true}}{storage}}}",
            f"http: {{addr: '127.0.0.1:{port}', secret: test-secret{http}}}",
            auth,
        )
        settings.write_text("\n".join(lines) + "\n")
        return (program, "serve", str(settings))

    with running(command, log) as port:
        yield f"127.0.0.1:{port}", log
