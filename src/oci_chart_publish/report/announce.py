"""What follows once the registries have what they should: git tags and releases, and the comment on the pull request.

Everything here is idempotent, and nothing of it can undo or endanger what was published. A token that may only read
costs a notice; anything else that fails is exit code 7.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from oci_chart_publish.errors import ForgeError, PublishError, ReadOnlyError
from oci_chart_publish.forge.event import Event
from oci_chart_publish.forge.github import GitHub
from oci_chart_publish.forge.github.comments import RunMark
from oci_chart_publish.forge.github.release import AssetFile, MakeLatest, ReleaseSpec, ReleaseStatus
from oci_chart_publish.forge.github.tags import TagStatus
from oci_chart_publish.oci.descriptor import Descriptor
from oci_chart_publish.oci.digest import Digest
from oci_chart_publish.oci.store import Source
from oci_chart_publish.report import compose, document
from oci_chart_publish.report.markdown import render
from oci_chart_publish.report.notes import notes
from oci_chart_publish.settings import Settings

COMMENT_LIMIT = 60_000
"""UTF-16 units; GitHub refuses a comment of more than 65,536."""

TagName = Callable[[document.Chart], str]
Subjects = Callable[[document.Chart], Sequence[str]]


@dataclass(frozen=True, kw_only=True)
class Announcer:
    """Tells the code host. ``tag_name`` gives a chart's git tag, ``subjects`` its commits since the version before."""

    github: GitHub
    event: Event
    settings: Settings
    layout: Source
    tag_name: TagName
    subjects: Subjects

    def releases(self, report: document.Report) -> document.Report:
        """Tag and release what was published, and what an earlier run published and could not release."""
        if self.settings.release == "off" or report.dry_run:
            return report
        problems: list[PublishError] = []
        charts = []
        present = self._tags(report, problems)
        for chart in report.charts:
            try:
                charts.append(self._release(chart, report, present))
            except PublishError as error:
                problems.append(error)
                charts.append(chart)
        return compose.concluded(replace(report, charts=tuple(charts)), problems)

    def _tags(self, report: document.Report, problems: list[PublishError]) -> frozenset[str] | None:
        """Return all tags, None where nothing needs to know them."""
        if not any(chart.status == "unchanged" and _ours(chart) for chart in report.charts):
            return None
        try:
            return frozenset(tag.name for tag in self.github.tags.matching())
        except ForgeError as error:
            problems.append(error)
            return None

    def _release(
        self, chart: document.Chart, report: document.Report, present: frozenset[str] | None
    ) -> document.Chart:
        tag = self.tag_name(chart)
        unfinished = (
            chart.status == "unchanged" and _ours(chart) and present is not None and tag not in present
        )
        if chart.status != "published" and not unfinished and not (self.settings.backfill and chart.targets):
            return replace(chart, git_tag=tag) if present and tag in present else chart
        if chart.status not in {"published", "unchanged"}:
            return chart
        if self.settings.release == "tag":
            return self._tag(chart, tag)
        return self._full_release(chart, tag, report)

    def _tag(self, chart: document.Chart, tag: str) -> document.Chart:
        outcome = self.github.tags.ensure(tag, self.event.revision)
        if outcome.status is TagStatus.ELSEWHERE and chart.status == "published":
            warning = f"git tag {tag} exists already and names another commit; it was left where it is"
            return replace(chart, git_tag=tag, warnings=(*chart.warnings, warning))
        return replace(chart, git_tag=tag)

    def _full_release(self, chart: document.Chart, tag: str, report: document.Report) -> document.Chart:
        spec = ReleaseSpec(
            tag=tag,
            commit=self.event.revision,
            name=tag,
            notes=notes(chart, self.subjects(chart)),
            assets=self._assets(chart, report),
            prerelease="-" in chart.version.partition("+")[0],
            make_latest=MakeLatest.TRUE if self.settings.latest else MakeLatest.FALSE,
            adopt=self.settings.backfill,
        )
        outcome = self.github.releases.ensure(spec)
        warnings = list(chart.warnings)
        if outcome.status is ReleaseStatus.FOREIGN:
            warnings.append(f"release {tag} was made by somebody else and left as it is")
        if outcome.missing:
            warnings.append(f"release {tag} is immutable and lacks {', '.join(outcome.missing)}")
        return replace(chart, git_tag=tag, release_url=outcome.release.url, warnings=tuple(warnings))

    def _assets(self, chart: document.Chart, report: document.Report) -> tuple[AssetFile, ...]:
        if chart.layer is None:
            return ()
        digest = Digest.parse(chart.layer.digest)
        layer = Descriptor(media_type=chart.layer.media_type, digest=digest, size=chart.layer.size)
        name = f"{chart.name}-{chart.version}.tgz"
        alone = replace(report, charts=(chart,), totals=document.count((chart,)), notes=())
        return (
            AssetFile(name=name, data=self.layout.blob(layer), media_type="application/gzip"),
            AssetFile(name="SHA256SUMS", data=f"{digest.hex}  {name}\n".encode(), media_type="text/plain"),
            AssetFile(name="report.json", data=document.encode(alone), media_type="application/json"),
        )

    def comment(self, report: document.Report) -> document.Report:
        """Write the comment on the pull request; on a push, the final state on the one that was merged."""
        if self.settings.comment == "off":
            return report
        try:
            self._comment(report)
        except ReadOnlyError:
            note = "the token may not comment: the report is in the step summary only"
            return replace(report, notes=(*report.notes, note))
        except ForgeError as error:
            return compose.concluded(report, [error])
        return report

    def _comment(self, report: document.Report) -> None:
        event = self.event
        if event.pull_request is not None:
            number, create = event.pull_request.number, self._worth(report)
        elif event.workflow_run is not None:
            found = self.github.pulls.of_workflow_run(event.workflow_run)
            if found is None:
                return
            number, create = found.number, self._worth(report)
        else:
            merged = self.github.pulls.merged_as(event.revision) if event.revision else None
            if merged is None:
                return
            number, create = merged.number, False
        body = render(report, limit=COMMENT_LIMIT, footer=self._footer(report))
        mark = RunMark(int(event.run_id or 0), int(event.run_attempt or 0))
        self.github.comments.upsert(
            number, "charts", body, mark, revision=report.revision or "", create=create
        )

    def _worth(self, report: document.Report) -> bool:
        """Whether a comment that is not there yet is wanted; one that exists is always kept up to date."""
        if self.settings.comment == "always":
            return True
        if self.settings.comment == "failures":
            return report.exit_code != 0
        return any(chart.status != "unchanged" for chart in report.charts)

    def _footer(self, report: document.Report) -> str:
        run = f"[run]({self.event.url}/actions/runs/{self.event.run_id})" if self.event.url else ""
        revision = f"`{(report.revision or '')[:7]}`" if report.revision else ""
        return "<sub>" + " · ".join(part for part in (report.command, revision, run) if part) + "</sub>"


def _ours(chart: document.Chart) -> bool:
    """Whether what is published is byte for byte what this tree builds: then it was this tool that published it."""
    return bool(chart.targets) and chart.digest is not None and chart.digest == chart.built_digest
