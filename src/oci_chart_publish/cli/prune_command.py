"""prune: delete the previews of closed pull requests."""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping
from contextlib import closing
from functools import cached_property
from typing import Any

import click
import msgspec
from msgspec.structs import replace

from oci_chart_publish.cli.flow_commands import PATHS, REGISTRY, common
from oci_chart_publish.cli.main import show
from oci_chart_publish.cli.options import open_project, setting_options
from oci_chart_publish.commands.prune import (
    PackageVersions,
    Preview,
    is_of,
    remove,
    stale,
)
from oci_chart_publish.errors import ConfigError, ForgeError, PublishError, worst
from oci_chart_publish.github.gateway import GitHub
from oci_chart_publish.oci.reference import Repository
from oci_chart_publish.oci.store import Target
from oci_chart_publish.report import results
from oci_chart_publish.report.compose import problem
from oci_chart_publish.run.graph import survey
from oci_chart_publish.run.project import Project
from oci_chart_publish.run.stores import registry_of_job


@click.command()
@PATHS
@click.option(
    "--closed", type=int, multiple=True, metavar="N", help="Take pull request N for closed, without asking."
)
@click.option(
    "--chart",
    "named",
    multiple=True,
    metavar="NAME",
    help="A chart by its name; it may be gone from the tree.",
)
@setting_options("preview", "preview-template", "github-token", "dry-run", *REGISTRY)
@common
@click.pass_obj
def prune(
    environment: Mapping[str, str],
    /,
    *,
    closed: tuple[int, ...],
    named: tuple[str, ...],
    **options: Any,  # noqa: ANN401
) -> int:
    """Delete the previews of closed pull requests.

    Of the charts in the tree, and of those that are gone from it where the registry lists what it holds; or of the
    charts at PATH and with --chart NAME alone. A digest that any other tag uses stays. On ghcr.io the packages API is
    used; elsewhere what the registry offers, and what it does not delete is listed.
    """
    paths = options["paths"]
    project = open_project(environment, options, writes=True)
    if not project.settings.preview:
        raise ConfigError("prune: no repository of previews", hint="name it with --preview HOST/PATH")
    # Credentials and certificates of the options are for the one place that is asked.
    project = project.with_settings(replace(project.settings, registries=(project.settings.preview,)))
    with closing(project):
        github = project.github()
        known = ClosedPullRequests.of(closed, github)
        pruning = Pruning(project=project, github=github, closed=known, silent=options["as_json"])
        here = _names(project) if paths or not named else []
        for name in dict.fromkeys([*here, *named]):
            pruning.prune(name)
        if not paths and not named:
            for name in pruning.others(here):
                pruning.prune(name, check=True)
    code = int(worst(error.exit_code for error in pruning.errors))
    if options["as_json"]:
        errors = tuple(map(problem, pruning.errors))
        result = results.PruneResult(previews=tuple(pruning.previews), errors=errors, exit_code=code)
        sys.stdout.write(results.encode(result))
    return code


class ClosedPullRequests(msgspec.Struct, frozen=True, kw_only=True):
    """Predicate over the numbers of pull requests: whether one is closed. Each is asked for once."""

    numbers: tuple[int, ...]
    """Those that are taken for closed without asking; where there are any, no other one is."""
    github: GitHub | None
    _asked: dict[int, bool] = msgspec.field(default_factory=dict)

    @classmethod
    def of(cls, numbers: tuple[int, ...], github: GitHub | None) -> ClosedPullRequests:
        """Return who knows; ConfigError where nobody does."""
        if not numbers and github is None:
            raise ConfigError(
                "prune: it is not known which pull requests are closed",
                hint="give --github-token, or --closed N",
            )
        return cls(numbers=numbers, github=github)

    def __call__(self, number: int) -> bool:
        """Tell whether a pull request is closed; of one that is not known the previews stay."""
        if self.numbers or self.github is None:
            return number in self.numbers
        if number not in self._asked:
            self._asked[number] = self._ask(self.github, number)
        return self._asked[number]

    def _ask(self, github: GitHub, number: int) -> bool:
        try:
            return not github.pulls.get(number).open
        except ForgeError as error:
            if error.status != 404:
                raise
            print(f"pull request {number} is not known: its previews stay", file=sys.stderr)
            return False


