"""One chart in Markdown: its row, what went wrong with it, and what is folded away below.

Everything that comes from a chart, a registry, a commit or a saved report is escaped, and a link leads nowhere but
below the page of the repository that posts it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from urllib.parse import quote

import msgspec

from oci_chart_publish.outcomes import HELD, OUTCOMES, PROBLEMS
from oci_chart_publish.report.document import Chart, Problem, Report, Target
from oci_chart_publish.report.problems import Grouped, grouped
from oci_chart_publish.report.sizes import diagram
from oci_chart_publish.report.status import shown, upgraded
from oci_chart_publish.report.text import cell_code, change, code, escaped, markup, plain, short, size

_BESIDE = 20
"""Embedded charts that a command names; of a chart with more, all charts are verified."""
_NAMED = 3
"""Charts that are named where several have a problem."""
_LISTED = 20
"""Files or values listed for one chart before the rest is only counted."""


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """What a chart is shown on: ``home`` is the page of its repository, "" where there is none to link to.

    ``revision`` is the commit that is reported, below which folders and files are linked to.

    ``embedded`` has by a chart's name what ``embedded`` returns.
    """

    home: str = ""
    revision: str = ""
    pull_request: bool = False
    embedded: Mapping[str, Sequence[str]] = msgspec.field(default_factory=dict)

    @classmethod
    def of(cls, report: Report, home: str) -> Page:
        """Return the page of a report."""
        # The head of a pull request stays; the merge that was tested is gone once it is closed.
        head = report.pull_request.head if report.pull_request else ""
        return cls(
            home=home,
            revision=(head or report.revision or "") if home else "",
            pull_request=report.pull_request is not None,
            embedded=embedded(report),
        )

    def link(self, text: str, path: str, line: int | None = None) -> str:
        """Return text (Markdown) as a link to a folder, or the line of a file, of the commit that is reported."""
        if not self.revision:
            return text
        kind, place = ("tree", "") if line is None else ("blob", f"#L{line}")
        below = f"/{quote(path, safe='/', errors='surrogateescape')}" if path else ""
        return f"[{text}]({self.home}/{kind}/{self.revision}{below}{place})"


def embedded(report: Report) -> dict[str, tuple[str, ...]]:
    """Return the folders of what charts embed, directly or not, by the names of those whose versions were decided.

    Their versions follow, so that they are built again only beside what they embed. A chart that embeds more than
    ``_BESIDE`` others has the one folder "" there, which stands for all charts: so the work is linear in the size of
    the report, whatever web of charts it is of.
    """
    by_name = {chart.name: chart for chart in report.charts}
    links = {name: _links(chart, by_name) for name, chart in by_name.items()}
    return {
        chart.name: _folders(chart.name, links, by_name)
        for chart in report.charts
        if chart.bump and chart.dependencies
    }


def _links(chart: Chart, by_name: Mapping[str, Chart]) -> tuple[str, ...]:
    """Return the first dependencies of a chart that are charts of the report, one more than are ever listed."""
    known = (name for name in dict.fromkeys(chart.dependencies) if name in by_name and name != chart.name)
    return tuple(islice(known, _BESIDE + 1))


def _folders(
    name: str, links: Mapping[str, tuple[str, ...]], by_name: Mapping[str, Chart]
) -> tuple[str, ...]:
    reached = [name]
    for chart in reached:  # which grows meanwhile
        reached += [link for link in links[chart] if link not in reached]
        if len(reached) > _BESIDE + 1:
            return ("",)
    return tuple(by_name[other].path for other in reached[1:] if by_name[other].status in HELD)


def row(chart: Chart, page: Page) -> str:
    """Return the row of the table: name, version, status, size, digest."""
    cells = (
        page.link(f"**{escaped(chart.name)}**", chart.path),
        _version(chart, page),
        _label(chart) + (" ⚠️" if chart.warnings else ""),
        " ".join(part for part in (size(chart.size), _size_change(chart)) if part),
        cell_code(short(chart.digest)),
    )
    return "| " + " | ".join(cells) + " |"


def _label(chart: Chart) -> str:
    """Return what became of a chart; where its version is taken, with the one to set."""
    word = shown(chart)
    fix = f": set **{escaped(chart.next_version)}**" if word == "conflict" and chart.next_version else ""
    return OUTCOMES[word].label + fix


def _version(chart: Chart, page: Page) -> str:
    version = escaped(chart.version)
    link = release_link(chart, page)
    before = upgraded(chart)
    if before:
        new = f"**{version}**"
        return f"{escaped(before)} → " + (f"[{new}]({link})" if link else new)
    return f"[{version}]({link})" if link else version


def release_link(chart: Chart, page: Page) -> str:
    """Return the address of a chart's release or tag, "" where there is none, or one that is not in the repository."""
    if not page.home or chart.status not in {"published", "unchanged"} or not chart.git_tag:
        return ""
    # Made from the tag and never taken from a report, which may be a stranger's.
    return f"{page.home}/releases/tag/{quote(plain(chart.git_tag), safe='')}"


