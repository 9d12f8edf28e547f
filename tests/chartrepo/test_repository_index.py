from __future__ import annotations

import pytest

from oci_chart_publish.chartrepo.repository_index import RepositoryIndex
from oci_chart_publish.errors import ChartError

USUAL = b"""apiVersion: v1
entries:
  web:
  - apiVersion: v2
    description: |
      a text that has
        web:
      in it
    digest: 1111
    name: web
    urls:
    - https://example.org/web-1.1.0.tgz
    - https://mirror.example.org/web-1.1.0.tgz
    version: 1.1.0
  - urls: [web-1.0.0.tgz]
    version: v1.0
  web-extra:
  - urls: [web-extra-3.0.0.tgz]
    version: 3.0.0
generated: "2024-01-01T00:00:00Z"
"""


def found(index: bytes, name: str) -> list[tuple[str, tuple[str, ...], str]]:
    entries = RepositoryIndex(index, "index.yaml").versions(name)
    return [(str(entry.version), entry.urls, entry.digest) for entry in entries]


def test_the_lines_of_a_chart_are_read_alone() -> None:
    broken_elsewhere = USUAL + b"more: [\n"
    for index in (USUAL, broken_elsewhere, USUAL.replace(b"\n", b"\r\n")):
        assert found(index, "web") == [
            (
                "1.1.0",
                ("https://example.org/web-1.1.0.tgz", "https://mirror.example.org/web-1.1.0.tgz"),
                "1111",
            ),
            ("v1.0", ("web-1.0.0.tgz",), ""),
        ]
        assert found(index, "web-extra") == [("3.0.0", ("web-extra-3.0.0.tgz",), "")]
        assert found(index, "we") == []
        assert found(index, "generated") == []


@pytest.mark.parametrize(
    "index",
    [
        b"entries: {web: [{version: 1.0.0, urls: [x]}]}\n",
        b'{"apiVersion":"v1","entries":{"web":[{"version":"1.0.0","urls":["x"]}]}}',
        b"{apiVersion: v1, entries: {web: [{version: 1.0.0, urls: [x]}]}}",
        b"entries:\n    'web':\n        - version: 1.0.0\n          urls: [x]\n",
        b'---\nentries:\n # a word\n\n "web" :\n - {version: 1.0.0, urls: [x]}\n api: []\n',
        b"common: &urls [x]\nentries:\n  web:\n  - version: 1.0.0\n    urls: *urls\n",
        b"entries:\n  web: []\n  api: []\n  web:\n  - {version: 1.0.0, urls: [x]}\n",
        b"entries:\n  web: []\nentries:\n  web:\n  - {version: 1.0.0, urls: [x]}\n",
        b"entries:\n  web: [{version: 1.0.0,\n    urls: [x]}]\n",
        b"entries:\n  web:\n  - {version: 1.0.0, urls: [x]}",
        b"\xef\xbb\xbfentries:\n  web:\n  - {version: 1.0.0, urls: [x]}\n...\n",
    ],
)
def test_every_way_to_write_an_index_is_read(index: bytes) -> None:
    assert found(index, "web") == [("1.0.0", ("x",), "")]
    assert found(index, "absent") == []


def test_entries_that_nobody_can_use_are_left_out() -> None:
    index = (
        b"entries:\n  web:\n  - {version: 1.0.0}\n  - {version: 1.0.1, urls: []}\n  - {version: z, urls: [x]}\n"
        b"  - {version: 1.2, urls: [x]}\n  - {urls: [x]}\n"
        b"  - null\n  - text\n  - {version: 1.3.0, urls: [1, '', there]}\n"
        b"  - {version: 1.4.0, urls: x}\n  text: text\n  nothing:\n"
    )
    assert found(index, "web") == [("1.3.0", ("there",), "")]
    assert found(index, "text") == []
    assert found(index, "nothing") == []


@pytest.mark.parametrize(
    ("index", "message"),
    [
        (b"<html><body>Sign in</body></html>", "not the index of a chart repository|not YAML|could not"),
        (b"", "not the index of a chart repository"),
        (b"[]", "not the index of a chart repository"),
        (b"apiVersion: v1\n", "it has no entries"),
        (b"entries: [1]\n", "expected a mapping, got a list"),
        (b'{"entries": ' + b"[" * 100_000, "nested deeper than 200 levels"),
        (b"entries:\n  web:\n" + b"  - " + b"[" * 1000 + b"\n", "nested deeper than 200 levels"),
    ],
    ids=["a page", "empty", "a list", "no entries", "entries are a list", "deep json", "deep yaml"],
)
def test_what_is_no_index_is_an_error(index: bytes, message: str) -> None:
    with pytest.raises(ChartError, match=message):
        found(index, "web")


def test_an_alias_bomb_is_refused() -> None:
    lines = [b"a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [b"a%d: &a%d [%s]" % (n, n, b", ".join([b"*a%d" % (n - 1)] * 10)) for n in range(1, 10)]
    index = b"\n".join(lines) + b"\nentries:\n  web:\n  - {version: 1.0.0, urls: *a9}\n"
    with pytest.raises(ChartError, match="excessive aliasing"):
        found(index, "web")


def test_an_unusual_index_of_great_size_is_refused() -> None:
    index = b"entries: {web: []}\n#" + b" " * (33 * 1024 * 1024)
    with pytest.raises(ChartError, match="more than 33554432 bytes in an unusual form"):
        found(index, "web")


def test_a_large_index_is_searched_without_reading_the_rest() -> None:
    version = b"  - description: %s\n    urls: [x]\n    version: 1.%d.0\n"
    chart = b"".join(version % (b"x" * 400, number) for number in range(100))
    index = b"entries:\n" + b"".join(b"  chart-%d:\n%s" % (number, chart) for number in range(450))
    assert len(index) > 20_000_000
    whole = RepositoryIndex(index, "index.yaml")
    assert len(whole.versions("chart-449")) == 100
    assert whole.versions("chart-450") == ()
