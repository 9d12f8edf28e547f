"""Can this configuration publish? Looks at charts, git, registries and code host, and answers plainly.

Nothing is published: the one write is an upload of two bytes to the repository of the first chart, which no tag names.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from oci_chart_publish.errors import AuthError, ExitCode, PublishError, worst
from oci_chart_publish.oci import descriptor as mediatype
from oci_chart_publish.oci.descriptor import Descriptor
from oci_chart_publish.oci.reference import Repository
from oci_chart_publish.run.graph import survey
from oci_chart_publish.run.project import Project

EMPTY = b"{}"


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """One question answered: well, or with what is wrong and what to do."""

    what: str
    well: bool
    says: str
    hint: str = ""
    code: ExitCode = ExitCode.DONE


def examine(session: Project) -> Iterator[Answer]:
    """Answer every question, the cheap ones first."""
    names: list[str] = []
    for answer, name in _charts(session):
        names += [name] if name else []
        yield answer
    yield from _git(session)
    for registry in session.settings.registries:
        yield from _registry(session, registry, names)
    yield from _code_host(session)


def verdict(answers: list[Answer]) -> ExitCode:
    """Return the exit code that the answers stand for."""
    return worst(answer.code for answer in answers)


def _bad(what: str, error: PublishError) -> Answer:
    return Answer(what=what, well=False, says=error.message, hint=error.hint, code=error.exit_code)


def _charts(session: Project) -> Iterator[tuple[Answer, str]]:
    try:
        found, broken = survey(session.sources(), session.dependencies)
    except PublishError as error:
        yield _bad("charts", error), ""
        return
    for failure in broken:
        yield _bad(f"chart {failure.path or '.'}", failure.error), ""
    for one in found:
        try:
            for registry in session.settings.registries:
                Repository.parse(registry).child(one.metadata.name)
        except PublishError as error:
            yield _bad(f"chart {one.metadata.name}", error), ""
        else:
            yield (
                Answer(what=f"chart {one.metadata.name}", well=True, says=one.metadata.version),
                one.metadata.name,
            )


def _git(session: Project) -> Iterator[Answer]:
    repository = session.repository
    if repository is None:
        yield Answer(what="git", well=True, says="no repository: the files are those in the folder")
        return
    shallow = (
        "shallow; missing history is fetched where it is needed" if repository.is_shallow() else "complete"
    )
    yield Answer(what="git", well=True, says=f"{repository.root}, history {shallow}")
    source = session.source_url()
    says = source or "unknown: artifacts will not say where they come from"
    yield Answer(what="source", well=bool(source), says=says, hint="" if source else "set `source`")


def _registry(session: Project, registry: str, names: list[str]) -> Iterator[Answer]:
    try:
        repository = Repository.parse(registry)
        repository = repository.child(names[0]) if names else repository
        credential = session.stores.credentials.find(repository)
        origin = credential.origin or "the settings" if credential else ""
        says = f"from {origin}" if credential else "none: anonymous"
        yield Answer(what=f"{registry} credentials", well=True, says=says)
        store = session.store(repository)
        store.resolve("0.0.0-doctor")
        yield Answer(what=f"{registry} read", well=True, says=f"{repository} can be asked")
    except PublishError as error:
        yield _bad(f"{registry} read", error)
        return
    try:
        store.put_blob(Descriptor.of(mediatype.OCI_EMPTY, EMPTY), EMPTY)
        yield Answer(what=f"{registry} write", well=True, says=f"{repository} takes uploads")
    except AuthError as error:
        yield _bad(f"{registry} write", error)
    except PublishError as error:
        yield _bad(f"{registry} write", error)


def _code_host(session: Project) -> Iterator[Answer]:
    github = session.github()
    if github is None:
        yield Answer(what="code host", well=True, says="no token: no comments, no releases")
        return
    try:
        login = github.comments.login()
        yield Answer(what="code host", well=True, says=f"{github.repository} as {login}")
    except PublishError as error:
        yield _bad("code host", error)
