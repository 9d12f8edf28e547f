from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path
from typing import Any

import pytest

from oci_chart_publish.chart.metadata import (
    ChartMetadata,
    Dependency,
    decode_metadata,
    encode_config,
)
from oci_chart_publish.errors import ChartError

VECTORS = Path(__file__).parents[1] / "vectors"
CASES: list[dict[str, Any]] = json.loads((VECTORS / "helm-4.3.1" / "metadata.json").read_text())
HEAD = b"name: x\nversion: 1.0.0\n"


def decode(case: dict[str, Any]) -> ChartMetadata:
    requirements = case.get("requirements")
    return decode_metadata(
        case["chart"].encode(), requirements=None if requirements is None else requirements.encode()
    )


@pytest.mark.parametrize(
    "case", [case for case in CASES if "config" in case], ids=lambda case: repr(case["chart"])
)
def test_config_is_byte_for_byte_what_helm_writes(case: dict[str, Any]) -> None:
    assert encode_config(decode(case)).decode() == case["config"]


@pytest.mark.parametrize(
    "case", [case for case in CASES if "error" in case], ids=lambda case: repr(case["chart"])
)
def test_what_helm_cannot_load_is_refused(case: dict[str, Any]) -> None:
    with pytest.raises(ChartError) as caught:
        decode(case)
    assert caught.value.path in {"Chart.yaml", "requirements.yaml"}


def test_awkward_scalars_come_out_as_helm_writes_them() -> None:
    metadata = decode_metadata((VECTORS / "helm/metadata-quoting.yaml").read_bytes())
    expected = (VECTORS / "helm/metadata-quoting.expected").read_text().partition("JSON:")[2].strip("\n")
    assert encode_config(metadata).decode() == expected


@pytest.mark.parametrize(
    ("path", "size", "digest"),
    [
        ("helm/c1/Chart.yaml", 831, "7297979c64bdc9a16e2e21d4d5f7d6029f927499be42290fded2f734bb473ae6"),
    ],
)
def test_config_has_the_digest_that_helm_gives_it(path: str, size: int, digest: str) -> None:
    config = encode_config(decode_metadata((VECTORS / path).read_bytes()))
    assert (len(config), hashlib.sha256(config).hexdigest()) == (size, digest)


@pytest.mark.parametrize(
    ("chart", "digest"),
    [
        (
            "name: signtest\nversion: 0.1.0\ndescription: A Helm chart for Kubernetes\napiVersion: v1\n",
            "8d17cb6bf6ccd8c29aace9a658495cbd5e2e87fc267876e86117c7db681c9580",
        ),
        (
            (
                "name: mychart\nversion: 0.1.0\ndescription: A Helm chart for Kubernetes\napiVersion: v1\n"
                'appVersion: "1.0"\n'
            ),
            "8ec7c0f2f6860037c19b54c3cfbab48d9b4b21b485a93d87b64690fdb68c2111",
        ),
    ],
)
def test_config_has_the_digest_of_helms_own_tests_and_documentation(chart: str, digest: str) -> None:
    assert hashlib.sha256(encode_config(decode_metadata(chart.encode()))).hexdigest() == digest


@pytest.mark.parametrize(
    ("written", "becomes"),
    [
        ("1.10", "1.1"),
        ("0777", "511"),
        ("1_000", "1000"),
        ("1e3", "1000"),
        ("1000000.0", "1e+06"),
        ("08", "8"),
        ("0x1f", "31"),
        ("0b11", "3"),
        ("yes", "true"),
        ("y", "true"),
        ("Off", "false"),
        ("2020-01-01", "2020-01-01"),
        ("190:20:30", "190:20:30"),
        ("null", ""),
        ("~", ""),
        ("'1.10'", "1.10"),
        (".5", "0.5"),
        ("=", "="),
    ],
)
def test_scalars_become_text_as_in_helm(written: str, becomes: str) -> None:
    assert decode_metadata(HEAD + f"appVersion: {written}\n".encode()).app_version == becomes


def test_names_match_in_any_case_and_the_last_duplicate_wins() -> None:
    metadata = decode_metadata(b"NAME: a\nVersion: 1.0.0\nName: b\ndescription: one\ndescription: two\n")
    assert (metadata.name, metadata.version, metadata.description) == ("b", "1.0.0", "two")


def test_only_the_first_document_counts_and_unknown_keys_are_ignored() -> None:
    metadata = decode_metadata(HEAD + b"x-mine: 1\n---\nname: other\n")
    assert metadata.name == "x"
    assert metadata.api_version == "v1"


def test_text_is_sanitised_and_the_version_is_not() -> None:
    metadata = decode_metadata(
        HEAD + b'description: "a\\nb\\tc\\u200bd\\u00a0e"\nannotations: {a: "x\\ny"}\n'
    )
    assert metadata.description == "a b cd e"
    assert metadata.annotations == {"a": "x\ny"}