def _size_change(chart: Chart) -> str:
    delta = change(chart.size, chart.previous_size)
    return f"({delta})" if delta else ""


def problems(charts: Sequence[Chart], page: Page) -> list[str]:
    """Return what went wrong with charts, as items of a list: what is the same for several once."""
    return [
        _problem_item(group, page) for group in grouped(chart for chart in charts if chart.status in PROBLEMS)
    ]


def _problem_item(group: Grouped, page: Page) -> str:
    names = ", ".join(f"**{escaped(chart.name)}**" for chart in group.charts[:_NAMED])
    more = f" and {len(group.charts) - _NAMED} more" if len(group.charts) > _NAMED else ""
    return f"- {problem_text(group.problem, names + more, page)}"


def problem_text(error: Problem, name: str = "", page: Page | None = None) -> str:
    """Return an error in a line: ``name`` (Markdown) where there is one, the place, what happened, what to do."""
    place = code(error.path + (f":{error.line}" if error.line else ""), 1000)
    if page is not None and error.path and error.line:
        place = page.link(place, error.path, error.line)
    where = name + (f" ({place})" if place else "") if name else place
    hint = f"<br>→ {escaped(error.hint, 1000)}" if error.hint else ""
    return (f"{where}: " if where else "") + f"{escaped(error.message, 1000)}{hint}"


def detail(chart: Chart, page: Page, *, drawn: bool = False) -> str:
    """Return all that is known of a chart, folded, with the diagram of its sizes where it is ``drawn``."""
    inside = [
        *_bump(chart),
        *_where(chart, page),
        *_files(chart),
        *_values(chart),
        *([diagram(chart)] if drawn else []),
        *(f"⚠️ {escaped(warning, 1000)}" for warning in chart.warnings[:_LISTED]),
        *([f"⚠️ … and {len(chart.warnings) - _LISTED} more"] if len(chart.warnings) > _LISTED else []),
    ]
    return folded(f"{markup(chart.name)} {markup(chart.version)}", "\n\n".join(inside)) if inside else ""


def folded(title: str, inside: str) -> str:
    """Return a block that opens with a click; both texts are Markdown already."""
    return f"<details><summary>{title}</summary>\n\n{inside}\n\n</details>"


def digest_item(chart: Chart) -> str:
    """Return a chart's digest as an item of a list, "" where it has none."""
    return f"- {escaped(chart.name)} {escaped(chart.version)} {code(chart.digest)}" if chart.digest else ""


def _bump(chart: Chart) -> list[str]:
    return [f"Version: {escaped(chart.bump.reason)}"] if chart.bump and chart.bump.reason else []


