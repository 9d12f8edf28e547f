"""Each trap as it is written, the warning with file and line, and what real Helm 3 and 4 make of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.fakes.memorytree import MemoryTree
from tests.real.helm import HELM3, HELM4, Helm, helm

from oci_chart_publish.chart.chart import load_chart
from oci_chart_publish.lint.limits import FILE_LIMIT, FLUX_CHART_LIMIT, packed_size
from oci_chart_publish.lint.lint import lint
from oci_chart_publish.lint.warning import ChartWarning

HEAD = "apiVersion: v2\nname: x\nversion: 1.0.0\n"
Files = Mapping[str, str | bytes]


def warned(files: Files) -> list[tuple[str, int | None, str]]:
    """Return path, line and message of each warning of a chart."""
    whole = {"Chart.yaml": HEAD, **files}
    data = {path: text.encode() if isinstance(text, str) else text for path, text in whole.items()}
    return [(w.path, w.line, w.message) for w in lint(load_chart(MemoryTree(data, "memory"), check=False))]


def written(folder: Path, files: Files) -> Path:
    """Write a chart whose template shows its values."""
    shown = {"Chart.yaml": HEAD, "templates/shown.yaml": "values: {{ .Values | toJson }}\n", **files}
    for path, text in shown.items():
        (folder / "x" / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / "x" / path).write_bytes(text.encode() if isinstance(text, str) else text)
    return folder / "x"


@pytest.fixture(params=[HELM3, HELM4])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Helm:
    return helm(tmp_path / "helm", request.param)


def dependency(**fields: str) -> str:
    return "dependencies:\n- " + "\n  ".join(f"{key}: {value}" for key, value in fields.items()) + "\n"


def sub(name: str, version: str = "1.0.0", more: str = "") -> dict[str, str]:
    return {
        f"charts/{name}/Chart.yaml": f"apiVersion: v2\nname: {name}\nversion: {version}\n{more}",
        f"charts/{name}/templates/a.yaml": f"inside: {name}\n",
    }


def test_chart_as_helm_creates_it_has_no_warnings(either: Helm, tmp_path: Path) -> None:
    either.run("create", tmp_path / "fresh")
    files = {
        path.relative_to(tmp_path / "fresh").as_posix(): path.read_bytes()
        for path in (tmp_path / "fresh").rglob("*")
        if path.is_file()
    }
    assert warned(files) == []


# Numbers of every kind: as written, and what Helm has.
NUMBERS = [
    *(
        ("0123456", "42798"),
        ("1_000", "1000"),
        ("0x1f", "31"),
        ("1.20", "1.2"),
        ("1e3", "1000"),
        ("0o17", "15"),
    ),
    *(("0b11", "3"), ("08", "8"), ("+1", "1"), ("1.", "1"), (".50", "0.5"), ("on", "true"), ("y", "true")),
    *(("no", "false"), ("1e100", "+Inf"), ("12345678.5", "1.2345678e+07")),
]


@pytest.mark.parametrize(("text", "value"), NUMBERS)
def test_number_in_a_field_that_is_text_is_told_of_with_what_helm_reads(text: str, value: str) -> None:
    kind = "a truth value" if value in {"true", "false"} else "a number"
    assert warned({"Chart.yaml": f"{HEAD}appVersion: {text} # as it is\n"}) == [
        ("Chart.yaml", 4, f"appVersion is written as {kind}, which Helm reads as {value}; quote it")
    ]
    assert warned({"Chart.yaml": f"{HEAD}appVersion: '{text}'\n"}) == []


def test_real_helm_reads_numbers_as_the_warnings_say(either: Helm, tmp_path: Path) -> None:
    keywords = "".join(f"- {text}\n" for text, _ in NUMBERS)
    chart = written(tmp_path, {"Chart.yaml": f"{HEAD}keywords:\n{keywords}"})
    either.run("package", chart, "--destination", tmp_path)
    shown = either.run("show", "chart", tmp_path / "x-1.0.0.tgz")
    assert re.findall(r'^- "?(.*?)"?$', shown, re.MULTILINE) == [value for _, value in NUMBERS]


FIELDS = [
    ("name: on\n", "name", 1),
    ("home: 1_0\n", "home", 1),
    ("kubeVersion: 1.20\n", "kubeVersion", 1),
    ("description: 0x1f\n", "description", 1),
    ("icon: 1e3\n", "icon", 1),
    ("condition: yes\n", "condition", 1),
    ("tags: 010\n", "tags", 1),
    ("type: off\n", "type", 1),
    ("sources:\n- 1.0\n", "sources.0", 2),
    ("keywords: [a, 0o17]\n", "keywords.1", 1),
    ("maintainers:\n- name: a\n  email: 1.50\n", "maintainers.0.email", 3),
    ("annotations:\n  Example.org/Tier: 010\n", "annotations.Example.org/Tier", 2),
    ("dependencies:\n- name: a\n  version: 1.10\n", "dependencies.0.version", 3),
    ("dependencies:\n- name: 0x1f\n  version: '1'\n", "dependencies.0.name", 2),
    ("dependencies:\n- name: a\n  version: '1'\n  alias: on\n", "dependencies.0.alias", 4),
    ("dependencies:\n- name: a\n  version: '1'\n  tags: [1.10]\n", "dependencies.0.tags.0", 4),
    ("dependencies:\n- name: a\n  version: '1'\n  condition: on\n", "dependencies.0.condition", 4),
    ("x-v: &v 1.10\nappVersion: *v\n", "appVersion", 2),
]


@pytest.mark.parametrize(("text", "key", "line"), FIELDS, ids=[key for _, key, _ in FIELDS])
def test_every_field_that_is_text_is_looked_at(text: str, key: str, line: int) -> None:
    data = {"Chart.yaml": text + "apiVersion: v2\nversion: 1.0.0\n" + ("" if key == "name" else "name: x\n")}
    if key == "type":  # which Helm refuses as a type
        data = {"Chart.yaml": text.replace("type", "icon") + HEAD}
        key = "icon"
    ((path, found, message),) = [w for w in warned({**data, **sub("a")}) if "is written as" in w[2]]
    assert (path, found) == ("Chart.yaml", line)
    assert message.startswith(f"{key} is written as ")


def test_numbers_that_are_read_as_they_are_written_are_none() -> None:
    fine = "annotations: {a: 1, b: -1}\nkeywords: [1.5, 20240101, 2001-01-01, 1:20, ~]\ndeprecated: yes\n"
    assert warned({"Chart.yaml": f"{HEAD}{fine}icon: !!str 010\nappVersion: 8\n"}) == []


def test_requirements_are_looked_at_too() -> None:
    files = {
        "Chart.yaml": "name: x\nversion: 1.0.0\n",
        "requirements.yaml": "dependencies:\n- name: a\n  version: 1.10\n  repostitory: https://x\n",
        **sub("a", "1.1.5"),
    }
    assert warned(files) == [
        (
            "requirements.yaml",
            3,
            "dependencies.0.version is written as a number, which Helm reads as 1.1; quote it",
        ),
        (
            "requirements.yaml",
            4,
            "repostitory is no field of a dependency and is ignored; repository was meant?",
        ),
    ]


def test_misspelt_keys_are_told_of_at_every_level() -> None:
    text = (
        "appVersion: 1.10\nmaintainer: []\ndependancies: []\nx-mine: 1\nmaintainers:\n- nme: a\n"
        "dependencies:\n- name: a\n  version: 1.0.0\n  Repostitory: https://x\n  import-value: []\n  note: mine\n"
    )
    assert warned({"Chart.yaml": HEAD + text, **sub("a")}) == [
        ("Chart.yaml", 4, "appVersion is written as a number, which Helm reads as 1.1; quote it"),
        ("Chart.yaml", 5, "maintainer is no field of Chart.yaml and is ignored; maintainers was meant?"),
        ("Chart.yaml", 6, "dependancies is no field of Chart.yaml and is ignored; dependencies was meant?"),
        ("Chart.yaml", 9, "nme is no field of a maintainer and is ignored; name was meant?"),
        ("Chart.yaml", 13, "Repostitory is no field of a dependency and is ignored; repository was meant?"),
        (
            "Chart.yaml",
            14,
            "import-value is no field of a dependency and is ignored; import-values was meant?",
        ),
    ]


def test_short_version_is_told_of() -> None:
    ((path, line, message),) = warned({"Chart.yaml": "apiVersion: v2\nname: x\nversion: '1.2'\n"})
    assert (path, line) == ("Chart.yaml", 3)
    assert "never by a range" in message


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://storage.googleapis.com/kubernetes-charts", "storage.googleapis.com/kubernetes-charts"),
        ("https://kubernetes-charts.storage.googleapis.com/", "kubernetes-charts.storage.googleapis.com"),
        (
            "http://storage.googleapis.com/kubernetes-charts-incubator/x",
            "storage.googleapis.com/kubernetes-charts-incubator",
        ),
    ],
)
def test_dependency_hosts_that_are_gone_are_told_of(url: str, host: str) -> None:
    files = {"Chart.yaml": HEAD + dependency(name="a", version="1.0.0", repository=url), **sub("a")}
    ((path, line, message),) = warned(files)
    assert (path, line) == ("Chart.yaml", 7)
    assert message.startswith(f"{host} no longer serves charts")


@pytest.mark.parametrize(
    "url",
    ["https://storage.googleapis.com/other", "https://charts.helm.sh/stable", "'http://[::'", "'@stable'"],
)
def test_other_hosts_are_not(url: str) -> None:
    assert (
        warned({"Chart.yaml": HEAD + dependency(name="a", version="1.0.0", repository=url), **sub("a")}) == []
    )


@pytest.mark.parametrize(
    ("behind", "line"),
    [
        ("---\nappVersion: 1.10\n", 4),
        ("---\na: [\n", 6),
        ("...\nappVersion: 1.10\n", 5),
        ("...\n---\na: b\n", 5),
    ],
)
def test_what_stands_behind_the_first_document_is_told_of(behind: str, line: int) -> None:
    assert warned({"Chart.yaml": HEAD + behind}) == [
        ("Chart.yaml", line, "Chart.yaml has more than one document, and Helm reads the first alone")
    ]
    assert warned({"Chart.yaml": f"---\n{HEAD}...\n"}) == []


def test_numbers_in_locks_are_told_of() -> None:
    lock = "dependencies:\n- name: y\n  version: 1.10\n  repository: https://x\ndigest: x\n"
    found = warned(
        {
            "Chart.yaml": HEAD + dependency(name="'y'", version="1.x"),
            "Chart.lock": lock,
            **sub("'y'", "1.1.0"),
        }
    )
    assert [(path, at, text) for path, at, text in found if "is written as" in text] == [
        (
            "Chart.lock",
            2,
            "dependencies.0.name is written as a truth value, which Helm reads as true; quote it",
        ),
        ("Chart.lock", 3, "dependencies.0.version is written as a number, which Helm reads as 1.1; quote it"),
    ]


def test_metadata_in_utf_16_is_read_as_by_helm(either: Helm, tmp_path: Path) -> None:
    files = {"Chart.yaml": f"{HEAD}kubeVersion: 1.20\n".encode("utf-16")}
    ((path, line, message),) = warned(files)
    assert (path, line) == ("Chart.yaml", 4)
    assert "which Helm reads as 1.2" in message
    either.run("package", written(tmp_path, files), "--destination", tmp_path)
    assert 'kubeVersion: "1.2"' in either.run("show", "chart", tmp_path / "x-1.0.0.tgz")


# Subcharts.


def test_subchart_in_another_version_than_declared_is_installed_though_it_is_disabled(
    either: Helm, tmp_path: Path
) -> None:
    files = {
        "Chart.yaml": HEAD + dependency(name="b", version="2.0.0", alias="c", condition="c.enabled"),
        "values.yaml": "c: {enabled: false}\n",
        **sub("b"),
    }
    ((path, line, message),) = warned(files)
    assert (path, line) == ("Chart.yaml", 6)
    assert message.startswith(
        "charts/ holds b 1.0.0, which is not 2.0.0 as declared: Helm does not know it as c"
    )
    assert "inside: b" in either.template(written(tmp_path, files))
    right = {**files, **sub("b", "2.0.0")}
    assert warned(right) == []
    assert "inside" not in either.template(written(tmp_path / "right", right))


def test_subchart_in_another_version_without_an_alias_is_installed_all_the_same(
    either: Helm, tmp_path: Path
) -> None:
    files = {"Chart.yaml": HEAD + dependency(name="b", version="'>=2'"), **sub("b")}
    ((_, line, message),) = warned(files)
    assert line == 6
    assert "Helm does not compare versions and installs it all the same" in message
    assert "inside: b" in either.template(written(tmp_path, files))


def test_subchart_that_is_there_in_two_declared_versions_is_none() -> None:
    declared = dependency(name="b", version="1.0.0") + "- name: b\n  version: 2.0.0\n  alias: c\n"
    files = {
        "Chart.yaml": HEAD + declared,
        "charts/one/Chart.yaml": "name: b\nversion: 1.0.0\n",
        "charts/two/Chart.yaml": "name: b\nversion: 2.0.0\n",
    }
    assert [w for w in warned(files) if "as declared" in w[2]] == []


def test_undeclared_subchart_is_told_of_and_helm_installs_it(either: Helm, tmp_path: Path) -> None:
    files = sub("b")
    ((path, line, message),) = warned(files)
    assert (path, line) == ("charts/b/Chart.yaml", None)
    assert message.startswith("charts/ holds b 1.0.0, which is not declared: Helm installs it always")
    assert "inside: b" in either.template(written(tmp_path, files))


def test_incomplete_subchart_is_told_of_at_every_level_and_helm_installs_it(
    either: Helm, tmp_path: Path
) -> None:
    needs = dependency(name="q", version="1.0.0", repository="https://x")
    inner = {f"charts/b/{path}": text for path, text in sub("c", more=needs).items()}
    files = {
        "Chart.yaml": HEAD + dependency(name="b", version="1.0.0"),
        **sub("b", more=dependency(name="c", version="1.0.0")),
        **inner,
    }
    ((path, line, message),) = warned(files)
    assert (path, line) == ("charts/b/charts/c/Chart.yaml", 4)
    assert message.startswith("the subchart charts/b/charts/c declares q, and its own charts/ lacks it")
    assert "inside: c" in either.template(written(tmp_path, files))


def test_subchart_that_the_lock_names_in_another_version_is_told_of_at_the_line_of_the_lock() -> None:
    lock = "dependencies:\n- name: b\n  version: 1.1.0\n  repository: ''\ndigest: x\n"
    files = {"Chart.yaml": HEAD + dependency(name="b", version="^1.0.0"), "Chart.lock": lock, **sub("b")}
    ((path, line, message),) = warned(files)
    assert (path, line) == ("Chart.lock", 3)
    assert message.startswith("charts/ holds b 1.0.0, the lock names 1.1.0")


# Documents: (values, line, part of the message, what Helm 3 has, what Helm 4 has; None: it cannot load them).
DOCUMENTS: dict[str, tuple[bytes, int | None, str, str | None, str | None]] = {
    "inline": (b"--- {a: 1}\n", 1, "text behind ---", '{"a":1}', None),
    "null": (b"--- null\n", 1, "text behind ---", "{}", None),
    "key": (b"# c\n---key: 1\n", 2, "text behind ---", '{"---key":1}', None),
    "directive": (b"%YAML 1.1\n---\na: 1\n", 1, "Helm 4 cannot load it", '{"a":1}', None),
    "UTF-16": ("a: 1\n".encode("utf-16"), 1, "is UTF-16", '{"a":1}', None),
    "several": (b"a: 1\n---\nb: 2\n", 2, "several documents", '{"a":1}', '{"a":1,"b":2}'),
    "carriage returns": (b"a: 1\r\n---\r\nb: 2\r\n", 2, "several documents", '{"a":1}', '{"a":1,"b":2}'),
    "an empty one first": (b"---\n---\na: 1\n", 2, "several documents", "{}", '{"a":1}'),
    "behind an end": (b"a: 1\n...\n---\nb: 2\n", 3, "several documents", '{"a":1}', '{"a":1,"b":2}'),
    "broken second": (b"a: 1\n---\nb: [\n", 3, "Helm 4 cannot load it", '{"a":1}', None),
    "end": (b"a: 1\n...\nb: 2\n", None, "", '{"a":1}', '{"a":1}'),
    "start": (b"---\na: 1\n", None, "", '{"a":1}', '{"a":1}'),
    "comment": (b"# c\n---  # d\na: 1\n", None, "", '{"a":1}', '{"a":1}'),
    "empty last": (b"a: 1\n---\n", None, "", '{"a":1}', '{"a":1}'),
    "in a text": (b"a: |\n  ---\n  b\n", None, "", '{"a":"---\\nb\\n"}', '{"a":"---\\nb\\n"}'),
}


@pytest.mark.parametrize(("values", "line", "message", "three", "four"), DOCUMENTS.values(), ids=DOCUMENTS)
def test_values_that_one_helm_reads_and_another_does_not(
    values: bytes, line: int | None, message: str, three: str | None, four: str | None, tmp_path: Path
) -> None:
    found = warned({"values.yaml": values})
    assert [(path, at) for path, at, _ in found] == ([("values.yaml", line)] if line else [])
    assert all(message in text for _, _, text in found)
    chart = written(tmp_path, {"values.yaml": values})
    assert (shown(helm(tmp_path / "3", HELM3), chart), shown(helm(tmp_path / "4"), chart)) == (three, four)


def shown(program: Helm, chart: Path) -> str | None:
    """Return the values that Helm shows, None where it cannot load the chart."""
    done = program.attempt("template", chart)
    if done.returncode:
        assert "cannot load values.yaml" in done.stderr
        return None
    return done.stdout.partition("values: ")[2].splitlines()[0]


def test_values_of_subcharts_are_looked_at() -> None:
    files = {"Chart.yaml": HEAD + dependency(name="b", version="1.0.0"), **sub("b")}
    ((path, line, _),) = warned({**files, "charts/b/values.yaml": b"a: 1\n--- b\n"})
    assert (path, line) == ("charts/b/values.yaml", 2)


# Limits.


def test_file_that_helm_3_refuses_is_told_of(tmp_path: Path) -> None:
    files = {"files/big": b"x" * (FILE_LIMIT + 1), "files/fits": b"x" * FILE_LIMIT}
    ((path, line, message),) = warned(files)
    assert (path, line) == ("files/big", None)
    assert message.startswith(f"files/big has {FILE_LIMIT + 1} bytes: Helm 3 and Helm 4 before 4.3 refuse")
    chart = written(tmp_path, files)
    refused = helm(tmp_path / "3", HELM3).attempt("package", chart, "--destination", tmp_path)
    assert refused.returncode == 1
    assert f'chart file "big" is larger than the maximum file size {FILE_LIMIT}' in refused.stderr
    helm(tmp_path / "4", HELM4).run("package", chart, "--destination", tmp_path)


def test_chart_that_flux_does_not_fetch_is_told_of() -> None:
    assert list(packed_size(FLUX_CHART_LIMIT)) == []
    ((warning),) = packed_size(FLUX_CHART_LIMIT + 1)
    assert isinstance(warning, ChartWarning)
    assert "--helm-chart-max-size" in warning.message


# What .helmignore hides.


@pytest.mark.parametrize(
    ("rules", "line", "message"),
    [
        ("# c\nvalues.yaml\n", 2, "the line 'values.yaml' of .helmignore hides values.yaml"),
        (
            "templates/\n",
            1,
            "the line 'templates/' of .helmignore hides templates: the chart installs nothing",
        ),
        ("*.lock\n", 1, "the line '*.lock' of .helmignore hides Chart.lock"),
    ],
)
def test_line_that_hides_a_part_of_the_chart_is_told_of(rules: str, line: int, message: str) -> None:
    files = {".helmignore": rules, "values.yaml": "a: 1\n", "templates/a.yaml": "", "Chart.lock": "# none\n"}
    ((path, at, said),) = warned(files)
    assert (path, at) == (".helmignore", line)
    assert said.startswith(message)
