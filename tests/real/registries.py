"""Starts real registries on free loopback ports: docker-registry in each of its modes, olareg, crane's."""

from __future__ import annotations

import base64
import contextlib
import json
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import bcrypt
import trustme

from tests.real import access_log, process, tools
from tests.real.access_log import AccessLog
from tests.real.token_server import ISSUER, SERVICE, Signer, TokenServer, token_server

USERNAME = "alice"
PASSWORD = "s3cret"  # noqa: S105 - of a registry that lives for one test

Storage = Literal["memory", "disk"]


@dataclass(frozen=True, kw_only=True, slots=True)
class RunningRegistry:
    """A registry that answers now, and what a client must know to use it."""

    host: str
    """Host and port, as in ``127.0.0.1:41234``."""
    scheme: Literal["http", "https"] = "http"
    username: str = ""
    password: str = ""
    ca: Path | None = None
    """The certificate authority to trust, in PEM, where the scheme is https."""
    log: AccessLog | None = None
    """The requests that arrived, where the server writes them down."""
    data: Path | None = None
    """Where it keeps its files, unless in memory."""
    tokens: TokenServer | None = None
    """The token server it sends clients to."""

    @property
    def url(self) -> str:
        """As in ``http://127.0.0.1:41234``."""
        return f"{self.scheme}://{self.host}"

    @property
    def access(self) -> AccessLog:
        """The access log of a registry that has one."""
        if self.log is None:
            raise LookupError(f"{self.host} writes no access log")
        return self.log

    def write_docker_config(self, folder: Path) -> Path:
        """``folder/config.json`` with this registry's credentials, as ``docker login`` leaves it."""
        auths = {self.host: {"auth": _basic(self.username, self.password)}} if self.username else {}
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / "config.json"
        file.write_text(json.dumps({"auths": auths}))
        return file


@contextlib.contextmanager
def docker_registry(
    folder: Path,
    *,
    storage: Storage = "memory",
    htpasswd: bool = False,
    tls: bool = False,
    token: bool = False,
    token_seconds: int = 300,
    read_only: bool = False,
    relative_locations: bool = False,
) -> Iterator[RunningRegistry]:
    """docker-registry in ``folder``, which is empty or was used for ``storage="disk"`` before.

    Raises nothing of its own: without the program the test is skipped, in CI it fails.
    """
    program = tools.tool("docker-registry")
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        ca = trustme.CA()
        tokens = stack.enter_context(_tokens(ca, folder, token_seconds)) if token else None
        if htpasswd:
            write_htpasswd(folder / "htpasswd", USERNAME, PASSWORD)
        if tls:
            _write_certificate(ca, folder)
        requests_file = folder / "access.log"

        def command(port: int) -> list[str]:
            config = _configuration(
                port,
                storage=storage,
                htpasswd=htpasswd,
                tls=tls,
                realm=tokens.url if tokens else "",
                read_only=read_only,
                relative_locations=relative_locations,
            )
            (folder / "config.json").write_text(json.dumps(config))
            # YAML is a superset of JSON, so the registry reads it.
            return [str(program), "serve", "config.json"]

        port = stack.enter_context(
            process.server(
                command, log=folder / "error.log", output=requests_file, env=tools.environment(folder)
            )
        )
        scheme: Literal["http", "https"] = "https" if tls else "http"
        trust = ssl.create_default_context(cafile=folder / "ca.crt") if tls else None
        yield RunningRegistry(
            host=f"127.0.0.1:{port}",
            scheme=scheme,
            username=USERNAME if htpasswd or token else "",
            password=PASSWORD if htpasswd or token else "",
            ca=folder / "ca.crt" if tls else None,
            log=AccessLog(requests_file, access_log.probe(f"{scheme}://127.0.0.1:{port}", trust)),
            data=folder / "data" if storage == "disk" else None,
            tokens=tokens,
        )


