from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.push.packed import LAYER, PROVENANCE, WEB, archive, built, stored

from oci_chart_publish.errors import VerificationError
from oci_chart_publish.layout.layout import ImageLayout
from oci_chart_publish.model import Need
from oci_chart_publish.oci.manifest import Manifest
from oci_chart_publish.push.same import differing, same

VECTORS = Path(__file__).parents[1] / "vectors" / "helm"
BOM = b"\xef\xbb\xbf"
REWRITTEN = b"apiVersion: v2\nname: web\nversion: 1.0.0\n"

Files = Mapping[str, bytes]


@pytest.mark.parametrize(
    ("folder", "packed"),
    [("g1", "g1-0.1.0.tgz"), ("c1", "mychart-1.2.3+build.1.tgz"), ("c2", "c2-0.1.0.tgz")],
)
def test_chart_that_helm_packed_is_the_same(
    here: ImageLayout, there: ImageLayout, folder: str, packed: str
) -> None:
    ours = built(VECTORS / folder, here)
    theirs = stored((VECTORS / packed).read_bytes(), there)
    assert ours.digest != theirs.descriptor.digest
    assert same(ours.manifest, here, theirs, there)


SUB = {"Chart.yaml": b"apiVersion: v2\nname: sub\nversion: 1.2.0\n", "values.yaml": b"a: 1\n"}
UNPACKED = {f"charts/sub/{path}": data for path, data in SUB.items()}
PACKED = {"charts/sub-1.2.0.tgz": archive(SUB, name="sub")}
LOCK = b"dependencies:\n- name: sub\n  repository: https://x\n  version: 1.2.0\ndigest: sha256:abc\ngenerated: '%s'\n"
LOCKED = {"Chart.lock": LOCK % b"2021-01-01T00:00:00Z"}
LATER = {"Chart.lock": LOCK % b"2022-02-02T00:00:00Z"}
OTHER = {"Chart.lock": LATER["Chart.lock"].replace(b"1.2.0", b"1.3.0")}
REQUIREMENTS = b"dependencies:\n- name: sub\n  version: 1.2.0\n  repository: https://x\n"
V1 = {**WEB, "Chart.yaml": b"apiVersion: v1\nname: web\nversion: 1.0.0\n"}

SAME: dict[str, tuple[Files, Files]] = {
    "metadata written anew": (WEB, {**WEB, "Chart.yaml": REWRITTEN}),
    "a key that Helm does not know": (
        {**WEB, "Chart.yaml": REWRITTEN + b"x-note: hello\n"},
        {**WEB, "Chart.yaml": REWRITTEN},
    ),
    "a byte order mark that Helm strips": ({**WEB, "values.yaml": BOM + WEB["values.yaml"]}, WEB),
    "another order of files": (WEB, dict(reversed(list(WEB.items())))),
    "a subchart packed there": ({**WEB, **UNPACKED}, {**WEB, **PACKED}),
    "a subchart packed here": ({**WEB, **PACKED}, {**WEB, **UNPACKED}),
    "metadata of a subchart written anew": (
        {**WEB, **UNPACKED, "charts/sub/Chart.yaml": b"# note\n" + SUB["Chart.yaml"]},
        {**WEB, **UNPACKED},
    ),
    "a lock of another time": ({**WEB, **LOCKED}, {**WEB, **LATER}),
    "a lock that we lack": (WEB, {**WEB, **LOCKED}),
    "requirements folded into Chart.yaml": (
        {**WEB, "requirements.yaml": REQUIREMENTS, **UNPACKED},
        {**WEB, "Chart.yaml": REWRITTEN + REQUIREMENTS, **UNPACKED},
    ),
    "a v1 chart, whose Chart.lock Helm never packs": ({**V1, **LOCKED}, V1),
}


@pytest.mark.parametrize("case", SAME)
def test_charts_that_helm_loads_alike_are_the_same(here: ImageLayout, there: ImageLayout, case: str) -> None:
    ours, theirs = SAME[case]
    assert same(built(ours, here).manifest, here, stored(archive(theirs), there), there)


