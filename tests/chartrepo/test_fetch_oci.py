from __future__ import annotations

import json

import pytest
from tests.chartrepo.conftest import MakeFetcher
from tests.fakes.chartrepo import ChartRepo, archive
from tests.real.registries import Registry

from oci_chart_publish.chart.constraint import Constraint
from oci_chart_publish.errors import ChartError
from oci_chart_publish.oci.descriptor import Descriptor
from oci_chart_publish.oci.manifest import Manifest
from oci_chart_publish.oci.reference import Repository
from oci_chart_publish.registry.connect import Registries

HELM_CONFIG = "application/vnd.cncf.helm.config.v1+json"
HELM_LAYER = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def push(registry: Registry, path: str, tag: str, data: bytes, layer: str = HELM_LAYER) -> None:
    registries = Registries()
    store = registries.repository(Repository(registry.host, path))
    blobs = [(Descriptor.of(HELM_CONFIG, b"{}"), b"{}"), (Descriptor.of(layer, data), data)]
    for descriptor, content in blobs:
        store.put_blob(descriptor, content)
    document = {
        "schemaVersion": 2,
        "config": blobs[0][0].document(),
        "layers": [blobs[1][0].document()],
    }
    store.put_manifest(Manifest.parse(json.dumps(document).encode(), OCI_MANIFEST), tag)
    registries.close()


def test_tags_are_versions_and_satisfy_ranges(olareg: Registry, fetcher: MakeFetcher) -> None:
    for version in ("1.0.0", "1.2.0", "1.10.0", "2.0.0", "1.3.0-rc.1", "1.4.0+build.5"):
        push(olareg, "ranges/web", version.replace("+", "_"), archive("web", version))
    for tag in ("latest", "v1.99.0", "1.50"):
        push(olareg, "ranges/web", tag, archive("web", "1.0.0"))
    found = fetcher().versions(f"oci://{olareg.host}/ranges", "web")
    assert list(map(str, found)) == ["1.0.0", "1.2.0", "1.3.0-rc.1", "1.4.0+build.5", "1.10.0", "2.0.0"]
    range_ = Constraint.parse("^1.0.0")
    assert str(max(version for version in found if range_.allows(version))) == "1.10.0"


def test_an_archive_comes_from_the_registry_once(olareg: Registry, fetcher: MakeFetcher) -> None:
    packed = archive("web", "1.4.0+build.5")
    push(olareg, "once/web", "1.4.0_build.5", packed)
    url = f"oci://{olareg.host}/once/"
    one = fetcher()
    assert [one.archive(url, "web", "1.4.0+build.5") for _ in range(3)] == [packed] * 3
    assert [str(version) for version in one.versions(url, "web")] == ["1.4.0+build.5"]
    olareg.clear()
    assert fetcher().archive(url, "web", "1.4.0+build.5") == packed
    offline = fetcher(offline=True)
    assert offline.archive(url, "web", "1.4.0+build.5") == packed
    assert [str(version) for version in offline.versions(url, "web")] == ["1.4.0+build.5"]
    with pytest.raises(ChartError, match=r"web at .*/once 9\.0\.0: not cached"):
        offline.archive(url, "web", "9.0.0")
    assert olareg.requests() == []


def test_layers_of_old_helm_are_charts_too(olareg: Registry, fetcher: MakeFetcher) -> None:
    packed = archive("web", "1.0.0")
    push(olareg, "old/web", "1.0.0", packed, layer="application/tar+gzip")
    assert fetcher().archive(f"oci://{olareg.host}/old", "web", "1.0.0") == packed


def test_what_is_no_chart_is_refused(olareg: Registry, fetcher: MakeFetcher) -> None:
    push(olareg, "bad/web", "1.0.0", archive("other", "1.0.0"))
    push(olareg, "bad/web", "2.0.0", b"a layer", layer="application/vnd.oci.image.layer.v1.tar")
    one = fetcher()
    url = f"oci://{olareg.host}/bad"
    with pytest.raises(ChartError, match=r"the archive holds other 1\.0\.0"):
        one.archive(url, "web", "1.0.0")
    with pytest.raises(ChartError, match=r"/bad/web:2\.0\.0 is no chart: it has 0 layers of one"):
        one.archive(url, "web", "2.0.0")
    with pytest.raises(ChartError, match=r"/bad/web:3\.0\.0 does not exist"):
        one.archive(url, "web", "3.0.0")
    with pytest.raises(ChartError, match="not a semantic version"):
        one.archive(url, "web", "../1")
    with pytest.raises(ChartError, match=r"web at .*/bad/none: the repository has no such chart"):
        one.versions(f"{url}/none", "web")


def test_an_index_may_refer_to_a_registry(olareg: Registry, fetcher: MakeFetcher) -> None:
    packed = archive("web", "1.0.0")
    push(olareg, "referred/web", "1.0.0", packed)
    repo = ChartRepo()
    try:
        repo.add("web", "1.0.0", url=f"oci://{olareg.host}/referred/web:1.0.0", data=packed)
        repo.add("api", "1.0.0", url="oci://nowhere")
        assert fetcher().archive(repo.url, "web", "1.0.0") == packed
        with pytest.raises(ChartError, match=r"api at .*: the index refers to"):
            fetcher().archive(repo.url, "api", "1.0.0")
    finally:
        repo.close()


def test_repository_that_ends_in_the_name_of_the_chart_gets_the_advice_to_leave_it_off(
    olareg: Registry, fetcher: MakeFetcher
) -> None:
    push(olareg, "advice/exporter", "1.0.0", archive("exporter", "1.0.0"))
    url = f"oci://{olareg.host}/advice/exporter"
    with pytest.raises(ChartError) as caught:
        fetcher().versions(url, "exporter")
    expected = f"leave the name off: it is added to the repository, and {url}/exporter was asked; write "
    assert caught.value.hint == f"{expected}oci://{olareg.host}/advice"
    with pytest.raises(ChartError, match="leave the name off"):
        fetcher().archive(url, "exporter", "1.0.0")
    assert str(fetcher().versions(f"oci://{olareg.host}/advice", "exporter")[0]) == "1.0.0"
