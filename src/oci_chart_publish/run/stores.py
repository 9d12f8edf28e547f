"""The stores of a project, opened once however its settings are narrowed: the layout, its memo, the registries."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

from oci_chart_publish.errors import ConfigError
from oci_chart_publish.http.credentials import Credential, Credentials, discover
from oci_chart_publish.http.tls import Trust, certificate_folders, check_pem, check_proxies
from oci_chart_publish.layout.layout import ImageLayout
from oci_chart_publish.layout.memo import Memo
from oci_chart_publish.lazy import lazy
from oci_chart_publish.oci.reference import DOCKER_HUB, DOCKER_HUB_NAMES, Repository
from oci_chart_publish.oci.store import Target
from oci_chart_publish.progress import Progress
from oci_chart_publish.registry.connect import PULL, PULL_PUSH, Registries, RegistryOptions
from oci_chart_publish.settings import Settings
from oci_chart_publish.singleflight import locked_cached_property

if TYPE_CHECKING:
    import platformdirs

    from oci_chart_publish.http import authorities
else:
    authorities = lazy("oci_chart_publish.http.authorities")
    platformdirs = lazy("platformdirs")

GHCR = "ghcr.io"
_EVERYWHERE = frozenset({"*", "true"})


def connect(
    settings: Settings,
    environment: Mapping[str, str],
    *,
    say: Callable[[str], None],
    secret: Callable[[str], None],
) -> Registries:
    """Return the registries of a run. ``say`` is told of waits, ``secret`` of every secret that arises."""
    own = hosts((*everywhere(settings), *filter(None, [settings.preview])))
    asked = frozenset(name.lower() for name in settings.plain_http)
    all_plain = not asked.isdisjoint(_EVERYWHERE)
    check_proxies(environment)
    options = RegistryOptions(
        jobs=settings.jobs,
        # Asked for in general, it covers the registries of this run by name, credentials included.
        plain_http=(asked - _EVERYWHERE) | (own if all_plain else frozenset()),
        plain_http_everywhere=all_plain,
        trust=trust(settings, environment, own),
        trusted_realms=frozenset(settings.trusted_realms),
        destinations=destinations(settings),
        run_timeout=float(settings.timeout),
        on_wait=say,
        on_secret=secret,
    )
    return Registries(credentials(settings, environment), options)


def trust(settings: Settings, environment: Mapping[str, str], own: frozenset[str]) -> Trust:
    """Return whom the connections of a run trust; ``own`` are the hosts of its registries.

    ``ca-file`` counts everywhere: token services, object stores and dependencies may be behind the same authority. A
    client certificate is shown to the registries alone, and to the hosts that have one of their own.
    """
    several = settings.host_settings
    if settings.client_key and not settings.client_cert:
        raise ConfigError("client-key: there is no client-cert that it belongs to")
    pairs = {host: (one.client_cert, one.client_key) for host, one in several.items() if one.client_cert}
    pairs = {**dict.fromkeys(own, (settings.client_cert, settings.client_key)), **pairs}
    everywhere = Path(settings.ca_file) if settings.ca_file else None
    if everywhere is not None and everywhere.is_file():
        check_pem(everywhere, "ca-file")
    return Trust(
        everywhere=everywhere,
        ca_files={
            **(dict.fromkeys(own, everywhere) if everywhere else {}),
            **{host: Path(one.ca_file) for host, one in several.items() if one.ca_file},
        },
        insecure=frozenset(settings.insecure),
        client_certificates={
            host: (Path(certificate), Path(key) if key else None)
            for host, (certificate, key) in pairs.items()
            if certificate
        },
        folders=certificate_folders(environment),
        environment=environment,
    )


def destinations(settings: Settings) -> frozenset[Repository]:
    """Return what a run publishes below: a login that is refused there is not done without."""
    return frozenset(map(Repository.parse, (*everywhere(settings), *filter(None, [settings.preview]))))


def hosts(registries: Sequence[str]) -> frozenset[str]:
    """Return the hosts (``host[:port]``) of some registries."""
    return frozenset(Repository.parse(registry).registry for registry in registries)


def credentials(settings: Settings, environment: Mapping[str, str]) -> Credentials:
    """Return where credentials are looked for: settings, the files of Helm, containers and Docker, the job's token.

    A login to ghcr.io that somebody made is meant; the token is there in every job.
    """
    token = {}
    registry = registry_of_job(environment)
    if settings.github_token and environment.get("GITHUB_ACTOR") and registry:
        token[registry] = Credential(
            username=environment["GITHUB_ACTOR"],
            password=settings.github_token,
            origin="github-token",
            note="it takes the job's own token and personal ones with packages; those of Apps it does not take",
        )
    result = discover(environment, document=settings.registry_auth, fallback=token)
    if not settings.password:
        return result
    host = _the_one_without(settings.registries, result)
    own = {host: Credential(username=settings.username, password=settings.password)}
    return discover(environment, explicit=own, document=settings.registry_auth, fallback=token)


def registry_of_job(environment: Mapping[str, str]) -> str:
    """Return the registry that takes the job's token: that of the server that made it; empty where it has none.

    https://docs.github.com/en/enterprise-cloud@latest/admin/data-residency
    """
    api = urlsplit(environment.get("GITHUB_API_URL") or "https://api.github.com").hostname or ""
    named = environment.get("GITHUB_SERVER_URL") or f"https://{api.removeprefix('api.')}"
    server = (urlsplit(named).hostname or "").lower()
    if server == "github.com":
        return GHCR
    return f"containers.{server}" if server.endswith(".ghe.com") else ""


def _the_one_without(registries: Sequence[str], found: Credentials) -> str:
    """Return the one registry that username and password can be for."""
    repositories = [Repository.parse(registry) for registry in registries]
    hosts = dict.fromkeys(repository.registry for repository in repositories)
    bare = [host for host in hosts if not any(r.registry == host and found.find(r) for r in repositories)]
    if len(hosts) == 1:
        return next(iter(hosts))
    if len(bare) == 1:
        return bare[0]
    raise ConfigError(
        "username and password: it is not clear which registry they are for: "
        + (
            ", ".join(bare) + " have no other credential"
            if bare
            else "every registry has credentials already"
        ),
        hint="give the credentials of each registry in registry-auth, a Docker config.json document",
    )


def everywhere(settings: Settings) -> tuple[str, ...]:
    """Return the registries that charts go to, those of single charts included."""
    of_charts = (chart.registries or () for chart in settings.chart_settings.values())
    return tuple(chain(settings.registries, *of_charts))


def keep_apart(settings: Settings) -> None:
    """Raise ConfigError where previews would lie among releases, for whoever asks there for the newest version."""
    releases = {_place(registry) for registry in everywhere(settings)}
    if settings.preview and _place(settings.preview) in releases:
        raise ConfigError(
            f"preview: {settings.preview} is where releases go",
            hint=f"name a repository for previews alone, for example {_place(settings.preview)}-previews",
        )


def _place(registry: str) -> str:
    """Return one spelling of a registry: case, Docker Hub's several names and the port of https do not count."""
    place = Repository.parse(registry)
    host = place.registry.removesuffix(":443")
    host = DOCKER_HUB if host in DOCKER_HUB_NAMES else host
    return f"{host}/{place.path}".rstrip("/")


