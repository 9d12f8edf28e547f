"""Names of repositories: one rule for what is one, wherever a dependency is read."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.fakes.chartrepo import ChartRepo
from tests.flow.charts import chart
from tests.real.helm import HELM3, HELM4, helm

from oci_chart_publish.chartrepo.aliases import alias_in, unaliased, url_of
from oci_chart_publish.chartrepo.fetch import located
from oci_chart_publish.errors import ChartError

KNOWN = {"own": "https://example.org/charts"}
NAMES = ["@own", "alias:own"]
NO_NAMES = ["own", "@@own", "alias:@own", "@alias:own", "alias: own", "Alias:own", "@OWN"]


@pytest.mark.parametrize("repository", NAMES)
def test_names_stand_for_their_url_in_every_place(repository: str) -> None:
    assert alias_in(repository) == "own"
    assert unaliased(repository, KNOWN) == KNOWN["own"]
    assert url_of(repository, KNOWN, dependency="web") == KNOWN["own"]
    assert located(repository, "web", KNOWN).repository == KNOWN["own"]


@pytest.mark.parametrize("repository", NO_NAMES)
def test_what_only_looks_like_a_name_stands_for_nothing_in_any_place(repository: str) -> None:
    assert unaliased(repository, KNOWN) == repository
    with pytest.raises(ChartError, match=r"no repository is called|is none to fetch from"):
        located(repository, "web", KNOWN)


def test_a_name_without_its_mark_is_told_how_to_be_written() -> None:
    with pytest.raises(ChartError) as caught:
        located("own", "web", KNOWN)
    assert caught.value.hint == "write '@own'"


@pytest.mark.parametrize("repository", ["@none", "alias:none", "@", "@empty"])
def test_unknown_name_is_refused_with_what_to_write(repository: str) -> None:
    with pytest.raises(ChartError, match="web: no repository is called") as caught:
        url_of(repository, {**KNOWN, "empty": ""}, dependency="web")
    assert "repositories: {" in caught.value.hint


@pytest.mark.parametrize("program", [HELM3, HELM4])
@pytest.mark.parametrize("repository", [*NAMES, "own", "@@own"])
def test_real_helm_has_the_same_rule(program: str, repository: str, tmp_path: Path) -> None:
    repo = ChartRepo()
    repo.add("leaf", "1.0.0")
    client = helm(tmp_path / "helm", program)
    client.run("repo", "add", "own", repo.url)
    top = chart(tmp_path, "top", "1.0.0", {"leaf": "1.0.0"}, repository=f"'{repository}'")
    done = client.attempt("dependency", "update", top)
    repo.close()
    assert (done.returncode == 0) is (repository in NAMES), done.stderr