DIFFERENT: dict[str, tuple[Files, Files]] = {
    "a byte of a template": (WEB, {**WEB, "templates/cm.yaml": b"kind: ConfigMap \n"}),
    "a file more": (WEB, {**WEB, "README.md": b""}),
    "a file less": ({**WEB, "README.md": b""}, WEB),
    "an appVersion": (WEB, {**WEB, "Chart.yaml": REWRITTEN + b"appVersion: '2'\n"}),
    "line ends": (WEB, {**WEB, "values.yaml": b"replicas: 1\r\n"}),
    "a file of a subchart": ({**WEB, **UNPACKED}, {**WEB, **UNPACKED, "charts/sub/values.yaml": b"a: 2\n"}),
    "a subchart more": (WEB, {**WEB, **UNPACKED}),
    "a lock that locks another version": ({**WEB, **LOCKED}, {**WEB, **OTHER}),
    "a lock that they lack": ({**WEB, **LOCKED}, WEB),
}


@pytest.mark.parametrize("case", DIFFERENT)
def test_charts_that_helm_loads_otherwise_are_different(
    here: ImageLayout, there: ImageLayout, case: str
) -> None:
    ours, theirs = DIFFERENT[case]
    assert not same(built(ours, here).manifest, here, stored(archive(theirs), there), there)


DIFFERING: dict[str, tuple[str, ...] | None] = {
    "a byte of a template": ("templates/cm.yaml",),
    "a file more": ("README.md",),
    "a file less": ("README.md",),
    "an appVersion": ("Chart.yaml",),
    "line ends": ("values.yaml",),
    "a file of a subchart": ("charts/sub/values.yaml",),
    "a subchart more": None,
    "a lock that locks another version": ("Chart.lock",),
    "a lock that they lack": ("Chart.lock",),
}


@pytest.mark.parametrize("case", DIFFERENT)
def test_what_differs_is_named_by_its_files(here: ImageLayout, there: ImageLayout, case: str) -> None:
    ours, theirs = DIFFERENT[case]
    found = differing(built(ours, here).manifest, here, stored(archive(theirs), there), there)
    assert found == DIFFERING[case]


def test_a_config_that_is_not_of_these_files_is_no_difference_of_files(
    here: ImageLayout, there: ImageLayout
) -> None:
    config = b'{"name":"web","version":"1.0.0","apiVersion":"v2","description":"another"}'
    theirs = stored(archive({**WEB, "README.md": b""}), there, config=config)
    assert differing(built(WEB, here).manifest, here, theirs, there) is None


@pytest.mark.parametrize(("last", "expected"), [(b"replicas: 1\n", True), (b"replicas: 9\n", False)])
def test_of_duplicate_members_the_last_counts(
    here: ImageLayout, there: ImageLayout, last: bytes, *, expected: bool
) -> None:
    members = [("values.yaml", b"replicas: 7\n"), *WEB.items(), ("values.yaml", last)]
    theirs = stored(archive(members), there)
    assert same(built(WEB, here).manifest, here, theirs, there) is expected


def test_provenance_layer_does_not_count(here: ImageLayout, there: ImageLayout) -> None:
    theirs = stored(archive(WEB), there, extra=[(PROVENANCE, b"-----BEGIN PGP SIGNED MESSAGE-----\n")])
    assert same(built(WEB, here).manifest, here, theirs, there)


def test_layer_type_of_the_historic_cache_is_read(here: ImageLayout, there: ImageLayout) -> None:
    theirs = stored(archive(WEB), there, layer_type="application/tar+gzip")
    assert same(built(WEB, here).manifest, here, theirs, there)


def test_same_config_and_layer_are_enough_and_nothing_is_read(here: ImageLayout, there: ImageLayout) -> None:
    ours = built(WEB, here)
    document = {**json.loads(ours.manifest.data), "annotations": {"a": "b"}}
    theirs = Manifest.parse(json.dumps(document).encode(), ours.manifest.descriptor.media_type)
    # Neither blob is stored there, so that reading one would be an error.
    assert same(ours.manifest, here, theirs, there)


def test_config_in_another_order_is_the_same(here: ImageLayout, there: ImageLayout) -> None:
    config = b'{"apiVersion":"v2", "version":"1.0.0", "name":"web"}'
    assert same(built(WEB, here).manifest, here, stored(archive(WEB), there, config=config), there)


def test_config_that_says_something_else_is_different(here: ImageLayout, there: ImageLayout) -> None:
    config = b'{"apiVersion":"v2","version":"1.0.1","name":"web"}'
    assert not same(built(WEB, here).manifest, here, stored(archive(WEB), there, config=config), there)


