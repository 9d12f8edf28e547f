"""Every request of a publish with six charts, refused in turn by every refusal that GitHub is known for.

    make campaign-github

The registries come first and know nothing of GitHub, so the campaign begins where they have what they should: a push
that merged a pull request has published six charts. Its run is refused one request (where the answer of a lost one may
have been carried out, both ways), ends, and the next run, a schedule, finds all six unchanged. What is told:

- lost: a tag, a release or a file that the next run has not made;
- repeated: two releases of a tag, or two comments;
- red for nothing: an exit code although nothing was missing that the run is for;
- red: runs that left something to be done. They have to be red: that is how the next run knows.
"""

from __future__ import annotations

import hashlib
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, NamedTuple

from tests.fakes.git import ENV, GitRepo, chart_yaml
from tests.fakes.github import Effect, FakeGitHub
from tests.fakes.github_refusals import Refusal, refusals
from tests.fakes.github_state import Run
from tests.fakes.published import AllChanged, NamedCharts, Pushed

from oci_chart_publish.git.repository import GitRepository
from oci_chart_publish.github.api import Clock, Options
from oci_chart_publish.github.event import Event
from oci_chart_publish.github.gateway import GitHub
from oci_chart_publish.notify.chart_releases import REPORT, SUMS, Releaser
from oci_chart_publish.notify.comment import Commenter
from oci_chart_publish.notify.unfinished import Unfinished
from oci_chart_publish.oci.descriptor import Descriptor
from oci_chart_publish.report import document

NAMES = ("alpha", "beta", "gamma", "delta", "epsilon", "zeta")
WORKFLOW = "publish.yml"
LONG = {"Retry-After": "3600"}
"""A limit that lasts longer than a run waits."""
PLAN = '<!-- oci-chart-publish key="charts" run="1" attempt="1" -->\nthe plan'


class Case(NamedTuple):
    """One request, by its number in the run, and what it is refused with."""

    number: int
    operation: str
    refusal: str
    effect: Effect
    lasting: bool


class Outcome(NamedTuple):
    """What became of a case: exit codes of both runs, and what is wrong afterwards."""

    code: int
    again: int
    lost: Sequence[str]
    repeated: Sequence[str]
    missing: bool
    """Whether the first run left something undone."""


@dataclass(frozen=True)
class Repository:
    """The charts in git, shared by all cases: ``before`` and ``head`` are the ends of the push."""

    git: GitRepository
    before: str
    head: str

    @classmethod
    def make(cls, folder: Path) -> Repository:
        repo = GitRepo(folder)
        repo.write({"README.md": "charts"})
        before = repo.commit("begin")
        repo.write({f"charts/{name}/Chart.yaml": chart_yaml(name, "1.0.0") for name in NAMES})
        head = repo.commit("feat: six charts (#7)")
        opened = GitRepository.open(folder, ENV)
        assert opened is not None
        return cls(opened, before, head)


def cases() -> Iterator[Case]:
    """Yield all cases, by the requests that a run makes which nobody refuses."""
    for number, operation in enumerate(operations(), start=1):
        for one in refusals().values():
            if not one.may_answer(operation):
                continue
            yield Case(number, operation, one.name, "none", lasting=False)
            if _is_limit(one):
                yield Case(number, operation, one.name, "none", lasting=True)
            if one.status >= 500 and not operation.startswith("GET"):
                yield Case(number, operation, one.name, "done", lasting=False)


def operations() -> Sequence[str]:
    """Return the operations of a run that nobody refuses, one for each of its requests."""
    with TemporaryDirectory() as folder:
        repository = Repository.make(Path(folder))
        with repository.git, world(repository) as fake:
            assert push(fake, repository) == 0
            return [fake.operation(sent) for sent in fake.requests]


def _is_limit(one: Refusal) -> bool:
    return one.status in (403, 429) and "limit" in one.name


def world(repository: Repository) -> FakeGitHub:
    """Return GitHub as it is when the registries have all six charts: a merged pull request with the plan's comment."""
    fake = FakeGitHub()
    fake.state.commit("begin", sha=repository.before, branch="main")
    pull = fake.add_pull(7, title="feat: six charts")
    fake.state.commit("feat: six charts (#7)", sha=repository.head, branch="main")
    pull.merged, pull.state, pull.merge_sha = True, "closed", repository.head
    fake.state.comment(7, PLAN, "github-actions[bot]")
    return fake


def tried(case: Case, repository: Repository) -> Outcome:
    """Run a push that is refused one request, and then a schedule that is refused none."""
    with world(repository) as fake:
        headers = LONG if case.lasting else {}
        fake.refuse_request(case.number, case.refusal, effect=case.effect, headers=headers)
        code = push(fake, repository)
        missing = bool(_lost(fake, repository))
        again = run(fake, repository, "schedule", "unchanged", number=11)
        return Outcome(code, again, _lost(fake, repository), _repeated(fake), missing)


def push(fake: FakeGitHub, repository: Repository) -> int:
    """Run for the push that published the charts; return its exit code."""
    return run(fake, repository, "push", "published", number=10)


def run(
    fake: FakeGitHub,
    repository: Repository,
    name: str,
    status: Literal["published", "unchanged"],
    *,
    number: int,
) -> int:
    """Tell GitHub of a run that published the charts or found them unchanged; return its exit code."""
    event = Event(
        name=name,
        repository="acme/charts",
        revision=repository.head,
        ref="refs/heads/main",
        default_branch="main",
        before=repository.before if name == "push" else "",
        pushed=(repository.head,) if name == "push" else (),
        named=(7,) if name == "push" else (),
        run_id=str(number),
        run_attempt="1",
        workflow=WORKFLOW,
    )
    options = Options(token="t0ken", api_url=fake.api_url, between_writes=0, timeout=5)
    with GitHub("acme/charts", options, clock=Clock(sleep=lambda _: None)) as host:
        report = _releaser(host, event, repository).releases(_report(status, repository.head))
        report = _commenter(host, event).comment(report)
    done = "failure" if report.exit_code else "success"
    fake.state.runs.append(Run(number, WORKFLOW, repository.head, done, event=name))
    return report.exit_code