class Pruning(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """One run: where the previews are, who says which are closed, and what could not be deleted."""

    project: Project
    github: GitHub | None
    closed: ClosedPullRequests
    silent: bool = False
    """Whether results are collected alone, and not printed."""
    previews: list[results.PrunedPreview] = msgspec.field(default_factory=list)
    errors: list[PublishError] = msgspec.field(default_factory=list)

    @cached_property
    def versions(self) -> PackageVersions | None:
        """Who deletes there."""
        return PackageVersions(self.packages) if self.packages else None

    @property
    def place(self) -> Repository:
        """The repository that has the previews of each chart below it."""
        return Repository.parse(self.project.settings.preview)

    @property
    def packages(self) -> GitHub | None:
        """Who lists in the registry of the code host, where previews are own packages of its owner; else None."""
        place, own = self.place, self.project.event.repository.partition("/")[0].lower()
        ours = (
            place.registry == registry_of_job(self.project.stores.environment)
            and place.path.partition("/")[0] == own
        )
        return self.github if ours else None

    def others(self, here: Collection[str]) -> list[str]:
        """Return the names of other charts that there are previews of; say so where nobody lists them."""
        try:
            result = self._listed()
        except PublishError as error:
            result, why = None, f" ({error.message})"
        else:
            why = ""
        if result is None:
            print(
                f"{self.place.registry} does not list its repositories{why}: previews of charts that are not in this "
                "tree were not looked at; name such a chart with --chart NAME",
                file=sys.stderr,
            )
        return [name for name in result or () if name not in here]

    def _listed(self) -> tuple[str, ...] | None:
        packages = self.packages
        if packages is not None:
            prefix = "".join(f"{part}/" for part in self.place.path.split("/")[1:])
            below = (
                name.removeprefix(prefix) for name in packages.packages.names() if name.startswith(prefix)
            )
            return tuple(name for name in below if "/" not in name)
        return self.project.stores.registries.below(self.place)

    def prune(self, name: str, *, check: bool = False) -> None:
        """Delete what is stale of one chart; with ``check`` only what says that it was made from this repository."""
        repository = self.place.child(name)
        store = self.project.store(repository)
        settings = self.project.settings
        for preview in list(stale(repository, store, settings.preview_template, self.closed)):
            where = f"{repository}:{preview.tag}"
            if check and not is_of(preview, store, self.project.source_url()):
                print(
                    f"{where}: remains, it does not say that it is of this repository; name the chart with "
                    f"--chart {name} if it is",
                    file=sys.stderr,
                )
            elif settings.dry_run:
                self._tell(preview, f"would delete {where}", "would delete")
            else:
                self._remove(preview, store)

    def _remove(self, preview: Preview, store: Target) -> None:
        try:
            line = self.versions.remove(preview) if self.versions else remove(preview, store)
            self._tell(preview, line, line.removeprefix(f"{preview.repository}:{preview.tag}: "))
        except PublishError as error:
            show(error)
            self.errors.append(error)

    def _tell(self, preview: Preview, line: str, outcome: str) -> None:
        """Print what came of a preview, and keep it for the result."""
        reference = f"{preview.repository}:{preview.tag}"
        self.previews.append(
            results.PrunedPreview(reference=reference, pull_request=preview.number, outcome=outcome)
        )
        if not self.silent:
            print(line)


def _names(project: Project) -> list[str]:
    """Return the names of the charts in the tree, as far as they can be read."""
    graph = survey(project.sources(), project.dependencies)
    broken = [failure.name for failure in graph.failures if failure.name]
    return [node.metadata.name for node in graph.charts] + broken
