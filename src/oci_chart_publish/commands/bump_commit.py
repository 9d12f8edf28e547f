"""The commit of versions that ``bump`` raises: through the API, or by git; nothing is left half done.

A commit through the API leaves the work tree as it is unless that was to be written too: another run decides the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from oci_chart_publish.errors import ConfigError, PublishError, StaleHeadError
from oci_chart_publish.git.repository import GitRepository
from oci_chart_publish.github.event import PullRequestEvent
from oci_chart_publish.run.project import Project
from oci_chart_publish.yamldoc.editor import refuse_link, write_file

Files = Mapping[str, bytes]
"""New bytes of files, by path below the root."""
_BRANCHES = "refs/heads/"


class Destination(msgspec.Struct, frozen=True, kw_only=True):
    """Where a commit goes: on ``head``, which has to be the end of ``branch``. Without a branch it is made by git."""

    head: str
    branch: str = ""

    def __str__(self) -> str:
        return self.branch or f"HEAD ({self.head[:9]})"


def destination(project: Project) -> Destination:
    """Return where this run can commit to; ConfigError where it cannot, before anything is written."""
    repository, event = project.repository, project.event
    head = repository.head() if repository else None
    if repository is None or head is None:
        raise ConfigError("--commit needs a git repository with a commit")
    if event.pull_request is not None:
        _refuse_other_heads(event.pull_request, repository, head, fork=event.from_fork)
    if project.code_host.missing:
        return Destination(head=head)
    branch = event.ref.removeprefix(_BRANCHES) if event.ref.startswith(_BRANCHES) else ""
    if event.pull_request is not None:
        branch = event.pull_request.head_ref
    if not branch:
        raise ConfigError(
            f"--commit: {event.ref or 'this event'} is no branch that could be committed to",
            hint="run it on a push to a branch, or on a pull request",
        )
    return Destination(head=head, branch=branch)


def _refuse_other_heads(
    pull_request: PullRequestEvent, repository: GitRepository, head: str, *, fork: bool
) -> None:
    if fork:
        raise ConfigError(
            f"--commit: pull request {pull_request.number} comes from another repository, which is not written to",
            hint="use `bump --check` there, so that its author raises the version",
        )
    parents = repository.parents(head)
    if head != pull_request.head and len(parents) > 1 and pull_request.head in parents:
        raise ConfigError(
            f"--commit: what is checked out is not the head of pull request {pull_request.number}, but the merge that "
            "GitHub made to test it",
            hint="add `ref: ${{ github.head_ref }}` to the `with:` of actions/checkout",
        )


def commit(project: Project, files: Files, message: str, to: Destination) -> str:
    """Commit files and return the commit; where that fails, every file is as it was."""
    repository = project.repository
    assert repository is not None  # noqa: S101 - destination() saw to it
    foreign = [path for path in files if repository.read("HEAD", path) is None]
    if foreign:
        raise ConfigError(
            f"--commit: {', '.join(foreign)}: not in the last commit of this repository",
            hint="commit it first; a chart of a submodule is raised in the submodule's own repository",
        )
    edited = sorted(files.keys() & set(repository.changed_files("HEAD")))
    if edited:
        raise ConfigError(
            f"--commit: {', '.join(edited)}: changed here and not committed, and would be committed along",
            hint="commit these changes first, or undo them",
        )
    _refuse_links(project.root, files)
    if to.branch:
        return _commit_through_api(project, files, message, to)
    before = {path: (project.root / path).read_bytes() for path in files}
    try:
        write(project.root, files)
        return repository.commit_files(sorted(files), message)
    except BaseException as error:
        write(project.root, before)
        if isinstance(error, PublishError) and "tell me who you are" in error.message:
            raise ConfigError(
                f"--commit: git does not know whose commit it is: {error.message}",
                hint="set user.name and user.email with git config, or give github-token",
            ) from error
        raise


def _commit_through_api(project: Project, files: Files, message: str, to: Destination) -> str:
    github = project.github()
    assert github is not None  # noqa: S101 - destination() saw to it
    with github:
        try:
            return github.commits.commit_files(to.branch, to.head, files, message).sha
        except StaleHeadError as error:
            raise StaleHeadError(
                error.message,
                hint=f"{to.branch} went on since {to.head[:9]} was checked out: run on what it is now",
                status=error.status,
                codes=error.codes,
            ) from error


def write(root: Path, files: Files) -> None:
    """Write files into the work tree; where that fails, every file is as it was."""
    _refuse_links(root, files)
    before = {path: (root / path).read_bytes() for path in files}
    try:
        for path, data in files.items():
            write_file(root / path, data)
    except BaseException:
        for path, data in before.items():
            if (root / path).read_bytes() != data:
                write_file(root / path, data)
        raise


def _refuse_links(root: Path, files: Files) -> None:
    for path in files:
        refuse_link(root / path)
