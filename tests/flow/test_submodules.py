"""Charts in submodules, as a checkout has them or not: what is found, what changed, and what is published of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.fakes.git import GitRepo, chart_yaml
from tests.flow.command import Command
from tests.real.registries import Registry


class Work:
    """A repository whose charts are ``web``, with files in a submodule, and ``lib``, which is one in a submodule."""

    def __init__(self, tmp_path: Path) -> None:
        lib, shared = GitRepo(tmp_path / "lib"), GitRepo(tmp_path / "shared")
        lib.write({"Chart.yaml": chart_yaml("lib"), "values.yaml": "a: 1\n"})
        shared.write({"values.yaml": "a: 1\n"})
        for inner in (lib, shared):
            inner.commit("feat: begin")
        self.git = GitRepo(tmp_path / "repo")
        self.git.write({"charts/web/Chart.yaml": chart_yaml("web"), "charts/db/Chart.yaml": chart_yaml("db")})
        for inner, place in ((lib, "charts/lib"), (shared, "charts/web/files/lib")):
            self.git.git("submodule", "--quiet", "add", inner.root.as_uri(), place)
        self.git.commit("feat: begin")
        self.git.tag("begin")
        (tmp_path / "home").mkdir()
        self.command = Command(folder=self.git.root, home=tmp_path / "home")

    def move(self, place: str) -> None:
        """Commit a change in the submodule, and the pointer to it."""
        inner = GitRepo(self.git.root / place, init=False)
        inner.write({"values.yaml": "a: 2\n"})
        inner.commit("fix: values")
        self.git.git("add", place)
        self.git.commit(f"fix: {place}")


@pytest.fixture
def work(tmp_path: Path) -> Work:
    return Work(tmp_path)


@pytest.mark.parametrize(("place", "name"), [("charts/lib", "lib"), ("charts/web/files/lib", "web")])
def test_a_pointer_that_moved_is_a_change_of_the_chart(
    work: Work, plain_registry: Registry, place: str, name: str
) -> None:
    registry = f"{plain_registry.host}/{name}-moved"
    auto = ("--bump", "auto", "--registry", registry)
    assert set(work.command.run("publish", "--json", *auto).statuses().values()) == {"published"}
    for chart in ("web", "db", "lib"):
        work.git.tag(f"{chart}-1.0.0")
    work.move(place)
    assert set(work.command.run("plan", "--json", "--changed-since", "begin").statuses()) == {name}
    planned = work.command.run("plan", "--json", *auto).report["charts"]
    assert {chart["name"]: chart["version"] for chart in planned} == {
        "db": "1.0.0", "lib": "1.0.0", "web": "1.0.0", name: "1.0.1",
    }  # fmt: skip
    checked = work.command.run("bump", "--check", "--registry", registry)
    assert (checked.code, f"charts/{name}/Chart.yaml" in checked.out + checked.err) == (4, True), checked


def test_a_checkout_without_submodules_publishes_nothing_of_them(
    work: Work, tmp_path: Path, plain_registry: Registry
) -> None:
    registry = f"{plain_registry.host}/without"
    planned = work.command.run(
        "plan", "--json", "--registry", registry, "--report", str(tmp_path / "plan.json")
    )
    assert planned.code == 0
    clone = GitRepo.clone(work.git.root, tmp_path / "clone")
    command = Command(folder=clone.root, home=work.command.home)
    done = command.publish(registry)
    assert (done.code, done.err.splitlines()[-2:]) == (
        2,
        [
            "error: charts: cannot look into 'charts/lib', a submodule that is not checked out",
            (
                "  -> add 'submodules: true' to the 'with:' of actions/checkout, or run 'git submodule update "
                "--init'; or leave it out with !charts/lib"
            ),
        ],
    )
    done = command.publish(registry, charts=["charts", "!charts/lib"])
    assert (done.code, done.statuses()) == (3, {"db": "published", "web": "failed"})
    said = json.dumps(done.report)
    assert [words in said for words in ("charts/web/files/lib", "a submodule that is not checked out")] == [
        True,
        True,
    ]
    done = command.publish(registry, options=["--from", str(tmp_path / "plan.json")])
    assert (done.code, "a submodule that is not checked out" in done.err) == (2, True)
    # With them the plan is met, digest for digest, from the commit.
    GitRepo(work.git.root / "charts/lib", init=False).write({"values.yaml": "edited: true\n"})
    done = work.command.publish(registry, options=["--from", str(tmp_path / "plan.json")])
    assert done.code == 0
    assert done.digests() == planned.digests()
