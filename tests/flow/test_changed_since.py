"""`--changed-since`: a chart changed where something that belongs to it did, or something that it embeds."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.fakes.git import GitRepo, chart_yaml
from tests.flow.charts import chart
from tests.flow.command import Command

SETTINGS = """
ignore-changes: [README.md]
own-repositories: ["https://example.com/charts"]
chart-settings:
  web: {extra-paths: [shared]}
  api: {ignore-changes: [ci]}
"""


class Work:
    """A repository of charts that embed each other, and what is planned of it since its first commit."""

    def __init__(self, tmp_path: Path) -> None:
        self.git = GitRepo(tmp_path / "repo")
        (tmp_path / "home").mkdir()
        self.command = Command(folder=self.git.root, home=tmp_path / "home")
        chart(self.git.root, "web", "1.0.0")
        chart(self.git.root, "api", "1.0.0", {"web": "1.0.0"})
        chart(self.git.root, "app", "1.0.0", {"api": "1.0.0"}, repository="https://example.com/charts")
        chart(self.git.root, "job", "1.0.0", {"base": "0.1.0"}, repository="file://../../lib/base")
        self.git.write(
            {
                ".oci-chart-publish.yaml": SETTINGS,
                "charts/web/addons/extra/Chart.yaml": chart_yaml("extra"),
                "charts/api/own/Chart.yaml": chart_yaml("own"),
                "charts/api/.helmignore": "own/\n/tests\n*.md.gotmpl\n",
                "lib/base/Chart.yaml": chart_yaml("base", "0.1.0")
                + "dependencies: [{name: core, version: 0.1.0, repository: 'file://../core'}]\n",
                "lib/core/Chart.yaml": chart_yaml("core", "0.1.0"),
                "shared/x.txt": "x\n",
                "LICENSE": "x\n",
            }
        )
        self.git.commit("begin")
        self.git.tag("begin")

    def changed(self, path: str) -> set[str]:
        """Change a file and return the charts that are planned then."""
        file = self.git.root / path
        self.git.write({path: (file.read_text() if file.exists() else "") + "# more\n"})
        self.git.commit("change")
        # What the URL of app has is of no matter here, nor whether it can be had.
        return set(self.command.run("plan", "--json", "--offline", "--changed-since", "begin").statuses())


@pytest.fixture
def work(tmp_path: Path) -> Work:
    return Work(tmp_path)


@pytest.mark.parametrize(
    ("path", "charts"),
    [
        ("charts/app/values.yaml", {"app"}),
        ("LICENSE", set()),
        ("shared/x.txt", {"web", "api", "app"}),
        ("charts/api/values.yaml", {"api", "app"}),
        ("charts/web/values.yaml", {"web", "api", "app"}),
        ("charts/web/addons/extra/values.yaml", {"extra", "web", "api", "app"}),  # which web packs
        ("charts/api/own/values.yaml", {"own"}),
        ("charts/api/tests/a/b.yaml", set()),  # which is not packed
        ("charts/api/docs/x.md.gotmpl", set()),
        ("charts/api/docs/tests", {"api", "app"}),
        ("charts/api/.helmignore", {"api", "app"}),
        ("charts/web/README.md", set()),
        ("charts/api/ci/test.yaml", set()),
        ("charts/web/ci/test.yaml", {"web", "api", "app"}),
        ("lib/base/values.yaml", {"job"}),
        ("lib/core/values.yaml", {"job"}),
    ],
)
def test_what_belongs_to_a_chart_and_to_what_it_embeds_counts(
    work: Work, path: str, charts: set[str]
) -> None:
    assert work.changed(path) == charts


def test_chart_that_cannot_be_read_counts_by_its_folder_and_hides_no_other(work: Work) -> None:
    work.git.write({"charts/web/Chart.yaml": "name: [\n", "lib/base/Chart.yaml": "version: ]\n"})
    assert work.changed("charts/app/values.yaml") == {"web", "api", "app", "job"}


def test_two_charts_of_one_name_are_no_matter_where_only_one_of_them_changed(work: Work) -> None:
    work.git.write({"charts/old/Chart.yaml": chart_yaml("app")})
    work.git.commit("twin")
    work.git.git("tag", "--force", "begin")
    assert work.changed("charts/app/values.yaml") == {"app"}


def test_without_git_nothing_says_what_changed(work: Work) -> None:
    shutil.rmtree(work.git.root / ".git")
    done = work.command.run("plan", "--changed-since", "begin")
    assert done.code == 2, done.err
    assert "--changed-since begin: the charts are in no git repository" in done.err