def test_requirements_replace_the_dependencies() -> None:
    metadata = decode_metadata(
        HEAD + b"dependencies: [{name: a, version: 1.x}]\n",
        requirements=b"dependencies: [{name: b, version: 2.x}]\n",
    )
    assert [dependency.name for dependency in metadata.dependencies] == ["b"]


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (b"", "Chart.yaml: 'name': is required"),
        (b"- a\n", "Chart.yaml:1: expected a mapping, got a list"),
        (b"name: x\n", "Chart.yaml: 'version': is required"),
        (b"name: x\nversion: 1.2.x\n", "Chart.yaml:2: 'version': expected a semantic version, got '1.2.x'"),
        (b"name: x\nversion: 1.2.3-01\n", "Chart.yaml:2: 'version': expected a semantic version"),
        (b"name: x\nversion: ' 1.2.3'\n", "Chart.yaml:2: 'version': expected a semantic version"),
        (b"name: a/b\nversion: 1.0.0\n", "Chart.yaml:1: 'name': 'a/b' is not a chart name"),
        (b"name: ..\nversion: 1.0.0\n", "Chart.yaml:1: 'name': '..' is not a chart name"),
        (HEAD + b"type: App\n", "Chart.yaml:3: 'type': expected application or library, got 'App'"),
        (
            HEAD + b"keywords: a, b\n",
            "Chart.yaml:3: 'keywords': expected a list of strings, got text\nwrite it as keywords: [a, b]",
        ),
        (HEAD + b"Sources: [{a: b}]\n", "Chart.yaml:3: 'Sources.0': expected text, got a mapping"),
        (HEAD + b"annotations: x\n", "Chart.yaml:3: 'annotations': expected a mapping of strings, got text"),
        (HEAD + b"maintainers: [x]\n", "Chart.yaml:3: 'maintainers.0': expected a mapping, got text"),
        (HEAD + b"dependencies: x\n", "Chart.yaml:3: 'dependencies': expected a list of mappings, got text"),
        (
            HEAD + b"dependencies: [{name: a, import-values: x}]\n",
            "Chart.yaml:3: 'dependencies.0.import-values': expected a list, got text",
        ),
        (HEAD + b"dependencies:\n-\n", "Chart.yaml:4: 'dependencies.0': is empty"),
        (HEAD + b"home: {a: b}\n", "Chart.yaml:3: 'home': expected text, got a mapping"),
        (HEAD + b"keywords:\n- a\n- [b]\n", "Chart.yaml:5: 'keywords.1': expected text, got a list"),
        (HEAD + b"deprecated: 'true'\n", "Chart.yaml:3: 'deprecated': expected true or false, got text"),
        (HEAD + b"maintainers:\n-\n", "Chart.yaml:4: 'maintainers.0': is empty"),
        (HEAD + b"annotations: {a: [1]}\n", "Chart.yaml:3: 'annotations.a': expected text, got a list"),
        (
            HEAD + b"dependencies:\n- name: a\n- name: a\n",
            "Chart.yaml:5: 'dependencies.1': more than one dependency with the name or alias 'a'",
        ),
        (
            HEAD + b"dependencies:\n- name: a\n  alias: b.c\n",
            "Chart.yaml:5: 'dependencies.0.alias': 'b.c' cannot be an alias",
        ),
        (
            b"name: x\n\tversion: 1\n",
            "Chart.yaml:2: not YAML: a tab in the indentation",
        ),
        (b"name: [\n", "Chart.yaml:2: not YAML: did not find expected node content"),
        (b"name: *x\n", "Chart.yaml:1: unknown anchor: *x needs an &x before it"),
        (b"name: \xff\n", "Chart.yaml:1: not YAML: the file is not UTF-8"),
    ],
)
def test_what_helm_refuses_is_refused_with_file_key_and_line(document: bytes, message: str) -> None:
    with pytest.raises(ChartError) as caught:
        decode_metadata(document)
    assert str(caught.value).startswith(message)


def test_errors_in_requirements_name_their_own_file() -> None:
    with pytest.raises(ChartError) as caught:
        decode_metadata(
            HEAD, path="web/Chart.yaml", requirements=b"# c\ndependencies:\n- name: a\n- name: a\n"
        )
    assert str(caught.value) == (
        "web/requirements.yaml:4: 'dependencies.1': more than one dependency with the name or alias 'a'\n"
        "give one of them an alias"
    )


def test_requirements_are_laid_over_the_metadata_as_helm_does_it() -> None:
    metadata = decode_metadata(
        HEAD + b"dependencies: [{name: a, version: 1.x, repository: r}]\n",
        requirements=b"description: d\ndependencies: [{name: b}, {name: c}]\n",
    )
    assert metadata.description == "d"
    assert metadata.dependencies == (
        Dependency(name="b", version="1.x", repository="r"),
        Dependency(name="c"),
    )


def test_numbers_in_import_values_are_floats_as_in_go() -> None:
    metadata = decode_metadata(
        HEAD + b"dependencies: [{name: a, import-values: [1, 1e21, {b: 0.00001, a: 2}]}]\n"
    )
    config = b'"dependencies":[{"name":"a","repository":"","import-values":[1,1e+21,{"a":2,"b":0.00001}]}]'
    assert config in encode_config(metadata)


def test_a_chart_is_decoded_in_about_a_millisecond() -> None:
    data = (VECTORS / "helm/c1/Chart.yaml").read_bytes()
    began = time.thread_time()
    for _ in range(100):
        decode_metadata(data)
    assert time.thread_time() - began < 2  # 0.2 ms each of the processor, however busy the machine is


@pytest.mark.parametrize("version", ["v1.2", "1", "01.2.3", "1.2.3+b", "1.2.3-rc.1"])
def test_what_helm_accepts_is_accepted(version: str) -> None:
    assert decode_metadata(f"name: x\nversion: '{version}'\n".encode()).version == version


def test_aliases_that_multiply_are_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 8)]
    with pytest.raises(ChartError, match="excessive aliasing"):
        decode_metadata("\n".join(lines).encode())


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(ChartError):
        decode_metadata(b"a: " + b"[" * 5000)


def test_config_of_the_published_walk_through() -> None:
    config = (VECTORS / "walkthrough/config.json").read_bytes()
    document = json.loads(config)
    assert encode_config(decode_metadata(json.dumps(document).encode())) == config