def test_config_that_is_not_json_is_said_to_be_so(here: ImageLayout, there: ImageLayout) -> None:
    theirs = stored(archive(WEB), there, config=b"{")
    with pytest.raises(VerificationError, match="a config that is not JSON"):
        same(built(WEB, here).manifest, here, theirs, there)


@pytest.mark.parametrize("layer", [b"no archive", archive({"values.yaml": b""}), archive(WEB)[:-9]])
def test_layer_that_helm_would_not_load_is_different(
    here: ImageLayout, there: ImageLayout, layer: bytes
) -> None:
    ours = built(WEB, here)
    assert ours.manifest.config is not None
    theirs = stored(layer, there, config=here.blob(ours.manifest.config))
    assert not same(ours.manifest, here, theirs, there)


def test_image_is_different(here: ImageLayout, there: ImageLayout) -> None:
    theirs = stored(archive(WEB), there, layer_type="application/vnd.oci.image.layer.v1.tar+gzip")
    assert not same(built(WEB, here).manifest, here, theirs, there)


def test_several_chart_layers_are_never_the_same(here: ImageLayout, there: ImageLayout) -> None:
    older = archive({**WEB, "values.yaml": b"replicas: 0\n"})
    assert not same(
        built(WEB, here).manifest, here, stored(older, there, extra=[(LAYER, archive(WEB))]), there
    )
    assert not same(
        built(WEB, here).manifest, here, stored(archive(WEB), there, extra=[(LAYER, older)]), there
    )


@pytest.mark.parametrize(
    ("version", "locked", "expected"),
    [("1.2.0", True, True), ("1.2.1", True, False), ("^1.0.0", False, True), (">2", False, False)],
)
def test_dependency_that_our_tree_lacks_has_to_be_what_the_chart_asks_for(
    here: ImageLayout, there: ImageLayout, version: str, *, locked: bool, expected: bool
) -> None:
    missing = Need(name="sub", version=version, locked=locked)
    theirs = stored(archive({**WEB, **UNPACKED}), there)
    assert same(built(WEB, here).manifest, here, theirs, there, unresolved=[missing]) is expected


def test_dependency_that_both_lack_is_different(here: ImageLayout, there: ImageLayout) -> None:
    missing = Need(name="sub", version="1.2.0", locked=True)
    theirs = stored(archive(WEB), there)
    assert not same(built(WEB, here).manifest, here, theirs, there, unresolved=[missing])


TWINS = {
    "charts/sub/Chart.yaml": b"apiVersion: v2\nname: sub\nversion: 1.2.0\n",
    "charts/sub-2.0.0/Chart.yaml": b"apiVersion: v2\nname: sub\nversion: 2.0.0\n",
}


@pytest.mark.parametrize(
    ("versions", "published", "expected"),
    [
        (["1.2.0", "1.2.0"], ["charts/sub/Chart.yaml"], True),
        (["^1.0.0", "^2.0.0"], list(TWINS), True),
        (["^1.0.0", "^2.0.0"], ["charts/sub/Chart.yaml"], False),
        (["^1.0.0", "1.2.0"], list(TWINS), False),
    ],
)
def test_dependency_that_is_there_twice_under_aliases_is_compared_by_what_resolves_it(
    here: ImageLayout, there: ImageLayout, versions: list[str], published: list[str], *, expected: bool
) -> None:
    missing = [Need(name="sub", version=version, locked=False) for version in versions]
    theirs = stored(archive({**WEB, **{path: TWINS[path] for path in published}}), there)
    assert same(built(WEB, here).manifest, here, theirs, there, unresolved=missing) is expected


def test_each_of_several_versions_of_a_subchart_is_compared(here: ImageLayout, there: ImageLayout) -> None:
    ours = built({**WEB, **TWINS}, here).manifest
    assert same(ours, here, stored(archive({**WEB, **TWINS}), there), there)
    fewer = {path: data for path, data in TWINS.items() if "2.0.0" in path}
    assert not same(ours, here, stored(archive({**WEB, **fewer}), there), there)


def test_locked_version_may_be_spelled_in_another_way(here: ImageLayout, there: ImageLayout) -> None:
    missing = Need(name="sub", version="v1.2.0", locked=True)
    theirs = stored(archive({**WEB, **UNPACKED}), there)
    assert same(built(WEB, here).manifest, here, theirs, there, unresolved=[missing])
