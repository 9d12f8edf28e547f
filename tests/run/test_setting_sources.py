from __future__ import annotations

import re
from contextlib import closing
from pathlib import Path

import pytest
from tests.fakes.git import ENV, GitRepo, chart_yaml

from oci_chart_publish.errors import ConfigError
from oci_chart_publish.run.project import open_project
from oci_chart_publish.run.setting_sources import Origin, from_environment, from_file, from_top, resolve
from oci_chart_publish.settings import Settings


def write(folder: Path, text: str, name: str = ".oci-chart-publish.yaml") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_defaults_stand_where_nobody_says_anything() -> None:
    assert resolve([]) == Settings()
    assert Settings().bump == "chart"
    assert Settings().annotations == "content"


def test_first_layer_wins(tmp_path: Path) -> None:
    write(tmp_path, "jobs: 3\nbump: auto\nsource: https://example.com/file\n")
    settings = resolve(
        [
            Origin("option", {"jobs": 1}),
            from_environment({"OCI_CHART_PUBLISH_JOBS": "2", "OCI_CHART_PUBLISH_BUMP": "minor"}),
            from_file(tmp_path),
        ]
    )
    assert (settings.jobs, settings.bump, settings.source) == (1, "minor", "https://example.com/file")


@pytest.mark.parametrize(
    ("key", "text", "expected"),
    [
        ("dry-run", "true", True),
        ("dry-run", "False", False),
        ("jobs", "8", 8),
        ("registries", "ghcr.io/a\n\n  quay.io/b \r\n", ("ghcr.io/a", "quay.io/b")),
        ("commit-types", "'^docs': none", {"^docs": "none"}),
        ("bump-dependents", "true", True),
    ],
)
def test_text_of_an_input_becomes_a_value(key: str, text: str, expected: object) -> None:
    assert getattr(resolve([Origin("input", {key: text})]), key.replace("-", "_")) == expected


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"jobs": "many"}, "input: 'jobs': expected a whole number, got text\nRequests in flight"),
        ({"jobs": "0"}, "input: 'jobs': expected a whole number >= 1"),
        ({"dry-run": "perhaps"}, "input: 'dry-run': expected true or false, got text"),
        ({"bump-dependents": "perhaps"}, "input: 'bump-dependents': expected true or false, got text"),
        ({"channel": "rc1"}, "\nMake prereleases of this name, such as rc."),
        ({"commit-types": "a: huge"}, "'commit-types': 'a': unknown value 'huge'\nexpected one of: major, "),
        ({"bump": "sideways"}, "expected one of: chart, auto, major, minor, patch"),
        ({"registrys": "x"}, "input: unknown key 'registrys'\ndid you mean 'registries'?"),
        ({"zzz": "x"}, "known: annotations, "),
    ],
)
def test_wrong_value_names_origin_and_key(values: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve([Origin("input", values)])
    assert message in str(caught.value)


def test_empty_inputs_do_not_hide_the_layers_below(tmp_path: Path) -> None:
    write(tmp_path, "jobs: 5\n", ".github/oci-chart-publish.yaml")
    assert resolve([Origin("input", {"jobs": ""}), from_file(tmp_path)]).jobs == 5


def test_unrelated_variables_are_left_alone() -> None:
    assert from_environment({"OCI_CHART": "1", "JOBS": "2"}).values == {}


def test_charts_of_the_file_are_folders_or_settings_by_chart(tmp_path: Path) -> None:
    write(tmp_path, "charts: [charts, '!charts/old']\n")
    assert resolve([from_file(tmp_path)]).charts == ("charts", "!charts/old")
    write(tmp_path, "charts:\n  web:\n    tag-template: v{version}\n    extra-paths: [lib]\n")
    web = resolve([from_file(tmp_path)]).chart_settings["web"]
    assert (web.tag_template, web.extra_paths) == ("v{version}", ("lib",))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a\n", "expected a mapping of settings"),
        ("a: [\n", "not YAML"),
        (f"a: {'[' * 3000}{']' * 3000}\n", "nested too deep for a settings file"),
        ("1: x\n", "expected a mapping of settings"),
        (
            "charts:\n  web:\n    tag-templat: x\n",
            "charts: 'web': unknown key 'tag-templat'\ndid you mean 'tag-template'?",
        ),
        ("charts:\n  web: x\n", "charts: 'web': expected a mapping of settings"),
        (
            "charts:\n  w*:\n    extra-paths: {a: b}\n",
            "'w*': 'extra-paths': expected text, got a mapping in the list",
        ),
        ("charts:\n  web:\n    registries: []\n", "charts: 'web': 'registries' is empty\nname one, or leave"),
        (
            "charts: {web: {extra-paths: [lib/../../x]}}\n",
            "'web': 'extra-paths': 'lib/../../x' leads out of the",
        ),
        ("charts: {web: {}}\nchart-settings: {web: {}}\n", "'web' stands under chart-settings and charts"),
        ("chart-settings: [a]\n", "'chart-settings': expected a mapping, got a list\nSettings by chart name"),
        ("jobs: 4\njobs: 5\n", "the key 'jobs' stands twice"),
        ("charts:\n  web: {}\n  web: {}\n", "the key 'web' stands twice"),
        (
            "comment: on\n",
            "'comment': unknown value 'on'\nexpected one of: always, changes, failures, off",
        ),
    ],
)
def test_broken_file_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        resolve([from_file(tmp_path)])
    assert str(path) in str(caught.value)
    assert message in str(caught.value)