def _releaser(host: GitHub, event: Event, repository: Repository) -> Releaser:
    return Releaser(
        github=host,
        event=event,
        kind="release",
        backfill=False,
        latest=False,
        dry_run=False,
        stopping=threading.Event(),
        charts=NamedCharts(
            unfinished=Unfinished(
                github=host,
                event=event,
                repository=repository.git,
                revision=repository.head,
                changed=AllChanged(event.name == "push"),
            )
        ),
    )


def _commenter(host: GitHub, event: Event) -> Commenter:
    return Commenter(
        github=host,
        event=event,
        when="always",
        key="charts",
        publish_refs=(),
        dry_run=False,
        pushed=Pushed(event.pushed),
    )


def _archive(name: str) -> bytes:
    return f"the archive of {name}".encode()


def _report(status: Literal["published", "unchanged"], revision: str) -> document.Report:
    return document.Report(
        command="publish",
        dry_run=False,
        conclusion="success",
        exit_code=0,
        charts=tuple(_chart(name, status) for name in NAMES),
        revision=revision,
    )


def _chart(name: str, status: Literal["published", "unchanged"]) -> document.Chart:
    layer = Descriptor.of("application/vnd.cncf.helm.chart.content.v1.tar+gzip", _archive(name))
    digest = f"sha256:{hashlib.sha256(name.encode()).hexdigest()}"
    place = f"r.example/charts/{name}:1.0.0"
    return document.Chart(
        name=name,
        path=f"charts/{name}",
        version="1.0.0",
        status=status,
        digest=digest,
        built_digest=digest,
        layer=document.Descriptor(media_type=layer.media_type, digest=str(layer.digest), size=layer.size),
        targets=(
            document.Target(registry="r.example/charts", reference=place, digest=digest, status=status),
        ),
    )


def _lost(fake: FakeGitHub, repository: Repository) -> Sequence[str]:
    """Return what GitHub lacks: a tag on the commit, a published release, each of its files."""
    lost = []
    tags = fake.state.tags()
    for name in NAMES:
        tag = f"{name}-1.0.0"
        found = [one for one in fake.state.releases.values() if one.tag == tag and not one.draft]
        if tags.get(tag) != repository.head or not found:
            lost.append(tag)
            continue
        held = {asset.name: asset.data for asset in found[0].assets if asset.state == "uploaded"}
        lost += [f"{tag}/{file}" for file in (f"{tag}.tgz", SUMS, REPORT) if file not in held]
        if held.get(f"{tag}.tgz", _archive(name)) != _archive(name):
            lost.append(f"{tag}: other bytes")
    return lost


def _repeated(fake: FakeGitHub) -> Sequence[str]:
    """Return what is there twice, drafts and all."""
    releases = Counter(one.tag for one in fake.state.releases.values())
    comments = Counter(str(one.issue) for one in fake.state.comments.values())
    return [what for what, count in (releases + comments).items() if count > 1]


def judged(case: Case, outcome: Outcome) -> str:
    """Return in one word what became of a case; what begins with a mark must not be."""
    if outcome.lost:
        return "!lost"
    if outcome.repeated:
        return "!repeated"
    if outcome.again:
        return "!red again"
    if outcome.code and not outcome.missing and not _is_about_the_comment(case):
        return "!red for nothing"
    if outcome.missing and not outcome.code:
        return "!green and unfinished"
    return "red, repaired" if outcome.missing else "red, words missing" if outcome.code else "green"


def _is_about_the_comment(case: Case) -> bool:
    return "issues" in case.operation or case.operation == "graphql"


def table(results: Sequence[tuple[Case, Outcome]]) -> Iterator[str]:
    """Yield a line for each refusal: how many cases ended how."""
    verdicts: dict[str, Counter[str]] = {}
    for case, outcome in results:
        name = f"{case.refusal}{' (an hour)' if case.lasting else ''}{' (done)' if case.effect == 'done' else ''}"
        verdicts.setdefault(name, Counter())[judged(case, outcome)] += 1
    columns = sorted(
        {word for counts in verdicts.values() for word in counts}, key=lambda word: word.lstrip("!")
    )
    yield f"{'refusal':<36}" + "".join(f"{column:>20}" for column in columns)
    for name, counts in verdicts.items():
        yield f"{name:<36}" + "".join(f"{counts[column] or '':>20}" for column in columns)
    yield f"{len(results)} cases"


def campaign(step: int = 1) -> list[tuple[Case, Outcome]]:
    """Try every ``step``-th case."""
    chosen = list(cases())[::step]
    with TemporaryDirectory() as folder:
        repository = Repository.make(Path(folder))
        with repository.git:
            return [(case, tried(case, repository)) for case in chosen]


def main(arguments: Sequence[str]) -> int:
    """Print the table, and the cases that went wrong; 1 where there are some."""
    results = campaign(int(arguments[0]) if arguments else 1)
    print(*table(results), sep="\n")
    wrong = [(case, outcome) for case, outcome in results if judged(case, outcome).startswith("!")]
    for case, outcome in wrong:
        print(judged(case, outcome), case, told(outcome))
    return 1 if wrong else 0


def told(outcome: Outcome) -> str:
    """Return what to print of an outcome."""
    return (
        f"codes {outcome.code}, {outcome.again}; lost {list(outcome.lost)}, repeated {list(outcome.repeated)}"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
