"""Recent sizes in the report, from real registries: what they are, and what they cost."""

from __future__ import annotations

import json
import urllib.request
from collections import Counter
from pathlib import Path

import pytest
from tests.fakes.registry import FakeRegistry
from tests.fakes.wire import Reply, refusal
from tests.flow.command import Command, Done, repository
from tests.real.registries import Registry

VERSIONS = ("1.0.0", "1.1.0", "1.2.0", "1.3.0", "1.4.0")


class History:
    """One chart that grows from release to release."""

    def __init__(self, folder: Path, home: Path, place: str) -> None:
        home.mkdir()
        self.place = place
        self.home = home
        self.command = Command(folder=repository(folder, 1), home=home)
        self.chart = folder / "charts" / "chart-0"

    def at(self, version: str, size: int) -> None:
        """Give the chart a version and about ``size`` bytes that do not compress."""
        self.chart.joinpath("Chart.yaml").write_text(f"apiVersion: v2\nname: chart-0\nversion: {version}\n")
        self.chart.joinpath("noise").write_bytes(noise(size))

    def publish(self, version: str, size: int) -> int:
        """Publish a version and return the bytes of its layer."""
        self.at(version, size)
        done = self.command.publish(self.place)
        assert done.code == 0, done.err
        layer: int = done.report["charts"][0]["size"]
        return layer

    def tagged(self, *versions: str) -> None:
        """Publish the last of these versions, and give what it holds the tags of all."""
        self.publish(versions[-1], 1000)
        data = urllib.request.urlopen(self.manifest(versions[-1])).read()
        for version in versions[:-1]:
            urllib.request.urlopen(self.manifest(version, data)).close()

    def manifest(self, tag: str, body: bytes | None = None) -> urllib.request.Request:
        """Return the request that reads, or with a body writes, the manifest of a tag."""
        host, _, path = self.place.partition("/")
        kind = "application/vnd.oci.image.manifest.v1+json"
        headers = {"Accept": kind, "Content-Type": kind}
        url = f"http://{host}/v2/{path}/chart-0/manifests/{tag}"
        return urllib.request.Request(url, body, headers, method="PUT" if body else "GET")

    def plan(self, *options: str) -> Done:
        return self.command.run("plan", "--json", "--registry", self.place, *options)

    def elsewhere(self) -> Command:
        """The same tree with an empty cache."""
        fresh = self.home.with_name("fresh")
        fresh.mkdir(exist_ok=True)
        return Command(folder=self.command.folder, home=fresh)


def noise(size: int) -> bytes:
    """Return bytes that look random and are the same every time."""
    state, found = 1, bytearray()
    while len(found) < size:
        state = state * 6364136223846793005 + 1442695040888963407 & (1 << 64) - 1
        found += (state >> 33).to_bytes(4, "big")
    return bytes(found[:size])


def sizes(done: Done) -> list[tuple[str, int]]:
    (chart,) = done.report["charts"]
    return [(one["version"], one["size"]) for one in chart["recent_sizes"]]


def asked(registry: Registry) -> Counter[tuple[str, str]]:
    """Return the requests by method and what is asked for: tags, blobs, or the manifest of a tag."""
    return Counter(
        (method, path.rsplit("/", 1)[-1] if "/manifests/" in path else path.split("/")[-2])
        for method, path, _ in registry.requests()
    )


@pytest.fixture
def history(tmp_path: Path, plain_registry: Registry, request: pytest.FixtureRequest) -> History:
    name = str(request.node.name).replace("_", "-")[:60].strip("-")
    return History(tmp_path / "repo", tmp_path / "home", f"{plain_registry.host}/{name}")


def test_plan_of_the_sixth_release_shows_six_sizes(
    history: History, plain_registry: Registry, tmp_path: Path
) -> None:
    expected = [
        (version, history.publish(version, 1000 * number)) for number, version in enumerate(VERSIONS, start=1)
    ]
    history.publish("1.4.1-rc.1", 9000)
    history.at("1.5.0", 6000)
    plain_registry.clear()
    saved, shown = tmp_path / "report.json", tmp_path / "shown.md"
    done = history.plan("--report", str(saved))
    assert done.code == 0, done.err
    assert sizes(done) == [*expected, ("1.5.0", done.report["charts"][0]["size"])]
    assert [size for _, size in sizes(done)] == sorted(size for _, size in sizes(done))
    # The version before is read to be compared; of the others the manifest alone, once.
    found = asked(plain_registry)
    assert {tag: found["GET", tag] for tag in VERSIONS} == dict.fromkeys(VERSIONS, 1)
    assert found["GET", "blobs"] == 1
    assert found.total() == 1 + 1 + 5 + 1
    assert history.command.run("report", str(saved), "--markdown", str(shown)).code == 0
    text = shown.read_text()
    assert 'x-axis ["1.0.0", "1.1.0", "1.2.0", "1.3.0", "1.4.0", "1.5.0"]' in text
    assert "Sizes of 6 versions" in text


