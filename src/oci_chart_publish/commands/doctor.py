"""Can this configuration publish? Looks at charts, git, registries and code host, and answers plainly.

It tries what a run would do: every chart is built with its dependencies, and every registry of the run, those of single
charts and of previews too, is asked for the repository of each chart. Nothing is published: the one write is an upload
of two bytes to each of these repositories, which no tag names.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import msgspec
from msgspec.structs import replace

from oci_chart_publish.errors import ExitCode, PublishError, RemoteError, worst
from oci_chart_publish.oci import descriptor as mediatype
from oci_chart_publish.oci.descriptor import Descriptor
from oci_chart_publish.oci.reference import Repository
from oci_chart_publish.oci.store import Target
from oci_chart_publish.report import document
from oci_chart_publish.run import pipeline
from oci_chart_publish.run.policy import Run, StopOnly
from oci_chart_publish.run.project import Project
from oci_chart_publish.run.settings_policy import SettingsPolicy

EMPTY = b"{}"


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """One question answered: well, or with what is wrong and what to do."""

    what: str
    well: bool
    says: str
    hint: str = ""
    code: ExitCode = ExitCode.DONE


def examine(project: Project) -> Iterator[Answer]:
    """Answer every question, the cheap ones first: those about the folder, then what a run would do."""
    yield from _git(project)
    yield from _layout(project)
    names: list[str] = []
    for answer, name in _charts(project):
        names += [name] if name else []
        yield answer
    for registry, charts in _places(project, names).items():
        yield from _registry(project, registry, charts)
    yield from _code_host(project)


def verdict(answers: list[Answer]) -> ExitCode:
    """Return the exit code that the answers stand for."""
    return worst(answer.code for answer in answers)


def _bad(what: str, error: PublishError) -> Answer:
    return Answer(what=what, well=False, says=error.message, hint=error.hint, code=error.exit_code)


class BuildPolicy(SettingsPolicy, frozen=True, kw_only=True):
    """The policy of a run that goes nowhere: charts are built, dependencies resolved, and no registry is asked."""

    def destinations(self, chart: str) -> tuple[str, ...]:  # noqa: ARG002  (no chart has a place)
        """Return no registry."""
        return ()


def _layout(project: Project) -> Iterator[Answer]:
    try:
        yield Answer(what="layout", well=True, says=str(project.layout.root))
    except PublishError as error:
        yield _bad("layout", error)


def _charts(project: Project) -> Iterator[tuple[Answer, str]]:
    """Build every chart as a run would, at its version and with its dependencies; yield those that have a name, too."""
    try:
        built = _built(replace(project, writes=False))
    except PublishError as error:
        yield _bad("charts", error), ""
        return
    for chart in built:
        if chart.error is None:
            yield Answer(what=f"chart {chart.name}", well=True, says=chart.version), chart.name
            continue
        code = next((kind.exit_code for kind in _kinds(PublishError) if kind.kind == chart.error.kind), None)
        # What cannot be read has no name but that of its folder, and goes nowhere.
        what = f"chart {chart.name}" if chart.version else f"chart {chart.path or '.'}"
        answer = Answer(
            what=what,
            well=False,
            says=chart.error.message,
            hint=chart.error.hint,
            code=code or ExitCode.UNEXPECTED,
        )
        yield answer, chart.name if chart.version else ""


def _kinds(kind: type[PublishError]) -> Iterator[type[PublishError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from _kinds(below)


def _built(project: Project) -> Sequence[document.Chart]:
    sources = project.sources()
    policy = project.policy(sources)
    nowhere = BuildPolicy(**{field: getattr(policy, field) for field in policy.__struct_fields__})
    run = Run(
        policy=nowhere,
        options=replace(project.options, details=False),
        listener=StopOnly(threading.Event()),
        progress=project.progress,
    )
    return pipeline.plan(sources, run)


def _places(project: Project, names: Sequence[str]) -> Mapping[str, Sequence[str]]:
    """Return every registry that a run may touch, those of single charts and of previews too, and what goes there."""
    settings = project.settings
    charts = project.chart_settings(())
    places: dict[str, list[str]] = {registry: [] for registry in settings.registries}
    for name in names:
        own = charts.registries(name)
        for registry in settings.registries if own is None else own:
            places.setdefault(registry, []).append(name)
    if settings.preview:
        places.setdefault(settings.preview, []).extend(names)
    return places


def _git(project: Project) -> Iterator[Answer]:
    repository = project.repository
    if repository is None:
        yield Answer(what="git", well=True, says="no repository: the files are those in the folder")
        return
    shallow = (
        "shallow; missing history is fetched where it is needed" if repository.is_shallow() else "complete"
    )
    yield Answer(what="git", well=True, says=f"{repository.root}, history {shallow}")
    source = project.source_url()
    says = source or "unknown: artifacts will not say where they come from"
    yield Answer(what="source", well=bool(source), says=says, hint="" if source else "set `source`")


def _registry(project: Project, registry: str, names: Sequence[str]) -> Iterator[Answer]:
    """Ask for the repository of each chart: a registry may let somebody into one and not into another."""
    try:
        parsed = Repository.parse(registry)
        repositories = [parsed.child(name) for name in names] or [parsed]
        credential = project.stores.credentials.find(repositories[0])
    except PublishError as error:
        yield _bad(f"{registry} read", error)
        return
    origin = credential.origin or "the settings" if credential else ""
    says = f"from {origin}" if credential else "none: anonymous"
    yield Answer(what=f"{registry} credentials", well=True, says=says)
    unread = _tried(project, repositories, _read)
    yield _summed(f"{registry} read", repositories, unread, "can be asked")
    readable = [repository for repository in repositories if repository not in unread]
    if readable and not any(error.status == 0 for error in unread.values() if isinstance(error, RemoteError)):
        unwritten = _tried(project, readable, _write)
        yield _summed(f"{registry} write", readable, unwritten, "takes uploads")


def _read(store: Target) -> None:
    store.resolve("0.0.0-doctor")


def _write(store: Target) -> None:
    store.put_blob(Descriptor.of(mediatype.OCI_EMPTY, EMPTY), EMPTY)


def _tried(
    project: Project, repositories: Iterable[Repository], attempt: Callable[[Target], None]
) -> Mapping[Repository, PublishError]:
    """Return what failed in which repository; a host that does not answer is asked for one alone."""
    failed: dict[Repository, PublishError] = {}
    for repository in repositories:
        try:
            attempt(project.store(repository))
        except PublishError as error:
            failed[repository] = error
            if isinstance(error, RemoteError) and error.status == 0:
                break
    return failed


def _summed(
    what: str, repositories: Sequence[Repository], failed: Mapping[Repository, PublishError], does: str
) -> Answer:
    """Return one answer for all repositories of a registry: the first failure, and how many more there are."""
    if not failed:
        subject = (
            str(repositories[0]) if len(repositories) == 1 else f"each of {len(repositories)} repositories"
        )
        return Answer(what=what, well=True, says=f"{subject} {does}")
    first, *others = failed.values()
    more = f" (and so for {len(others)} more of {len(repositories)} repositories)" if others else ""
    code = worst(error.exit_code for error in failed.values())
    return Answer(what=what, well=False, says=f"{first.message}{more}", hint=first.hint, code=code)


def _code_host(project: Project) -> Iterator[Answer]:
    github = project.github()
    if github is None:
        yield Answer(
            what="code host", well=True, says=f"no comments, no releases: {project.code_host.missing}"
        )
        return
    try:
        login = github.comments.login()
        yield Answer(what="code host", well=True, says=f"{github.repository} as {login}")
    except PublishError as error:
        yield _bad("code host", error)