@contextlib.contextmanager
def olareg(
    folder: Path,
    *,
    storage: Storage = "memory",
    referrers: bool = True,
    delete: bool = True,
    rate_limit: int = 0,
    read_only: bool = False,
) -> Iterator[RunningRegistry]:
    """olareg: referrers API, single POST, pagination; ``rate_limit`` requests a second, beyond it real 429s.

    On disk every repository is an OCI image layout below ``data``.
    """
    program = tools.tool("olareg")
    data = folder / "data"
    data.mkdir(parents=True, exist_ok=True)

    def command(port: int) -> list[str]:
        argv = [str(program), "serve", "--addr", "127.0.0.1", "--port", str(port), "--dir", str(data)]
        argv += ["--store-type", "mem" if storage == "memory" else "dir"]
        argv += [f"--api-referrer={str(referrers).lower()}", f"--api-delete={str(delete).lower()}"]
        argv += ["--store-ro"] if read_only else []
        argv += ["--rate-limit", str(rate_limit)] if rate_limit else []
        return argv

    with process.server(command, log=folder / "error.log", env=tools.environment(folder)) as port:
        yield RunningRegistry(host=f"127.0.0.1:{port}", data=data if storage == "disk" else None)


@contextlib.contextmanager
def crane_registry(folder: Path, *, storage: Storage = "memory") -> Iterator[RunningRegistry]:
    """``crane registry serve``: no authentication, relative upload locations, the fastest of them."""
    program = tools.tool("crane")
    data = folder / "data"
    data.mkdir(parents=True, exist_ok=True)

    def command(port: int) -> list[str]:
        argv = [str(program), "registry", "serve", "--address", f"127.0.0.1:{port}"]
        return [*argv, "--disk", str(data)] if storage == "disk" else argv

    with process.server(command, log=folder / "error.log", env=tools.environment(folder)) as port:
        yield RunningRegistry(host=f"127.0.0.1:{port}", data=data if storage == "disk" else None)


def write_htpasswd(file: Path, username: str, password: str) -> None:
    """One user. The cost is the lowest bcrypt takes: the registry pays it again at every request."""
    hashed = bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()
    file.write_text(f"{username}:{hashed}\n")


def _configuration(
    port: int,
    *,
    storage: Storage,
    htpasswd: bool,
    tls: bool,
    realm: str,
    read_only: bool,
    relative_locations: bool,
) -> dict[str, object]:
    http: dict[str, object] = {"addr": f"127.0.0.1:{port}", "secret": "x", "relativeurls": relative_locations}
    if tls:
        http["tls"] = {"certificate": "server.crt", "key": "server.key"}
    kept: dict[str, object] = (
        {"filesystem": {"rootdirectory": "data"}} if storage == "disk" else {"inmemory": {}}
    )
    kept["delete"] = {"enabled": True}
    if read_only:
        kept["maintenance"] = {"readonly": {"enabled": True}}
    config: dict[str, object] = {"version": 0.1, "log": {"level": "warn"}, "storage": kept, "http": http}
    if htpasswd:
        config["auth"] = {"htpasswd": {"realm": "test-realm", "path": "htpasswd"}}
    if realm:
        token = {"realm": realm, "service": SERVICE, "issuer": ISSUER, "rootcertbundle": "token.crt"}
        config["auth"] = {"token": token}
    return config


@contextlib.contextmanager
def _tokens(ca: trustme.CA, folder: Path, seconds: int) -> Iterator[TokenServer]:
    leaf = ca.issue_cert("token-signer.test")
    ca.cert_pem.write_to_path(folder / "token.crt")
    signer = Signer(key=leaf.private_key_pem.bytes(), certificate=leaf.cert_chain_pems[0].bytes())
    with token_server(signer, {USERNAME: PASSWORD}, seconds=seconds) as running:
        yield running


def _write_certificate(ca: trustme.CA, folder: Path) -> None:
    leaf = ca.issue_cert("localhost", "127.0.0.1")
    ca.cert_pem.write_to_path(folder / "ca.crt")
    leaf.private_key_pem.write_to_path(folder / "server.key")
    (folder / "server.crt").write_bytes(b"".join(pem.bytes() for pem in leaf.cert_chain_pems))


def _basic(username: str, password: str) -> str:
    return base64.b64encode(f"{username}:{password}".encode()).decode()