def test_off_without_quotes_is_the_value_that_it_looks_like(tmp_path: Path) -> None:
    write(tmp_path, "comment: off\nrelease: off\ndry-run: on\n")
    settings = resolve([from_file(tmp_path)])
    assert (settings.comment, settings.release, settings.dry_run) == ("off", "off", True)


def test_named_file_has_to_exist(tmp_path: Path) -> None:
    assert from_file(tmp_path).values == {}
    with pytest.raises(ConfigError, match="there is no settings file"):
        from_file(tmp_path, str(tmp_path / "none.yaml"))


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("OCI_CHART_PUBLISH_DRYRUN", "OCI_CHART_PUBLISH_DRY_RUN"),
        ("OCI_CHART_PUBLISH_REGISTRY", "OCI_CHART_PUBLISH_REGISTRIES"),
        ("OCI_CHART_PUBLISH_DRY-RUN", "OCI_CHART_PUBLISH_DRY_RUN"),
    ],
)
def test_variable_that_is_no_setting_is_an_error_with_the_nearest_name(name: str, nearest: str) -> None:
    with pytest.raises(ConfigError) as caught:
        from_environment({name: "true"})
    assert caught.value.message == f"environment: unknown variable {name}"
    assert caught.value.hint == f"did you mean {nearest!r}?"


def test_variable_that_is_near_to_no_setting_names_the_list() -> None:
    with pytest.raises(ConfigError) as caught:
        from_environment({"OCI_CHART_PUBLISH_NONSENSE_INDEED": "1"})
    assert caught.value.hint == "docs/options.md lists the settings"


def test_variables_of_others_are_left_alone() -> None:
    environment = {"OCI_CHART_CACHE": "/cache", "OCI_CHART_PUBLISH_GONE": "", "INPUT_REGISTRYS": "x"}
    assert from_environment(environment).values == {}


def test_registries_are_written_in_lower_case(tmp_path: Path) -> None:
    write(tmp_path, "chart-settings:\n  web:\n    registries: GHCR.io/Acme/Web\n")
    settings = resolve(
        [
            Origin(
                "input", {"registries": "ghcr.io/Acme/charts\nDocker.io/ACME", "preview": "ghcr.io/Acme/p"}
            ),
            from_file(tmp_path),
        ]
    )
    assert settings.registries == ("ghcr.io/acme/charts", "docker.io/acme")
    assert settings.preview == "ghcr.io/acme/p"
    assert settings.chart_settings["web"].registries == ("ghcr.io/acme/web",)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"commit-types": {"(": "minor"}}, "commit-types: '(' is no regular expression"),
        ({"preview-template": "nonsense"}, "preview-template: 'nonsense' needs {number}"),
        ({"preview-template": "0.0.0-pr.{number}.{sha7}"}, "has a bare commit"),
        ({"tag-template": "{name}"}, "tag-template: '{name}' needs {version} once"),
    ],
)
def test_pattern_or_template_of_no_meaning_is_an_error_whatever_the_command(
    values: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        resolve([Origin("settings file", values)])


def test_paths_of_the_settings_file_begin_at_the_top_of_the_repository(tmp_path: Path) -> None:
    text = (
        "charts: [library, 'charts/*', '!charts/old', '!demo', /else/where]\nlayout: cache\nreport: out/report.json\n"
        "ca-file: /etc/ca.pem\nfrom-plan: plan\nignore-changes: [docs]\n"
    )
    write(tmp_path, text)
    top = from_file(tmp_path)
    assert from_top(top, tmp_path, tmp_path) == top
    settings = resolve([from_top(top, tmp_path, tmp_path / "x[1]/sub")])
    assert settings.charts == (
        "../../library",
        "../../charts/*",
        "!../../charts/old",
        "!../../**/demo",
        "/else/where",
    )
    assert (settings.layout, settings.report) == (str(tmp_path / "cache"), str(tmp_path / "out/report.json"))
    assert (settings.ca_file, settings.from_plan) == ("/etc/ca.pem", str(tmp_path / "plan"))
    assert settings.ignore_changes == ("docs",)
    outer = resolve([from_top(from_file(tmp_path), tmp_path, tmp_path.parent)])
    assert outer.charts[:2] == (f"{tmp_path.name}/library", f"{tmp_path.name.replace('[', '[[]')}/charts/*")


def test_charts_of_the_settings_file_are_found_from_any_folder(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path)
    for folder in ("library/base", "library/demo", "charts/web", "docs"):
        repo.write({f"{folder}/Chart.yaml": chart_yaml("x")})
    repo.write({".oci-chart-publish.yaml": "charts: ['library/*', '!demo']\nlayout: .cache\n"})
    repo.commit()
    for place in (tmp_path, tmp_path / "docs", tmp_path / "library/demo"):
        with closing(open_project(place, {}, ENV)) as project:
            assert [source.path for source in project.sources()] == ["library/base"]
            assert (place / project.stores.layout_path).resolve() == tmp_path / ".cache"
