"""All registries of a run: connections, tokens and what was learned of each host, shared by every repository."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from oci_chart_publish import __version__
from oci_chart_publish.http.answer import Transporting
from oci_chart_publish.http.auth import Authorizer
from oci_chart_publish.http.credentials import Credentials
from oci_chart_publish.http.limiter import ConcurrencyLimiter
from oci_chart_publish.http.masks import Masks
from oci_chart_publish.http.retry import Budget, RetryPolicy
from oci_chart_publish.http.tls import Trust, is_http_allowed
from oci_chart_publish.lazy import lazy
from oci_chart_publish.oci.reference import Repository
from oci_chart_publish.registry import profiles as hints
from oci_chart_publish.registry.client import RegistryRepository
from oci_chart_publish.registry.host import Host

if TYPE_CHECKING:
    from oci_chart_publish.chartrepo import chart_repository
    from oci_chart_publish.chartrepo.chart_repository import ChartRepositories
    from oci_chart_publish.http import transport
    from oci_chart_publish.registry import listing as catalog
else:
    chart_repository = lazy("oci_chart_publish.chartrepo.chart_repository")
    transport = lazy("oci_chart_publish.http.transport")
    catalog = lazy("oci_chart_publish.registry.listing")

_LOG = logging.getLogger(__name__)
PULL = "pull"
PULL_PUSH = "pull,push"
_MOST = 32


def _log_wait(message: str) -> None:
    _LOG.warning("%s", message)


def _keep_quiet(_text: str) -> None:
    return None


class RegistryOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How registries are reached.

    ``jobs``: requests under way to one host at most (1 to 32). ``plain_http``: hosts (``host[:port]``) asked
    for by name; ``plain_http_everywhere`` reaches every host so, but sends credentials to named ones only.
    ``trust``: TLS and proxies. ``on_wait`` gets a line for each longer wait, ``on_warning`` each warning of a
    registry, ``on_secret`` each secret that arises during the run. Timeouts are in seconds: to connect, for
    one read, for the whole of an answer, for the whole run.
    ``trusted_realms``: hosts of token services that may be private addresses, with ``http://`` before them plain HTTP
    too. ``destinations``: what the run publishes below; elsewhere what is public is read where a login is refused.
    """

    jobs: int = 16
    plain_http: frozenset[str] = frozenset()
    plain_http_everywhere: bool = False
    trust: Trust = msgspec.field(default_factory=Trust)
    cross_host_uploads: bool = True
    trusted_realms: frozenset[str] = frozenset()
    destinations: frozenset[Repository] = frozenset()
    patience: RetryPolicy = msgspec.field(default_factory=RetryPolicy)
    connect_timeout: float = 10.0
    read_timeout: float = 60.0
    whole_timeout: float = 300.0
    on_wait: Callable[[str], None] = _log_wait
    on_warning: Callable[[str], None] = _log_wait
    on_secret: Callable[[str], None] = _keep_quiet
    run_timeout: float = float("inf")


class Registries:
    """One per process. ``repository`` gives clients that share everything a host has in common."""

    def __init__(
        self, credentials: Credentials | None = None, options: RegistryOptions | None = None
    ) -> None:
        self._credentials = credentials or Credentials()
        self._options = options or RegistryOptions()
        self._jobs = min(max(1, self._options.jobs), _MOST)
        self._budget = Budget(self._options.patience.total_asked, self._options.run_timeout)
        self._hosts: dict[str, Host] = {}
        self._sender: Transporting | None = None
        self._secrets: set[str] = set()
        self._masked = 0
        self._masks = Masks()
        self._lock = threading.RLock()

    def repository(self, repository: Repository, *, actions: str = PULL_PUSH) -> RegistryRepository:
        """Return the client of a repository; ``actions`` is ``PULL`` where nothing will be written."""
        repository.check()
        host = self._host(repository.registry)
        return RegistryRepository(
            repository,
            host=host,
            auth=self._authorizer(
                repository, host, lenient=actions == PULL and not self._is_ours(repository)
            ),
            actions=actions,
            cross_host_uploads=self._options.cross_host_uploads,
        )

    def below(self, place: Repository) -> tuple[str, ...] | None:
        """Return the names of the repositories one level below a place; None where the registry lists none to us."""
        host = self._host(place.registry)
        return catalog.below(place, host, self._authorizer(place, host))

    def _is_ours(self, repository: Repository) -> bool:
        """Tell whether a repository is where this run publishes."""
        return any(
            repository.registry == destination.registry
            and f"{repository.path}/".startswith(f"{destination.path}/".lstrip("/"))
            for destination in self._options.destinations
        )

    def _authorizer(self, repository: Repository, host: Host, *, lenient: bool = False) -> Authorizer:
        credential = self._credentials.find(repository)
        for secret in credential.secrets() if credential else ():
            self._remember(secret)
        return host.authorizer(credential, lenient=lenient)

    def chart_repositories(self, folder: Path) -> ChartRepositories:
        """Return the chart repositories of the run, whose indexes are kept in ``folder``."""
        return chart_repository.ChartRepositories(
            folder=folder,
            sender=self._transport,
            credentials=self._credentials,
            plain_http=self._options.plain_http,
            patience=self._options.patience,
            budget=self._budget,
            on_wait=self._options.on_wait,
            on_warning=self._options.on_warning,
            on_secret=self._remember,
        )

    def secrets(self) -> frozenset[str]:
        """Return every secret seen so far: password lines, Basic values, tokens. For masking."""
        with self._lock:
            return frozenset(self._secrets)

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            if self._sender is not None:
                self._sender.close()
                self._sender = None

    def _remember(self, secret: str) -> None:
        with self._lock:
            new = secret not in self._secrets
            self._secrets.add(secret)
        if new:
            self._options.on_secret(secret)

    def _mask(self, text: str) -> str:
        """Return a text of a server without the secrets that it echoes, however they are encoded."""
        secrets = self.secrets()
        if len(secrets) != self._masked:
            self._masked, self._masks = len(secrets), Masks(secrets)
        return self._masks.applied(text)

    def _host(self, name: str) -> Host:
        options = self._options
        with self._lock:
            if name not in self._hosts:
                everywhere = options.plain_http_everywhere
                self._hosts[name] = Host(
                    name,
                    sender=self._transport,
                    plain_http=is_http_allowed(name, options.plain_http, everywhere=everywhere),
                    prefer_https=options.trust.knows(name) and name not in options.plain_http,
                    credentials_in_clear=name in options.plain_http,
                    pace=ConcurrencyLimiter(self._jobs),
                    patience=options.patience,
                    budget=self._budget,
                    on_wait=options.on_wait,
                    on_warning=options.on_warning,
                    on_secret=self._remember,
                    mask=self._mask,
                    trusted_realms=options.trusted_realms,
                    login_hint=hints.without_credentials(options.trust.environment),
                    user_agent=f"oci-chart-publish/{__version__}",
                )
            return self._hosts[name]

    def _transport(self) -> Transporting:
        if self._sender is None:
            with self._lock:
                if self._sender is None:
                    # requests takes 90 ms to import; a run that asks no registry does not pay for it.

                    self._sender = transport.Transport(
                        trust=self._options.trust,
                        connect=self._options.connect_timeout,
                        read=self._options.read_timeout,
                        whole=self._options.whole_timeout,
                    )
        return self._sender
