"""What follows once the registries have what they should: git tags and releases.

Everything here is idempotent, and nothing of it can undo or endanger what was published; what fails is exit code 7.

Made is what this run published. Repaired is what it did not publish, in two cases: a release (a draft, too) that holds
our marker and lacks something, and a tag that is missing altogether where a run of this workflow may have ended between
registry and tag: this one's push touched the chart, or a push whose runs have failed so far (``unfinished``). Every
other version was published without a release, by a setting or by another tool, and is left alone unless ``backfill``
asks for it. A token that may not write is told once, at the first release that it may not make. So are one that has
expired, a rule that forbids tags, a rate limit that lasts longer than the gateway waits (whoever goes on asking is kept
out for longer), and, at the second release, a code host that does not answer, or hides from the token what is asked for
every chart.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, Protocol

import msgspec
from msgspec.structs import replace

from oci_chart_publish.chart.version import ChartVersion
from oci_chart_publish.errors import ForbiddenError, ForgeError, PublishError, ReadOnlyError
from oci_chart_publish.github import releases as sections
from oci_chart_publish.github.event import Event
from oci_chart_publish.github.gateway import GitHub
from oci_chart_publish.github.git_refs import TagStatus
from oci_chart_publish.github.releases import (
    AssetFile,
    MakeLatest,
    Release,
    ReleaseOutcome,
    ReleaseSpec,
    ReleaseStatus,
    lacks,
)
from oci_chart_publish.oci.descriptor import Descriptor
from oci_chart_publish.oci.digest import Digest
from oci_chart_publish.report import compose, document
from oci_chart_publish.report.detail import embedded
from oci_chart_publish.report.release_notes import notes
from oci_chart_publish.report.text import counted

SUMS, REPORT = "SHA256SUMS", "report.json"
_MEDIA_TYPES = {".tgz": "application/gzip", "prov": "text/plain"}
LISTED = 10
"""Tags named where a token may make none of them."""


class PublishedCharts(Protocol):
    """What git, settings and registries know of the charts of a report."""

    def blob(self, chart: document.Chart, blob: Descriptor) -> bytes:
        """Return a part of what is published of a chart; PublishError where nobody has it."""

    def tag_name(self, chart: document.Chart) -> str:
        """Return the git tag of a chart at its version."""

    def versions(self, chart: document.Chart, tags: Iterable[str]) -> Iterable[ChartVersion]:
        """Return the versions of a chart that git tags are of."""

    def subjects(self, chart: document.Chart) -> Sequence[str]:
        """Return the subjects of the commits of a chart since the version before, newest first."""

    def may_be_unfinished(self, chart: document.Chart) -> bool:
        """Tell whether an earlier run may have published a chart and ended before its release."""


class Known(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """What the code host had before: names of tags, and of each tag the release that counts (ours, then published)."""

    tags: frozenset[str] = frozenset()
    releases: Mapping[str, Release] = msgspec.field(default_factory=dict)


class Releaser(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """Makes tags, or releases, as ``kind`` says (off: neither); ``backfill`` also those of older versions.

    ``latest`` lets a release become the repository's latest; with ``dry_run`` the report says what would be made.
    """

    github: GitHub
    event: Event
    kind: Literal["release", "tag", "off"]
    backfill: bool
    latest: bool
    dry_run: bool
    charts: PublishedCharts
    stopping: threading.Event
    """Nothing more is begun once it is set."""

    def releases(self, report: document.Report) -> document.Report:
        """Tag and release what was published, and what an earlier attempt published and could not release."""
        if self.kind == "off":
            return report
        if self.dry_run or report.dry_run:
            return self._would(report)
        problems: list[PublishError] = []
        charts = []
        known: Known | None = None
        refused: ForgeError | None = None
        denied: list[str] = []
        try:
            known = self._known(report)
        except ForgeError as error:
            if _ends(error):
                refused = error
            else:
                problems.append(error)
        for chart in report.charts:
            done = chart
            try:
                if refused and self._due(chart, known):
                    denied.append(self.charts.tag_name(chart))
                elif not self.stopping.is_set():
                    done = self._release(chart, report, known)
            except PublishError as error:
                if isinstance(error, ForgeError) and _ends(error, problems):
                    refused = error
                    denied.append(self.charts.tag_name(chart))
                else:
                    problems.append(error)
            charts.append(done)
        if refused:
            problems.append(self._refused(refused, denied) if denied else refused)
        remaining = sum(1 for chart in charts if chart.status == "published" and not chart.git_tag)
        if remaining and self.stopping.is_set():
            what = "tag" if self.kind == "tag" else "release"
            lack = f"{counted(remaining, 'chart')} {'has' if remaining == 1 else 'have'} no {what} yet"
            note = f"{lack}: the run was interrupted, run it again"
            report = replace(report, notes=(*report.notes, note))
        return compose.concluded(replace(report, charts=tuple(charts)), problems)

    def _refused(self, error: ForgeError, tags: Sequence[str]) -> ForgeError:
        """Return the one error for all that the token may not make (now); only the first of them was tried."""
        number = f"{len(tags)} charts are" if len(tags) > 1 else "1 chart is"
        more = f" and {len(tags) - LISTED} more" if len(tags) > LISTED else ""
        what = "tagged" if self.kind == "tag" else "released"
        then = (
            "Then re-run this job: another attempt makes what is missing."
            if not isinstance(error, ReadOnlyError)
            else "Then run once with `backfill: true` in the settings file for what is missing."
        )
        return type(error)(
            f"{number} published and not {what}, {', '.join(tags[:LISTED])}{more}: {error.message}",
            hint=f"{error.hint}\n{then}",
            status=error.status,
            codes=error.codes,
        )

    def _would(self, report: document.Report) -> document.Report:
        tags = [self.charts.tag_name(chart) for chart in report.charts if chart.status == "would-publish"]
        what = "tag" if self.kind == "tag" else "release"
        note = f"dry run: would {what} {', '.join(tags)}"
        return replace(report, notes=(*report.notes, note)) if tags else report

    def _known(self, report: document.Report) -> Known | None:
        """Return what there is already, None where nothing needs it: one request, and one for each hundred tags."""
        tags = {
            self.charts.tag_name(chart)
            for chart in report.charts
            if chart.status == "unchanged" and _ours(chart)
        }
        if not tags:
            return None
        recent = self.github.releases.recent() if self.kind == "release" else ()
        by_tag: dict[str, Release] = {}
        for release in sorted(recent, key=lambda one: (sections.is_ours(one.body), not one.draft)):
            by_tag[release.tag] = release
        tagged = {tag for tag, release in by_tag.items() if not release.draft}
        if tags - tagged:
            unchanged = {
                self.charts.tag_name(chart) for chart in report.charts if chart.status == "unchanged"
            }
            tagged |= self.github.tags.existing(unchanged - tagged)
        return Known(tags=frozenset(tagged), releases=by_tag)

    def _release(self, chart: document.Chart, report: document.Report, known: Known | None) -> document.Chart:
        tag = self.charts.tag_name(chart)
        if not self._due(chart, known):
            if known is None or tag not in known.tags:
                return chart
            there = known.releases.get(tag)
            return replace(chart, git_tag=tag, release_url=there.url if there and not there.draft else None)
        if self.kind == "tag":
            return self._tag(chart, tag, self._commit(report))
        return self._full_release(chart, tag, report)

    def _due(self, chart: document.Chart, known: Known | None) -> bool:
        """Whether a chart is to be tagged or released: made, repaired, or filled in because that is asked for."""
        if chart.status != "unchanged":
            return chart.status == "published"
        if self.backfill and chart.targets:
            return True
        return known is not None and self._unfinished(chart, self.charts.tag_name(chart), known)

    def _unfinished(self, chart: document.Chart, tag: str, known: Known) -> bool:
        release = known.releases.get(tag)
        if release is not None:
            return sections.is_ours(release.body) and (release.draft or _incomplete(release, chart))
        return tag not in known.tags and _ours(chart) and self.charts.may_be_unfinished(chart)

    def _commit(self, report: document.Report) -> str:
        """Return the commit that was built, which a saved plan or a checkout of its own may have chosen."""
        return report.revision or self.event.revision

    def _tag(self, chart: document.Chart, tag: str, commit: str) -> document.Chart:
        outcome = self.github.tags.ensure(tag, commit)
        if outcome.status is TagStatus.ELSEWHERE and chart.status == "published":
            warning = f"git tag {tag} exists already and names another commit; it was left where it is"
            return replace(chart, git_tag=tag, warnings=(*chart.warnings, warning))
        return replace(chart, git_tag=tag, released=outcome.status is TagStatus.CREATED)

    def _full_release(self, chart: document.Chart, tag: str, report: document.Report) -> document.Chart:
        spec = ReleaseSpec(
            tag=tag,
            commit=self._commit(report),
            name=tag,
            notes=self._said(chart, tag) or self._notes(chart, report),
            assets=self._assets(chart, report),
            prerelease="-" in chart.version.partition("+")[0],
            make_latest=MakeLatest.TRUE if self._is_latest(chart) else MakeLatest.FALSE,
            adopt=self.backfill,
        )
        outcome = self.github.releases.ensure(spec)
        warnings = (*chart.warnings, *_warnings(chart, tag, outcome, spec.commit))
        if outcome.release.draft:  # somebody else's, which has no tag yet, nor a page that others see
            return replace(chart, warnings=warnings)
        return replace(
            chart,
            git_tag=tag,
            release_url=outcome.release.url,
            released=outcome.status in {ReleaseStatus.CREATED, ReleaseStatus.REPAIRED},
            warnings=warnings,
        )

    def _notes(self, chart: document.Chart, report: document.Report) -> str:
        return notes(chart, self.charts.subjects(chart), embedded(report).get(chart.name, ()))

    def _is_latest(self, chart: document.Chart) -> bool:
        """Whether a release is to become the repository's latest: where that is wanted and no later version is there.

        Registries know versions that never were released; where a run repairs, they have not been asked.
        """
        if not self.latest:
            return False
        version = ChartVersion.parse(chart.version)
        released = self.charts.versions(chart, self.github.releases.published_tags())
        later = [ChartVersion.parse(chart.later_version)] if chart.later_version else []
        return not any(item > version and not item.prerelease for item in (*released, *later))

    def _said(self, chart: document.Chart, tag: str) -> str:
        """Return the notes that the release of an unchanged chart has, empty where they do not hold its digest.

        They stay: they were made when the commits and the version before were known.
        """
        if chart.status != "unchanged" or not chart.digest:
            return ""
        message = (sections.section(release.body) for release in self.github.releases.of_tag(tag))
        return next((part for part in message if chart.digest in part), "")

    def _assets(self, chart: document.Chart, report: document.Report) -> tuple[AssetFile, ...]:
        if chart.layer is None:
            return ()
        files = {_archive(chart): _descriptor(chart.layer)}
        if chart.provenance is not None:
            files[f"{_archive(chart)}.prov"] = _descriptor(chart.provenance)
        sums = "".join(f"{blob.digest.hex}  {name}\n" for name, blob in files.items())
        alone = replace(report, charts=(chart,), totals=document.count((chart,)), notes=())
        return (
            *(
                AssetFile(name=name, data=self.charts.blob(chart, blob), media_type=_MEDIA_TYPES[name[-4:]])
                for name, blob in files.items()
            ),
            AssetFile(name=SUMS, data=sums.encode(), media_type="text/plain"),
            AssetFile(name=REPORT, data=document.encode(alone), media_type="application/json"),
        )


def _ends(error: ForgeError, before: Sequence[PublishError] = ()) -> bool:
    """Whether what failed for one chart fails for the others, too; ``before`` is what failed for those before it."""
    down = error.temporary and any(isinstance(item, ForgeError) and item.temporary for item in before)
    hidden = error.message.startswith("GET ") and any(item.message == error.message for item in before)
    everywhere = isinstance(error, ReadOnlyError | ForbiddenError)
    return everywhere or error.limited or error.status == 401 or down or hidden


def _descriptor(blob: document.Descriptor) -> Descriptor:
    return Descriptor(media_type=blob.media_type, digest=Digest.parse(blob.digest), size=blob.size)


def _ours(chart: document.Chart) -> bool:
    """Whether what is published is byte for byte what this tree builds: then it was this tool that published it."""
    return bool(chart.targets) and chart.digest is not None and chart.digest == chart.built_digest


def _archive(chart: document.Chart) -> str:
    return f"{chart.name}-{chart.version}.tgz"


def _incomplete(release: Release, chart: document.Chart) -> bool:
    """Whether a published release of ours lacks a file, or its notes the digest, and can still be given it."""
    message = chart.digest is None or chart.digest in sections.section(release.body)
    return not message or (not release.immutable and lacks(release, (_archive(chart), SUMS, REPORT)))


def _warnings(chart: document.Chart, tag: str, outcome: ReleaseOutcome, commit: str) -> list[str]:
    """Say where a release is not what was wanted."""
    warnings = []
    if outcome.status is ReleaseStatus.FOREIGN:
        warnings.append(f"release {tag} was made by somebody else and left as it is")
    if outcome.commit not in {"", commit} and chart.status == "published":
        warnings.append(
            f"git tag {tag} exists already and names another commit, {outcome.commit[:9]}, which its release is of"
        )
    if outcome.missing:
        warnings.append(f"release {tag} is immutable and lacks {', '.join(outcome.missing)}")
    different = [
        name for name in outcome.different if name != REPORT
    ]  # which is that of the run that made it
    if different:
        warnings.append(
            f"release {tag} has another {', '.join(different)} than what is published; it was left as it is"
        )
    return warnings
