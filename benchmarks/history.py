"""Replay the history of a repository of charts: what would have been published, what would have failed, and why.

``python benchmarks/history.py pushes CLONE [--commits N]`` runs the action on the last N commits of HEAD, each as a
push of one commit, against a registry that holds what the release tags before them say, and compares what is published
with the release tags that were made. ``levels`` undoes every change of a version, lets ``bump: auto``
choose, and compares with the versions that people chose; ``--settings FILE`` and ``--input NAME=VALUE`` give it
other rules to choose by. Prints Markdown. Needs git and olareg; CLONE is only read.

Dependencies that the repository does not hold stand in as empty charts: what they declare is
compared, what they hold is not.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import shutil
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.fakes.git import GitRepo, chart_yaml  # noqa: E402
from tests.real.registries import olareg  # noqa: E402

from oci_chart_publish.action.action import run_action  # noqa: E402
from oci_chart_publish.chart.metadata import ChartMetadata, decode_metadata  # noqa: E402
from oci_chart_publish.chart.version import ChartVersion  # noqa: E402
from oci_chart_publish.errors import PublishError  # noqa: E402
from oci_chart_publish.report import document  # noqa: E402
from oci_chart_publish.yamldoc.editor import replace_scalars  # noqa: E402


@dataclass(frozen=True)
class Commit:
    """A commit of the history that is replayed."""

    sha: str
    parent: str
    subject: str


@dataclass
class Scratch:
    """A clone that is changed at will, a registry beside it, and the action run on what is checked out."""

    repo: GitRepo
    registry: str
    home: Path
    branch: str
    name: str

    def commits(self, count: int, rev: str) -> list[Commit]:
        lines = self.repo.git("log", "--first-parent", f"-{count}", "--format=%H %P%x00%s", rev).splitlines()
        found = []
        for line in reversed(lines):
            shas, _, subject = line.partition("\0")
            sha, parent, *_ = shas.split()
            found.append(Commit(sha, parent, subject))
        return found

    def charts(self) -> dict[str, tuple[Path, ChartMetadata]]:
        """Return folder and metadata of the charts in the work tree, by name."""
        found = {}
        for path in sorted(self.repo.root.glob("charts/*/Chart.yaml")):
            with contextlib.suppress(PublishError):
                metadata = decode_metadata(path.read_bytes())
                found[metadata.name] = (path.parent, metadata)
        return found

    def checkout(self, rev: str) -> None:
        """Move HEAD, the index and the work tree to a commit, stand-ins for dependencies in the index alone."""
        self.repo.git("reset", "--quiet", "--hard", rev)
        self.stand_in()

    def stand_in(self) -> None:
        for folder, metadata in self.charts().values():
            for dependency in metadata.dependencies:
                inside = folder / "charts" / dependency.name
                if not inside.exists() and not list(folder.glob(f"charts/{dependency.name}-*.tgz")):
                    inside.mkdir(parents=True)
                    (inside / "Chart.yaml").write_text(chart_yaml(dependency.name, "0.0.0"))
                    self.repo.git("add", "--force", str(inside))

    def push(self, commit: Commit, **inputs: str) -> document.Report:
        """Run the action for a push of what is checked out."""
        temp = self.home / "runner"
        temp.mkdir(exist_ok=True)
        event = {"before": commit.parent, "repository": {"default_branch": self.branch}}
        (temp / "event.json").write_text(json.dumps(event))
        given = {"registries": self.registry, "release": "off", "dependency": "skip", **inputs}
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "GITHUB_ACTIONS": "true",
            "GITHUB_EVENT_NAME": "push",
            "GITHUB_EVENT_PATH": str(temp / "event.json"),
            "GITHUB_REF": f"refs/heads/{self.branch}",
            "GITHUB_REPOSITORY": self.name,
            "GITHUB_SHA": commit.sha,
            "GITHUB_WORKSPACE": str(self.repo.root),
            "OCI_CHART_CACHE": str(self.home / "layout"),
            "RUNNER_TEMP": str(temp),
            **{f"INPUT_{name.upper().replace('_', '-')}": value for name, value in given.items()},
        }
        said = io.StringIO()
        report = temp / "oci-chart-publish" / "report.json"
        shutil.rmtree(report.parent, ignore_errors=True)  # each step has a folder of its own
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            code = run_action(environment)
        if not report.exists():
            raise SystemExit(f"{commit.sha}: exit {code}\n{said.getvalue()}")
        return document.decode(report.read_bytes())

    def seed(self, commits: list[Commit]) -> None:
        """Publish what the release tags before the first commit say of the versions that the commits hold."""
        start = commits[0].parent
        old = set(self.repo.git("tag", "--merged", start).splitlines())
        wanted: dict[str, list[str]] = {}
        for rev in (start, *(commit.sha for commit in commits)):
            self.repo.git("reset", "--quiet", "--hard", rev)
            for name, (_, metadata) in self.charts().items():
                if (tag := f"{name}-{metadata.version}") in old and name not in wanted.get(tag, []):
                    wanted.setdefault(tag, []).append(name)
        for tag, (name,) in wanted.items():
            self.checkout(tag)
            if name in (charts := self.charts()):
                folder = charts[name][0].relative_to(self.repo.root)
                self.push(Commit(tag, "", ""), charts=str(folder))
        print(f"seeded with {len(wanted)} versions", file=sys.stderr)


def published(report: document.Report) -> set[str]:
    return {f"{chart.name}-{chart.version}" for chart in report.charts if chart.status == "published"}


def cells(chart: document.Chart) -> str:
    """Return what is wrong with a chart: for a conflict the files that differ, and the version that would do."""
    why = chart.error.message if chart.error else ""
    if chart.status == "conflict" and (changes := chart.changes):
        why = ", ".join(
            (*changes.changed, *(f"+{it}" for it in changes.added), *(f"-{it}" for it in changes.removed))
        )
    return f"{chart.name} {chart.version} | {chart.status} | {chart.next_version or ''} | {why}"


def replay_pushes(scratch: Scratch, count: int, inputs: dict[str, str]) -> None:
    """Print which pushes fail and why, and where publishing differs from the release tags."""
    commits = scratch.commits(count, "HEAD")
    scratch.seed(commits)
    red: list[str] = []
    different: list[str] = []
    totals: Counter[str] = Counter()
    for commit in commits:
        scratch.checkout(commit.sha)
        report = scratch.push(commit, **inputs)
        ours, theirs = published(report), set(scratch.repo.git("tag", "--points-at", commit.sha).split())
        wrong = [chart for chart in report.charts if chart.status in {"conflict", "failed", "skipped"}]
        drift = [chart.name for chart in report.charts if chart.status == "drift"]
        line = f"{commit.sha[:9]} {commit.subject}"
        totals["red"] += report.exit_code != 0
        totals["red if all conflicts failed"] += bool(wrong or drift)
        totals["agree"] += ours == theirs
        totals["published"] += len(ours)
        totals["tagged"] += len(theirs)
        totals["both"] += len(ours & theirs)
        red += [f"| {report.exit_code} | {line} | {cells(chart)} |" for chart in wrong]
        if ours != theirs:
            named = [
                f"published {' '.join(sorted(ours - theirs)) or '-'}",
                f"tagged {' '.join(sorted(theirs - ours)) or '-'}",
            ]
            different.append(f"| {line} | {' | '.join(named)} |")
        print(report.exit_code, line, *sorted(ours), f"drift: {' '.join(drift)}", file=sys.stderr, flush=True)
    print(f"{len(commits)} pushes:", ", ".join(f"{number} {what}" for what, number in totals.items()))
    print(
        "\n| exit | push | chart | status | version to use | files |\n|---|---|---|---|---|---|",
        *red,
        sep="\n",
    )
    print("\n| push that differs | | |\n|---|---|---|", *different, sep="\n")


def step(old: str | None, new: str | None) -> str:
    """Return the level between two versions: the first part that differs."""
    if old is None or new is None or old == new:
        return "none" if old == new else "new" if old is None else "gone"
    one, other = ChartVersion.parse(old), ChartVersion.parse(new)
    if (one.major, one.minor, one.patch) > (other.major, other.minor, other.patch):
        return "down"
    if one.major != other.major:
        return "major"
    return "minor" if one.minor != other.minor else "patch"


def chosen(chart: document.Chart) -> str:
    """Return the level that the run chose for a chart, "none" where it published nothing."""
    if chart.error is not None:
        return chart.status
    if chart.status != "published" or chart.bump is None:
        return "none"
    return chart.bump.level if chart.previous_version else "new"


def pin(scratch: Scratch, pinned: dict[str, str]) -> None:
    """Write the first version that each chart had into its Chart.yaml."""
    for name, (folder, metadata) in scratch.charts().items():
        wanted = pinned.setdefault(name, metadata.version)
        if metadata.version != wanted:
            path = folder / "Chart.yaml"
            path.write_bytes(replace_scalars(path.read_bytes(), {"version": wanted}, path=str(path)))


def replay_levels(scratch: Scratch, count: int, inputs: dict[str, str]) -> None:
    """Print the level that `bump: auto` chooses for each chart and commit beside the one that people chose."""
    commits = scratch.commits(count, "HEAD")
    scratch.seed(commits)
    git, start = scratch.repo.git, commits[0].parent
    git("tag", "--delete", *git("tag", "--no-merged", start).split())
    git("reset", "--quiet", "--hard", start)
    theirs = {name: metadata.version for name, (_, metadata) in scratch.charts().items()}
    pinned = dict(theirs)
    table: Counter[tuple[str, str]] = Counter()
    initial: Counter[bool] = Counter()
    different = []
    parent = start
    for commit in commits:
        git("read-tree", "--reset", "-u", commit.sha)
        before, theirs = theirs, {name: metadata.version for name, (_, metadata) in scratch.charts().items()}
        pin(scratch, pinned)
        git("add", "--update")
        git("commit", "--quiet", "--allow-empty", "--reuse-message", commit.sha)
        sha = git("rev-parse", "HEAD")
        scratch.stand_in()
        report = scratch.push(
            Commit(sha, parent, commit.subject), bump="auto", bump_dependents="false", **inputs
        )
        parent = sha
        for tag in published(report):
            git("tag", tag)
        for chart in report.charts:
            level, ours = step(before.get(chart.name), theirs.get(chart.name)), chosen(chart)
            if level == ours == "none":
                continue
            table[level, ours] += 1
            if before.get(chart.name, "").startswith("0."):
                initial[level == ours] += 1
            line = f"{commit.sha[:9]} {commit.subject} | {chart.name} | {level} | {ours}"
            different += [f"| {line} |"] if level != ours else []
            print(line, theirs.get(chart.name), chart.version, chart.error or "", file=sys.stderr, flush=True)
    agree = sum(number for (level, ours), number in table.items() if level == ours)
    print(f"{len(commits)} commits: {agree} of {table.total()} levels agree", end="")
    print(f", {initial[True]} of {initial.total()} of charts below 1.0.0")
    print("\n| chosen by people | by bump: auto | charts |\n|---|---|---|")
    print(*(f"| {a} | {b} | {number} |" for (a, b), number in table.most_common() if number), sep="\n")
    print("\n| commit that differs | chart | people | auto |\n|---|---|---|---|", *different, sep="\n")


@contextlib.contextmanager
def scratch(clone: str, name: str) -> Iterator[Scratch]:
    """Make the clone and start the registry; both end with the block."""
    with tempfile.TemporaryDirectory(prefix="history-") as folder, olareg(Path(folder)) as registry:
        home = Path(folder)
        repo = GitRepo.clone(clone, home / "repo", "--shared")
        yield Scratch(repo, f"{registry.host}/charts", home, repo.git("branch", "--show-current"), name)
        os.chdir(ROOT)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("pushes", "levels"))
    parser.add_argument("clone", type=os.path.abspath)
    parser.add_argument("--commits", type=int, default=100)
    parser.add_argument(
        "--input", action="append", default=[], metavar="NAME=VALUE", help="an input of the action"
    )
    parser.add_argument("--settings", metavar="FILE", help="a settings file, instead of the clone's own")
    parser.add_argument(
        "--repository", default="acme/charts", metavar="OWNER/NAME", help="what CLONE is a clone of"
    )
    given = parser.parse_args()
    inputs = dict(one.split("=", 1) for one in given.input)
    if given.settings:
        inputs["config"] = str(Path(given.settings).resolve())
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))  # the registry has to end, too
    with scratch(given.clone, given.repository) as place:
        (replay_pushes if given.what == "pushes" else replay_levels)(place, given.commits, inputs)


if __name__ == "__main__":
    main()