def _where(chart: Chart, page: Page) -> Iterator[str]:
    yield from _digests(chart)
    link = release_link(chart, page)
    if link and chart.git_tag:
        yield f"{'Release' if chart.release_url else 'Tag'} [{escaped(chart.git_tag)}]({link})"
    if chart.preview:
        repository, _, tag = chart.preview.rpartition(":")
        version = _word(tag.replace("_", "+"))
        yield f"Preview:\n\n```sh\nhelm pull oci://{_word(repository)} --version {version}\n```"
    if chart.targets:
        yield "\n".join(_where_target(chart, target) for target in chart.targets)
    lines = commands(chart, page.embedded.get(chart.name, ()))
    if lines:
        once = "After the merge:" if page.pull_request else "Once it is published:"
        when = f"{once}\n\n" if chart.status == "would-publish" else ""
        yield f"{when}```sh\n" + "\n".join(lines) + "\n```"


def _digests(chart: Chart) -> Iterator[str]:
    if chart.status in {"conflict", "drift"} and chart.built_digest:
        if chart.digest:
            yield f"Published: {code(chart.digest)}, {size(chart.size)}"
        delta = change(chart.built_size, chart.size)
        yield f"This tree: {code(chart.built_digest)}, {size(chart.built_size)}" + (
            f" ({delta})" if delta else ""
        )
    elif chart.digest:
        release = f"; release secret at least {size(chart.release_size)}" if chart.release_size else ""
        yield f"Digest {code(chart.digest)}, {size(chart.size)}{release}"


def _where_target(chart: Chart, target: Target) -> str:
    digest = f", holds {code(target.digest)}" if target.digest and target.digest != chart.digest else ""
    return f"- {code(target.reference)}: {OUTCOMES[target.status].label}{digest}"


def commands(chart: Chart, beside: Sequence[str] = ()) -> list[str]:
    """Return the commands that pull and verify a chart, as shell words; it is built ``beside`` charts in folders."""
    lines = []
    for target in chart.targets:
        if target.status not in HELD:
            continue
        repository = target.reference.rpartition(":")[0]
        lines.append(f"helm pull oci://{_word(repository)} --version {_word(chart.version)}")
    if lines and chart.digest:
        # A chart at the root is alone in its repository, so "" is never the folder of what another embeds.
        every = "" in beside
        folders = "" if every else "".join(f" {_word(path or '.')}" for path in (chart.path, *beside))
        registry = _word(chart.targets[0].registry)
        # Who verifies has our settings file at most: a `bump` that was given as an input is not in it.
        bump = " --bump auto" if chart.bump is not None else ""
        lines.append(f"oci-chart-publish verify{folders} --registry {registry}{bump}")
    return lines


def _word(text: str) -> str:
    """Return text as one word of a POSIX shell inside a fence."""
    line = plain(text).replace("`", "")
    harmless = line and all(char.isalnum() or char in "@%+=:,./_-" for char in line)
    return line if harmless else "'" + line.replace("'", "'\\''") + "'"


def _files(chart: Chart) -> list[str]:
    if chart.changes is None:
        return []
    # A bare plus would begin a list inside the list.
    marks = (("\\+", chart.changes.added), ("\u2212", chart.changes.removed), ("±", chart.changes.changed))
    paths = [(mark, path) for mark, listed in marks for path in listed]
    return _listed("Files", [f"- {mark} {code(path)}" for mark, path in paths[:_LISTED]], len(paths))


def _values(chart: Chart) -> list[str]:
    lines = []
    for value in chart.value_changes[:_LISTED]:
        old = code(value.old, 120) if value.old is not None else "—"
        new = code(value.new, 120) if value.new is not None else "—"
        lines.append(f"- {code(f'{value.file}: {value.key}', 200)} {old} → {new}")
    return _listed("Values", lines, len(chart.value_changes))


def _listed(title: str, lines: list[str], number: int) -> list[str]:
    if not lines:
        return []
    rest = [f"- … and {number - len(lines)} more"] if number > len(lines) else []
    return [f"{title}:\n\n" + "\n".join([*lines, *rest])]
