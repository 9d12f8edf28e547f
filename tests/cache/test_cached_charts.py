"""The words of ``helm chart``: block, table and ages, against what Helm 3.6.3 printed."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from oci_chart_publish.cache.cached_charts import Row, age, block, table
from oci_chart_publish.oci.digest import Digest

TRANSCRIPT = Path(__file__).parents[1] / "vectors" / "helm-3.6.3" / "transcript.txt"
NOW = 1_000_000.0
ROW = Row(
    reference="localhost:5000/myrepo/mychart:2.7.0",
    digest=Digest("sha256", "a24f1c1a4e1e0519fcf602ae0d49150caead7dcfb04684bf6b6a3c08757974ea"),
    name="c2",
    version="0.1.0",
    size=547,
    created=NOW,
)


def test_the_block_is_the_transcripts() -> None:
    said = "".join(f"1> {line}\n" for line in block(ROW))
    assert said in TRANSCRIPT.read_text()
    assert said == (
        "1> ref:     localhost:5000/myrepo/mychart:2.7.0\n"
        "1> digest:  a24f1c1a4e1e0519fcf602ae0d49150caead7dcfb04684bf6b6a3c08757974ea\n"
        "1> size:    547 B\n"
        "1> name:    c2\n"
        "1> version: 0.1.0\n"
    )


def test_the_empty_table_is_the_transcripts() -> None:
    assert list(table([], now=NOW)) == ["REF\tNAME\tVERSION\tDIGEST\tSIZE\tCREATED"]
    assert f"1> {next(table([], now=NOW))}\n" in TRANSCRIPT.read_text()


def test_the_table_is_the_transcripts_blank_for_blank() -> None:
    rows = [
        ROW,
        replace(ROW, reference="localhost:5000/myrepo/mychart:latest"),
        replace(ROW, reference="localhost:5000/myrepo/mychart:0.1.0", size=548),
    ]
    said = "".join(f"1> {line}\n" for line in table(rows, now=NOW + 0.5))
    assert said in TRANSCRIPT.read_text()
    assert said == (
        "1> REF                                 \tNAME\tVERSION\tDIGEST \tSIZE \tCREATED           \n"
        "1> localhost:5000/myrepo/mychart:0.1.0 \tc2  \t0.1.0  \ta24f1c1\t548 B\tLess than a second\n"
        "1> localhost:5000/myrepo/mychart:2.7.0 \tc2  \t0.1.0  \ta24f1c1\t547 B\tLess than a second\n"
        "1> localhost:5000/myrepo/mychart:latest\tc2  \t0.1.0  \ta24f1c1\t547 B\tLess than a second\n"
    )


def test_a_cell_beyond_60_characters_is_cut() -> None:
    row = replace(ROW, reference="ghcr.io/" + "a" * 53)
    assert [line.partition("\t")[0] for line in table([row], now=NOW)] == [
        "REF" + " " * 57,
        "ghcr.io/" + "a" * 49 + "...",
    ]
    exact = replace(ROW, reference="ghcr.io/" + "a" * 52)
    assert list(table([exact], now=NOW))[1].partition("\t")[0] == "ghcr.io/" + "a" * 52


def test_what_cannot_be_read_is_a_dash() -> None:
    row = Row(reference="a:1", digest=ROW.digest)
    assert list(table([row], now=NOW))[1] == "a:1\t-   \t-      \ta24f1c1\t-   \t-      "


def test_untrusted_text_cannot_move_the_cursor() -> None:
    row = replace(ROW, name="\x1b[2Jweb\u202e", version="1\t2")
    assert list(block(row))[3:] == ["name:    [2Jweb", "version: 1 2"]
    assert "\x1b" not in "".join(table([row], now=NOW))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "Less than a second"),
        (0.99, "Less than a second"),
        (1, "1 second"),
        (1.99, "1 second"),
        (2, "2 seconds"),
        (59.9, "59 seconds"),
        (60, "About a minute"),
        (119, "About a minute"),
        (120, "2 minutes"),
        (59 * 60 + 59, "59 minutes"),
        (3600, "About an hour"),
        (5399, "About an hour"),
        (5400, "2 hours"),
        (47 * 3600, "47 hours"),
        (47.4 * 3600, "47 hours"),
        (47.5 * 3600, "2 days"),
        (13 * 86400, "13 days"),
        (14 * 86400, "2 weeks"),
        (59 * 86400, "8 weeks"),
        (60 * 86400, "2 months"),
        (729 * 86400, "24 months"),
        (730 * 86400, "2 years"),
        (1500 * 86400, "4 years"),
    ],
)
def test_ages_are_dockers(seconds: float, text: str) -> None:
    assert age(seconds) == text