class Stores(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """Where artifacts are: layout, memo and registries, each opened once and only where it is used."""

    settings: Settings
    environment: Mapping[str, str]
    progress: Progress
    """Told of waits."""
    on_secret: Callable[[str], None]
    """Told of every secret that arises, before anything with it could be printed."""

    @property
    def layout_path(self) -> Path:
        """Where the cache is: the setting, ``$OCI_CHART_CACHE``, or the platform's user cache directory."""
        named = self.settings.layout or self.environment.get("OCI_CHART_CACHE", "")
        if named:
            return Path(named)

        return platformdirs.user_cache_path("oci-chart-publish", appauthor=False) / "layout"

    @locked_cached_property
    def layout(self) -> ImageLayout:
        """The cache, made where there is none."""
        path = self.layout_path
        try:
            return ImageLayout.create(path)
        except OSError as error:
            raise ConfigError(
                f"cannot use {path} as the image layout: {error.strerror or error}",
                hint="name a folder that can be written with --layout or $OCI_CHART_CACHE",
            ) from error

    @locked_cached_property
    def memo(self) -> Memo:
        """What is remembered beside the cache."""
        return Memo(self.layout.root / "memo")

    @locked_cached_property
    def registries(self) -> Registries:
        """The connections of this run."""
        return connect(self.settings, self.environment, say=self.progress.say, secret=self.on_secret)

    def repository(self, repository: Repository, *, push: bool) -> Target:
        """Return the store of one repository, to be asked for permission to pull, or also to ``push``."""
        return self.registries.repository(repository, actions=PULL_PUSH if push else PULL)

    def ca_bundle(self) -> str:
        """Return the PEM file of all that a run trusts everywhere, for the library that speaks to GitHub."""
        return authorities.bundle(trust(self.settings, self.environment, frozenset()))

    @property
    def credentials(self) -> Credentials:
        """Where credentials for registries are looked for."""
        return credentials(self.settings, self.environment)

    def close(self) -> None:
        """End the connections, where there are any."""
        if "registries" in self.__dict__:
            self.registries.close()