def test_what_was_read_before_is_only_looked_up_and_a_moved_tag_is_read_again(
    history: History, plain_registry: Registry
) -> None:
    for number, version in enumerate(VERSIONS, start=1):
        history.publish(version, 1000 * number)
    history.at("1.5.0", 6000)
    first = history.plan()
    plain_registry.clear()
    assert sizes(history.plan()) == sizes(first)
    found = asked(plain_registry)
    assert {tag: (found["HEAD", tag], found["GET", tag]) for tag in VERSIONS} == {
        **dict.fromkeys(VERSIONS[:-1], (1, 0)),
        VERSIONS[-1]: (0, 1),
    }
    history.at("1.1.0", 7777)
    moved = history.elsewhere().publish(history.place, options=["--overwrite"])
    assert moved.code == 0, moved.err
    history.at("1.5.0", 6000)
    again = sizes(history.plan())
    assert again[1] == ("1.1.0", moved.report["charts"][0]["size"])
    assert [again[0], *again[2:]] == [sizes(first)[0], *sizes(first)[2:]]


def test_unchanged_chart_still_costs_one_request(history: History, plain_registry: Registry) -> None:
    history.tagged(*VERSIONS)
    plain_registry.clear()
    done = history.plan()
    assert done.statuses() == {"chart-0": "unchanged"}
    assert sizes(done) == []
    assert asked(plain_registry) == {("GET", "1.4.0"): 1}


def test_publish_without_a_report_asks_for_no_history(history: History, plain_registry: Registry) -> None:
    history.tagged(*VERSIONS)
    plain_registry.clear()
    history.publish("1.5.0", 6000)
    read = {path.rpartition("/")[2] for method, path, _ in plain_registry.requests() if method == "GET"}
    assert read == {"1.5.0"}


def test_only_the_last_twelve_releases_are_shown(history: History, plain_registry: Registry) -> None:
    history.tagged(*(f"1.{number}.0" for number in range(14)))
    history.at("1.14.0", 1000)
    plain_registry.clear()
    assert [version for version, _ in sizes(history.plan())] == [f"1.{n}.0" for n in range(3, 15)]
    assert asked(plain_registry)["GET", "1.2.0"] == 0


def test_first_registry_that_has_releases_is_asked(history: History, olareg: Registry) -> None:
    history.tagged(*VERSIONS)
    history.at("1.5.0", 6000)
    empty = f"{olareg.host}/{history.place.rpartition('/')[2]}"
    done = history.command.run("plan", "--json", "--registry", empty, "--registry", history.place)
    assert done.code == 0, done.err
    assert [version for version, _ in sizes(done)] == [*VERSIONS, "1.5.0"]
    assert done.report["charts"][0]["previous_version"] == "1.4.0"


def test_tag_that_holds_no_chart_is_left_out(history: History) -> None:
    history.tagged(*VERSIONS)
    image = json.loads(urllib.request.urlopen(history.manifest("1.1.0")).read())
    image["layers"][0]["mediaType"] = "application/vnd.oci.image.layer.v1.tar+gzip"
    urllib.request.urlopen(history.manifest("1.2.1", json.dumps(image).encode())).close()
    history.at("1.5.0", 6000)
    assert [version for version, _ in sizes(history.plan())] == [*VERSIONS, "1.5.0"]


@pytest.mark.parametrize(
    "reply",
    [
        refusal(403, "DENIED", "no"),
        refusal(404, "TOOLATE", "gone"),
        Reply(body=b"<html>", headers=(("Content-Type", "text/html"),)),
        Reply(body=b'{"layers": 7}', headers=(("Content-Type", "application/json"),)),
    ],
    ids=["403", "404", "page", "rubbish"],
)
def test_release_that_cannot_be_read_costs_the_sizes_and_nothing_else(reply: Reply, tmp_path: Path) -> None:
    fake = FakeRegistry()
    try:
        history = History(tmp_path / "repo", tmp_path / "home", f"{fake.host}/acme")
        history.tagged(*VERSIONS)
        history.at("1.5.0", 6000)
        fake.next(r"^GET .*/manifests/1\.1\.0$", reply)
        done = history.plan()
        whole = history.plan()
    finally:
        fake.close()
    assert done.code == 0, done.err
    assert done.statuses() == {"chart-0": "would-publish"}
    assert done.report["charts"][0]["previous_version"] == "1.4.0"
    expected = [version for version in VERSIONS if version != "1.1.0"] if reply.status == 404 else []
    assert [version for version, _ in sizes(done)] == [*expected, *(["1.5.0"] if expected else [])]
    assert [version for version, _ in sizes(whole)] == [*VERSIONS, "1.5.0"]


def test_the_twenty_charts_that_change_most_are_looked_up(tmp_path: Path, plain_registry: Registry) -> None:
    (tmp_path / "home").mkdir()
    command = Command(folder=repository(tmp_path / "repo", 23, size=200), home=tmp_path / "home")
    place = f"{plain_registry.host}/twenty"
    for step in (0, 1, 2):
        for number in range(23):
            chart = command.folder / "charts" / f"chart-{number}"
            chart.joinpath("Chart.yaml").write_text(
                f"apiVersion: v2\nname: chart-{number}\nversion: 1.{step}.0\n"
            )
            chart.joinpath("noise").write_bytes(noise(1000 + (200 + 10 * number) * step))
        if step < 2:
            assert command.publish(place).code == 0
    done = command.run("plan", "--json", "--registry", place)
    assert done.code == 0, done.err
    shown = {chart["name"]: len(chart["recent_sizes"]) for chart in done.report["charts"]}
    assert shown == {f"chart-{number}": 3 if number >= 3 else 0 for number in range(23)}
