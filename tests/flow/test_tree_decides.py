"""What a chart embeds from its repository is what the tree holds, whatever the run is about."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from tests.fakes.git import GitRepo
from tests.fakes.webs import REGISTRY, URL, Web, shown, web

from oci_chart_publish.chart.diff import difference, files
from oci_chart_publish.commands.diff import open_chart
from oci_chart_publish.github.event import Event


@pytest.fixture
def tree(tmp_path: Path) -> Web:
    """``app`` embeds ``libs/base``, which is no chart of the run, and all is published and tagged."""
    made = web(tmp_path)
    made.chart("libs/base", "0.4.1")
    made.chart("charts/app", "1.2.3", "libs/base ^0.4.0")
    made.git.commit("feat: begin")
    assert shown(made.publish()) == {"app": "1.2.3 published"}
    assert shown(made.publish()) == {"app": "1.2.3 unchanged"}
    return made


def test_changed_subchart_makes_the_embedding_chart_a_conflict(tree: Web) -> None:
    tree.change("libs/base", "changed")
    assert shown(tree.plan()) == {"app": "1.2.3 conflict"}
    assert shown(tree.publish(conflicts="all")) == {"app": "1.2.3 conflict"}
    assert tree.verify()["app"].error is not None
    tree.set_version("charts/app", "1.2.4")
    assert shown(tree.publish()) == {"app": "1.2.4 published"}
    assert dict(files(tree.packed("app", "1.2.4")))["charts/base/values.yaml"] == b"text: changed\n"
    assert tree.verify()["app"].error is None


def test_changed_subchart_moves_the_embedding_chart_under_auto(tree: Web) -> None:
    tree.change("libs/base", "changed", "fix: base")
    bumped, errors = tree.bump()
    assert ({name: one.decision.version for name, one in bumped.items()}, errors) == ({"app": "1.2.4"}, [])
    assert shown(tree.publish(bump="auto")) == {"app": "1.2.4 published"}
    assert shown(tree.publish(bump="auto")) == {"app": "1.2.4 unchanged"}
    assert shown(tree.verify(bump="auto")) == {"app": "1.2.4 unchanged"}


@pytest.mark.parametrize("declared", ["charts/db ^0.4.0", "@db ^0.4.0"], ids=["file", "url"])
def test_dependency_that_was_raised_by_hand_moves_what_embeds_it(tmp_path: Path, declared: str) -> None:
    tree = web(tmp_path)
    tree.chart("charts/db", "0.4.1")
    tree.chart("charts/web", "1.2.3", declared)
    tree.git.commit("feat: begin")
    tree.publish(bump="auto")
    tree.change("charts/db", "fixed", "fix: db", version="0.4.2")
    assert shown(tree.plan(bump="auto")) == {"db": "0.4.2 would-publish", "web": "1.2.4 would-publish"}
    tree.publish(bump="auto")
    (base,) = tree.packed("web", "1.2.4").subcharts
    assert (base.version, shown(tree.plan(bump="auto"))["web"]) == ("0.4.2", "1.2.4 unchanged")


def test_dependency_that_was_raised_out_of_its_range_is_the_same_error_everywhere(tmp_path: Path) -> None:
    tree = web(tmp_path)
    tree.chart("charts/db", "0.4.1")
    tree.chart("charts/web", "1.2.3", "charts/db ^0.4.0")
    tree.git.commit("feat: begin")
    tree.publish(bump="auto")
    tree.change("charts/db", "more", "feat: db", version="0.5.0")
    said = "db is 0.5.0 in this repository, which does not satisfy ^0.4.0"
    for bump in ("auto", "chart"):
        for run in (tree.plan, tree.verify):
            for charts in ((), ("charts/web",)):
                error = run(*charts, bump=bump)["web"].error
                assert error is not None
                assert (error.kind, said in error.message, error.path) == (
                    "chart",
                    True,
                    "charts/web/Chart.yaml",
                )
    _, errors = tree.bump("charts/web")
    assert [said in str(error) for error in errors] == [True]


def test_changed_subchart_by_url_makes_the_embedding_chart_a_conflict(tmp_path: Path) -> None:
    tree = web(tmp_path)
    tree.chart("charts/db", "0.4.1")
    tree.chart("charts/web", "1.2.3", "@db ^0.4.0")
    tree.git.commit("feat: begin")
    tree.publish()
    tree.change("charts/db", "forgotten")
    assert shown(tree.plan()) == {"db": "0.4.1 conflict", "web": "1.2.3 conflict"}
    assert shown(tree.plan("charts/web")) == {"web": "1.2.3 conflict"}
    assert shown(tree.plan(bump="auto")) == {"db": "0.4.2 would-publish", "web": "1.2.4 would-publish"}
    assert shown(tree.plan("charts/web", bump="auto")) == {"web": "1.2.4 would-publish"}


def test_major_release_is_followed_by_url_in_every_later_run_too(tmp_path: Path) -> None:
    tree = web(tmp_path)
    tree.chart("charts/db", "1.3.3")
    tree.chart("charts/web", "1.0.0", "@db ^1.3.3")
    tree.git.commit("feat: begin")
    tree.publish(bump="auto")
    tree.change("charts/db", "other", "feat!: db")
    assert shown(tree.publish(bump="auto")) == {"db": "2.0.0 published", "web": "2.0.0 published"}
    # The tree still says 1.3.3 and ^1.3.3: nothing is written back.
    assert shown(tree.publish(bump="auto")) == {"db": "2.0.0 unchanged", "web": "2.0.0 unchanged"}
    assert shown(tree.plan("charts/web", bump="auto")) == {"web": "2.0.0 unchanged"}


def test_url_of_an_older_line_is_not_the_tree(tmp_path: Path) -> None:
    tree = web(tmp_path)
    tree.chart("charts/db", "0.3.9")
    tree.git.commit("feat: begin")
    tree.publish()
    tree.chart("charts/db", "0.4.1")
    tree.chart("charts/web", "1.2.3", "@db ^0.3.0")
    tree.git.commit("feat: next")
    error = tree.plan("charts/web")["web"].error
    assert error is not None
    # It would have to be fetched, and this run is offline.
    assert error.message.startswith(
        "'dependencies.0': db is 0.4.1 in this repository (charts/db), which does not satisfy ^0.3.0; "
    )
    tree.git.git("tag", "db-0.4.1")
    tree.change("charts/db", "more", "feat: db")
    bumped, _ = tree.bump()
    assert bumped["db"].decision.version == "0.5.0"
    assert b"^0.3.0" in bumped["web"].files.get("Chart.yaml", b"^0.3.0")


def test_chart_embedded_by_a_part_of_the_run_has_the_version_of_the_whole(tmp_path: Path) -> None:
    tree = web(tmp_path)
    tree.chart("charts/lib", "1.0.0")
    tree.chart("charts/app", "1.0.0", "charts/lib ^1.0.0")
    tree.git.commit("feat: begin")
    tree.publish(bump="auto")
    tree.change("charts/lib", "more", "feat: lib")
    assert shown(tree.publish(bump="auto")) == {"app": "1.1.0 published", "lib": "1.1.0 published"}
    tree.change("charts/app", "own", "fix: app")
    part = tree.plan("charts/app", bump="auto")
    since = tree.plan(bump="auto", changed_since="HEAD~1")
    whole = tree.plan(bump="auto")
    assert (shown(part), shown(since)) == ({"app": "1.1.1 would-publish"}, {"app": "1.1.1 would-publish"})
    assert part["app"].digest == since["app"].digest == whole["app"].digest
    assert shown(tree.publish("charts/app", bump="auto")) == {"app": "1.1.1 published"}
    assert [chart.version for chart in tree.packed("app", "1.1.1").subcharts] == ["1.1.0"]
    assert shown(tree.publish(bump="auto")) == {"app": "1.1.1 unchanged", "lib": "1.1.0 unchanged"}
    assert tree.verify("charts/app", bump="auto")["app"].error is None


def test_chain_through_charts_outside_the_run_is_built(tmp_path: Path) -> None:
    tree = web(tmp_path)
    tree.chart("libs/base", "1.0.0")
    tree.chart("libs/mid", "1.0.0", "libs/base 1.0.0")
    tree.chart("charts/app", "1.0.0", "libs/mid 1.0.0")
    tree.git.commit("feat: begin")
    part, whole = tree.plan("charts/app"), tree.plan("charts", "libs")
    assert (set(part), part["app"].status) == ({"app"}, "would-publish")
    assert part["app"].digest == whole["app"].digest
    tree.publish("charts/app")
    held = {name for name, store in tree.registries.items() if store.names}
    assert held == {f"{REGISTRY}/app"}  # the others are not pushed
    tree.change("libs/base", "changed", "fix: base")
    assert shown(tree.plan("charts/app")) == {"app": "1.0.0 conflict"}
    assert shown(tree.plan("charts/app", bump="auto")) == {"app": "1.0.1 would-publish"}
    assert set(tree.plan(changed_since="HEAD~1")) == {"app"}


def test_failure_of_a_chart_outside_the_run_is_that_of_what_embeds_it(tmp_path: Path) -> None:
    tree = web(tmp_path)
    tree.chart("libs/base", "1.0.0")
    tree.chart("libs/mid", "1.0.0", "libs/base 1.0.0")
    tree.chart("charts/app", "1.0.0", "libs/mid 1.0.0")
    tree.chart("charts/other", "1.0.0")
    (tree.git.root / "libs/base/values.yaml").write_text("a: [\n")
    tree.git.commit("feat: begin")
    found = tree.publish()
    assert shown(found) == {"app": "1.0.0 failed", "other": "1.0.0 published"}
    assert found["app"].error is not None
    assert "libs/base/values.yaml" in found["app"].error.message
    assert shown(tree.publish("charts", "libs")) == {
        "app": "1.0.0 skipped", "base": "1.0.0 failed", "mid": "1.0.0 skipped", "other": "1.0.0 unchanged"
    }  # fmt: skip
    (tree.git.root / "libs/base/Chart.yaml").write_text("name: [\n")
    found = tree.plan("charts/app")
    assert found["app"].error is not None
    assert "libs/base/Chart.yaml" in found["app"].error.message


def test_two_circles_are_named_and_hide_no_other_chart(tmp_path: Path) -> None:
    tree = web(tmp_path)
    for one, other in (("a", "b"), ("c", "d")):
        tree.chart(f"charts/{one}", "1.0.0", f"charts/{other} 1.0.0")
        tree.chart(f"charts/{other}", "1.0.0", f"charts/{one} 1.0.0")
    tree.chart("charts/self", "1.0.0", "charts/self 1.0.0")
    tree.chart("charts/above", "1.0.0", "charts/a 1.0.0")
    tree.chart("charts/free", "1.0.0")
    tree.git.commit("feat: begin")
    found = tree.publish()
    said = {name: chart.error.message.partition(": ")[2] for name, chart in found.items() if chart.error}
    assert shown(found)["free"] == "1.0.0 published"
    assert said == {
        "a": "charts that depend on each other: a -> b -> a",
        "b": "charts that depend on each other: b -> a -> b",
        "c": "charts that depend on each other: c -> d -> c",
        "d": "charts that depend on each other: d -> c -> d",
        "self": "self -> self: a chart that depends on itself",
        "above": "not built, because its dependency a was not",
    }
    assert found["a"].error is not None
    assert (found["a"].error.path, found["a"].error.line) == ("charts/a/Chart.yaml", 5)


def test_circle_outside_the_run_is_the_failure_of_what_embeds_it(tmp_path: Path) -> None:
    tree = web(tmp_path)
    tree.chart("libs/a", "1.0.0", "libs/b 1.0.0")
    tree.chart("libs/b", "1.0.0", "libs/a 1.0.0")
    tree.chart("charts/app", "1.0.0", "libs/a 1.0.0")
    tree.git.commit("feat: begin")
    error = tree.plan()["app"].error
    assert error is not None
    assert "charts that depend on each other: a -> b -> a" in error.message


def test_withheld_version_is_published_nowhere(tmp_path: Path) -> None:
    tree = web(tmp_path)
    tree.chart("charts/web", "1.2.3")
    tree.git.commit("feat: begin")
    tree.publish(bump="auto")
    tree.change("charts/web", "not released", "Tidy up")
    rules = {"bump": "auto", "untyped": "none"}
    assert shown(tree.publish(**rules)) == {"web": "1.2.3 drift"}
    tree.registries.clear()  # a registry that lacks what its tag has
    found = tree.publish(**rules)
    assert shown(found) == {"web": "1.2.3 drift"}
    assert tree.store(f"{REGISTRY}/web").names == {}
    assert "registry.test/charts/web:1.2.3 is not published" in found["web"].targets[0].error.message  # type: ignore[union-attr]
    assert shown(tree.publish(**rules, registries=())) == {"web": "1.2.3 drift"}
    tree.git.git("checkout", "--quiet", "web-1.2.3")
    assert shown(tree.publish(**rules)) == {"web": "1.2.3 published"}


def test_version_that_its_tag_has_never_comes_from_another_tree(tmp_path: Path) -> None:
    tree = web(tmp_path)
    tree.chart("charts/web", "1.2.3")
    tree.git.commit("feat: begin")
    tree.publish(bump="auto")
    tree.registries.clear()
    tree.git.write({"charts/web/values.yaml": "changed: and not committed\n"})
    found = tree.publish(bump="auto")
    error = found["web"].error
    assert error is not None
    assert (error.kind, error.message) == (
        "conflict",
        (
            "'version': registry.test/charts/web:1.2.3 is not published, "
            "and the git tag web-1.2.3 has other content than this tree"
        ),
    )
    assert tree.store(f"{REGISTRY}/web").names == {}
    tree.git.git("checkout", "--quiet", ".")
    assert shown(tree.publish(bump="auto")) == {"web": "1.2.3 published"}


def test_alias_of_a_repository_is_followed_in_the_lock(tmp_path: Path) -> None:
    from oci_chart_publish.chart.lock import encode_lock, lock_digest  # noqa: PLC0415
    from oci_chart_publish.chart.metadata import Dependency  # noqa: PLC0415

    tree = web(tmp_path)
    tree.settings = {"repositories": {"own": URL}}
    tree.chart("charts/db", "0.4.1")
    tree.chart("charts/web", "1.2.3", {"name": "db", "version": "^0.4.0", "repository": "@own"})
    locked = [Dependency(name="db", version="0.4.1", repository=URL)]
    declared = [Dependency(name="db", version="^0.4.0", repository=URL)]
    lock = encode_lock(locked, lock_digest(declared, locked))
    tree.git.write({"charts/web/Chart.lock": lock})
    tree.git.commit("feat: begin")
    assert shown(tree.publish(bump="auto"))["web"] == "1.2.3 published"
    tree.change("charts/db", "fixed", "fix: db")
    assert shown(tree.publish(bump="auto")) == {"db": "0.4.2 published", "web": "1.2.4 published"}
    elsewhere = tree.plan(bump="auto", rewrite_dependencies="oci://elsewhere.test/charts")
    assert elsewhere["web"].error is None


def test_one_chart_embedded_twice_under_aliases_is_one(tmp_path: Path) -> None:
    tree = web(tmp_path)
    tree.chart("libs/db", "0.4.1")
    both = [
        {"name": "db", "version": "^0.4.0", "repository": "file://../../libs/db", "alias": alias}
        for alias in ("one", "two")
    ]
    tree.chart("charts/web", "1.2.3", *both)
    tree.git.commit("feat: begin")
    assert shown(tree.publish(bump="auto")) == {"web": "1.2.3 published"}
    assert [chart.name for chart in tree.packed("web", "1.2.3").subcharts] == ["db"]
    tree.change("libs/db", "fixed", "fix: db")
    assert shown(tree.publish(bump="auto")) == {"web": "1.2.4 published"}
    assert shown(tree.publish(bump="auto")) == {"web": "1.2.4 unchanged"}


def test_disabled_subchart_is_embedded_all_the_same(tmp_path: Path) -> None:
    tree = web(tmp_path)
    tree.chart("libs/db", "0.4.1")
    tree.chart(
        "charts/web",
        "1.2.3",
        {"name": "db", "version": "0.4.1", "repository": "file://../../libs/db", "condition": "db.enabled"},
        values="db: {enabled: false}",
    )
    tree.git.commit("feat: begin")
    tree.publish()
    tree.change("libs/db", "changed")
    assert shown(tree.plan()) == {"web": "1.2.3 conflict"}


def test_copy_in_charts_is_no_dependency_on_its_original(tmp_path: Path) -> None:
    tree = web(tmp_path)
    tree.chart("charts/db", "0.4.1")
    tree.chart("charts/web", "1.2.3", "charts/db 0.4.1")
    tree.chart("charts/web/charts/db", "0.4.1")
    tree.git.commit("feat: begin")
    tree.publish(bump="auto")
    tree.change("charts/db", "changed", "fix: db")
    assert shown(tree.plan(bump="auto")) == {"db": "0.4.2 would-publish", "web": "1.2.3 unchanged"}
    assert shown(tree.plan()) == {"db": "0.4.1 conflict", "web": "1.2.3 unchanged"}


def test_chain_through_a_chart_outside_the_run_counts_as_touched(tmp_path: Path) -> None:
    tree = web(tmp_path)
    tree.chart("libs/base", "1.0.0")
    tree.chart("libs/mid", "1.0.0", "libs/base 1.0.0")
    tree.chart("charts/app", "1.0.0", "libs/mid 1.0.0")
    tree.chart("charts/other", "1.0.0")
    before = tree.git.commit("feat: begin")
    tree.change("libs/base", "changed", "fix: base")
    found = tree.plan()
    project = tree.project((), {}, writes=False)
    from msgspec.structs import replace  # noqa: PLC0415

    project = replace(project, event=Event(name="push", ref="refs/heads/main", before=before))
    touched = project.touched(list(found.values()))
    assert {name for name, chart in found.items() if touched(chart)} == {"app"}
    project.close()


def test_tags_of_one_chart_are_not_those_of_what_it_embeds(tmp_path: Path) -> None:
    tree = web(tmp_path)
    tree.settings = {"tag_template": "v{version}"}
    tree.chart("libs/base", "0.1.0")
    tree.chart("charts/app", "1.0.0", "libs/base 0.1.0")
    tree.git.commit("feat: begin")
    tree.publish("charts/app", bump="auto", tags=False)
    tree.git.tag("v1.0.0")
    tree.change("libs/base", "changed", "fix: base")
    assert shown(tree.publish("charts/app", bump="auto", tags=False)) == {"app": "1.0.1 published"}
    assert [chart.version for chart in tree.packed("app", "1.0.1").subcharts] == ["0.1.0"]


def test_chart_in_the_folder_of_another_is_its_own_whatever_the_run_is_about(tmp_path: Path) -> None:
    tree = web(tmp_path)
    tree.chart("charts/app", "1.0.0")
    tree.chart("charts/app/tools", "1.0.0")
    GitRepo.write(tree.git, {"charts/app/.helmignore": "tools/\n"})
    tree.git.commit("feat: begin")
    tree.publish(bump="auto")
    tree.change("charts/app/tools", "changed", "feat: tools")
    tree.change("charts/app", "changed", "fix: app")
    assert shown(tree.plan(bump="auto"))["app"] == "1.0.1 would-publish"
    assert shown(tree.plan("charts/app/Chart.yaml", bump="auto")) == {"app": "1.0.1 would-publish"}


def test_diff_of_a_folder_has_what_it_embeds_as_the_tree_has_it(tree: Web) -> None:
    tree.change("libs/base", "changed")
    tree.set_version("charts/app", "1.2.4")
    with closing(tree.project((), {}, writes=False)) as project:
        chart = open_chart(project, str(tree.git.root / "charts/app"))
        plain = open_chart(project, str(tree.git.root / "libs/base"))
    assert dict(files(chart))["charts/base/values.yaml"] == b"text: changed\n"
    assert difference(tree.packed("app", "1.2.3"), chart).changed == ("Chart.yaml", "charts/base/values.yaml")
    assert (plain.name, plain.subcharts) == ("base", ())
