"""The verbs of the cache, between layouts: what they print, what they move, and what they refuse."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.layout.artifacts import artifact, blob_file, put

from oci_chart_publish.build.build import manifest_of
from oci_chart_publish.cache import verbs
from oci_chart_publish.cache.cached_charts import Name, find_name
from oci_chart_publish.chart.chart import from_files
from oci_chart_publish.chart.members import ChartFile
from oci_chart_publish.errors import ChartError, ConfigError, ConflictError, NotFoundError, VerificationError
from oci_chart_publish.layout.layout import ImageLayout
from oci_chart_publish.oci.descriptor import Descriptor
from oci_chart_publish.oci.digest import Digest
from oci_chart_publish.oci.manifest import Manifest
from oci_chart_publish.oci.reference import Repository

VECTORS = Path(__file__).parents[1] / "vectors"
REF = "localhost:5000/myrepo/mychart:2.7.0"
A24 = "a24f1c1a4e1e0519fcf602ae0d49150caead7dcfb04684bf6b6a3c08757974ea"
BLOCK = [
    f"ref:     {REF}",
    f"digest:  {A24}",
    "size:    547 B",
    "name:    c2",
    "version: 0.1.0",
]


@pytest.fixture
def old(tmp_path: Path) -> ImageLayout:
    """The cache that Helm 3.6.3 left."""
    shutil.copytree(VECTORS / "helm-3.6.3" / "cache", tmp_path / "old")
    for path in (tmp_path / "old" / "blobs" / "sha256").iterdir():
        os.utime(path, (1_000_000, 1_000_000))
    return ImageLayout.open(tmp_path / "old")


@pytest.fixture
def empty(tmp_path: Path) -> ImageLayout:
    return ImageLayout.create(tmp_path / "empty")


class Remote:
    """A registry whose repositories are layouts; names there are tags."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.opened: list[str] = []

    def __call__(self, repository: Repository) -> ImageLayout:
        self.opened.append(str(repository))
        return ImageLayout.create(self.root / str(repository).replace("/", "_"))


@pytest.fixture
def remote(tmp_path: Path) -> Remote:
    return Remote(tmp_path / "remote")


def test_a_cache_of_helm_3_6_3_is_listed_with_its_true_digests(old: ImageLayout) -> None:
    os.utime(blob_file(old.root, Digest.parse(f"sha256:{_layer_of_0_1_0()}")), (999_000, 999_000))
    assert verbs.listing(old, now=1_000_002) == verbs.Listing(
        (
            "REF                                      \tNAME\tVERSION\tDIGEST \tSIZE \tCREATED   ",
            "localhost:5000/UPPER/x:1.0.0             \tc2  \t0.1.0  \t1ed0eb4\t547 B\t2 seconds ",
            "localhost:5000/myrepo/mychart:0.1.0      \tc2  \t0.1.0  \t0393373\t548 B\t16 minutes",
            "localhost:5000/myrepo/mychart:1.0.0+build\tc2  \t0.1.0  \t431f439\t546 B\t2 seconds ",
            "localhost:5000/myrepo/mychart:2.7.0      \tc2  \t0.1.0  \ta24f1c1\t547 B\t2 seconds ",
            "localhost:5000/myrepo/mychart:2.7.1      \tc2  \t0.1.0  \t431f439\t546 B\t2 seconds ",
            "localhost:5000/myrepo/mychart:latest     \tc2  \t0.1.0  \ta24f1c1\t547 B\t2 seconds ",
            "mychart:2.7.0                            \tc2  \t0.1.0  \t1ed0eb4\t547 B\t2 seconds ",
        )
    )


def _layer_of_0_1_0() -> str:
    return "5bfa848087f2f65a47ab35e8f3c23b1695e53d1a8735e312aff200bd732c4a9e"


def test_an_empty_cache_is_a_header(empty: ImageLayout) -> None:
    assert verbs.listing(empty) == verbs.Listing(("REF\tNAME\tVERSION\tDIGEST\tSIZE\tCREATED",))


def test_the_list_shows_damage_beside_what_is_whole_and_leaves_out_what_is_no_chart(old: ImageLayout) -> None:
    image = Manifest.parse(b'{"schemaVersion":2,"layers":[]}')
    old.put_manifest(image, "localhost:5000/an/image:1")
    for digest in ("0393373431089093c28e4906ce5fd05b7d3900a5c6726b5813b653ded1852e71", A24):
        path = blob_file(old.root, Digest("sha256", digest))
        path.chmod(0o644)
        path.write_bytes(b"{}")
    blob_file(old.root, Digest("sha256", A24)).unlink()
    listing = verbs.listing(old, now=1_000_000)
    assert [line.split("\t")[0].strip() for line in listing.lines[1:]] == [
        "localhost:5000/UPPER/x:1.0.0",
        "localhost:5000/myrepo/mychart:0.1.0",
        "localhost:5000/myrepo/mychart:1.0.0+build",
        "localhost:5000/myrepo/mychart:2.7.0",
        "localhost:5000/myrepo/mychart:2.7.1",
        "localhost:5000/myrepo/mychart:latest",
        "mychart:2.7.0",
    ]
    assert listing.lines[2].split("\t")[1:4] == ["-   ", "-      ", "0393373"]
    assert [type(problem) for problem in listing.problems] == [
        NotFoundError,
        VerificationError,
        NotFoundError,
    ]


def test_an_old_chart_is_pushed_as_it_is(old: ImageLayout, remote: Remote) -> None:
    assert list(verbs.push(old, remote, REF)) == [
        "The push refers to repository [localhost:5000/myrepo/mychart]",
        *BLOCK,
        "2.7.0: pushed to remote (1 layer, 547 B total)",
    ]
    there = remote(Repository("localhost:5000", "myrepo/mychart"))
    pushed = there.manifest("2.7.0")
    assert pushed is not None
    assert pushed.data == (old.root / "blobs" / "sha256" / A24).read_bytes()
    assert pushed.blobs
    assert all(there.has(blob) for blob in pushed.blobs)


def test_a_plus_in_an_old_name_becomes_an_underscore_in_the_tag(old: ImageLayout, remote: Remote) -> None:
    lines = list(verbs.push(old, remote, "localhost:5000/myrepo/mychart:1.0.0+build"))
    assert lines[1] == "ref:     localhost:5000/myrepo/mychart:1.0.0+build"
    assert lines[-1] == "1.0.0_build: pushed to remote (1 layer, 546 B total)"
    assert list(remote(Repository("localhost:5000", "myrepo/mychart")).names()) == ["1.0.0_build"]


def test_pushing_again_is_a_no_op_and_says_the_same(old: ImageLayout, remote: Remote) -> None:
    first = list(verbs.push(old, remote, REF))
    there = remote(Repository("localhost:5000", "myrepo/mychart"))
    before = {path: path.stat().st_mtime_ns for path in there.root.rglob("*") if path.is_file()}
    assert list(verbs.push(old, remote, REF)) == first
    assert {path: path.stat().st_mtime_ns for path in there.root.rglob("*") if path.is_file()} == before


def test_a_tag_that_holds_something_else_is_not_overwritten(old: ImageLayout, remote: Remote) -> None:
    there = remote(Repository("localhost:5000", "myrepo/mychart"))
    put(there, artifact("something else"), "2.7.0")
    theirs = artifact("something else").manifest.descriptor.digest
    with pytest.raises(ConflictError) as caught:
        list(verbs.push(old, remote, REF))
    assert caught.value.message == f"{REF} holds something else already: {theirs.short}, not a24f1c1a4e1e"
    assert "--overwrite" in caught.value.hint
    assert there.names()["2.7.0"].digest == theirs
    assert list(verbs.push(old, remote, REF, overwrite=True))[-1].startswith("2.7.0: pushed to remote")
    assert there.names()["2.7.0"].digest == Digest("sha256", A24)


def test_a_pulled_chart_is_named_by_its_reference_and_up_to_date_the_second_time(
    old: ImageLayout, empty: ImageLayout, remote: Remote
) -> None:
    list(verbs.push(old, remote, REF))
    assert list(verbs.pull(empty, remote, REF)) == [
        "2.7.0: Pulling from localhost:5000/myrepo/mychart",
        *BLOCK,
        f"Status: Downloaded newer chart for {REF}",
    ]
    assert list(verbs.pull(empty, remote, f"oci://{REF}"))[-1] == f"Status: Chart is up to date for {REF}"
    assert {name: str(found.digest) for name, found in empty.names().items()} == {REF: f"sha256:{A24}"}


def test_a_tag_that_moved_is_downloaded_anew(old: ImageLayout, empty: ImageLayout, remote: Remote) -> None:
    list(verbs.push(old, remote, REF))
    list(verbs.pull(empty, remote, REF))
    there = remote(Repository("localhost:5000", "myrepo/mychart"))
    list(verbs.push(old, remote, "localhost:5000/myrepo/mychart:0.1.0"))
    there.name_all({"2.7.0": there.names()["0.1.0"]})
    assert list(verbs.pull(empty, remote, REF))[-1] == f"Status: Downloaded newer chart for {REF}"


def test_a_pull_mends_a_damaged_blob(old: ImageLayout, empty: ImageLayout, remote: Remote) -> None:
    list(verbs.push(old, remote, REF))
    list(verbs.pull(empty, remote, REF))
    manifest = empty.manifest(REF)
    assert manifest is not None
    blob_file(empty.root, manifest.layers[0].digest).unlink()
    blob_file(empty.root, manifest.layers[0].digest).write_bytes(b"x" * 547)
    list(verbs.pull(empty, remote, REF))
    assert len(empty.blob(manifest.layers[0])) == 547


def test_a_pull_of_what_is_not_there_says_what_it_tried(empty: ImageLayout, remote: Remote) -> None:
    lines = verbs.pull(empty, remote, "localhost:5000/myrepo/mychart:9.9.9")
    assert next(lines) == "9.9.9: Pulling from localhost:5000/myrepo/mychart"
    with pytest.raises(NotFoundError) as caught:
        next(lines)
    assert caught.value.message == "localhost:5000/myrepo/mychart:9.9.9: not found"


def test_an_image_is_not_pulled(empty: ImageLayout, remote: Remote) -> None:
    there = remote(Repository("localhost:5000", "an/image"))
    config = Descriptor.of("application/vnd.oci.image.config.v1+json", b"{}")
    there.put_blob(config, b"{}")
    document = b'{"schemaVersion":2,"config":%s,"layers":[]}' % (
        b'{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"%s","size":2}'
        % str(config.digest).encode()
    )
    there.put_manifest(Manifest.parse(document), "1")
    with pytest.raises(ChartError) as caught:
        list(verbs.pull(empty, remote, "localhost:5000/an/image:1"))
    assert caught.value.message == (
        "localhost:5000/an/image:1 is not a Helm chart but application/vnd.oci.image.config.v1+json"
    )
    assert empty.names() == {}


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("mychart:2.7.0", "mychart:2.7.0 names no registry"),
        ("localhost:5000/myrepo/mychart", "localhost:5000/myrepo/mychart: tag explicitly required"),
        (f"localhost:5000/a@sha256:{A24}", f"localhost:5000/a@sha256:{A24}: tag explicitly required"),
    ],
)
def test_a_pull_needs_registry_and_tag(
    empty: ImageLayout, remote: Remote, reference: str, message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        list(verbs.pull(empty, remote, reference))
    assert caught.value.message == message
    assert remote.opened == []


@pytest.mark.parametrize(
    ("reference", "message", "hint"),
    [
        ("mychart:2.7.0", "mychart:2.7.0 names no registry", "save it under HOST[:PORT]/PATH:TAG"),
        (
            "localhost:5000/UPPER/x:1.0.0",
            "localhost:5000/UPPER/x: 'UPPER/x' is not a legal repository name",
            "write it in lower case: localhost:5000/upper/x",
        ),
    ],
)
def test_a_name_that_no_registry_takes_is_not_pushed(
    old: ImageLayout, remote: Remote, reference: str, message: str, hint: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        list(verbs.push(old, remote, reference))
    assert (caught.value.message, caught.value.hint) == (message, hint)
    assert remote.opened == []


def test_what_is_not_there_is_not_found_and_the_neighbours_are_named(
    old: ImageLayout, remote: Remote
) -> None:
    each: list[Callable[[str], Iterator[str]]] = [
        lambda reference: verbs.push(old, remote, reference),
        lambda reference: verbs.export(old, reference),
        lambda reference: verbs.remove(old, reference),
    ]
    for verb in each:
        with pytest.raises(NotFoundError) as caught:
            list(verb("localhost:5000/UPPER/x:9"))
        assert caught.value.message == "Chart not found: localhost:5000/UPPER/x:9"
        assert caught.value.hint == f"{old.root} holds localhost:5000/UPPER/x:1.0.0"
        with pytest.raises(NotFoundError) as caught:
            list(verb("nothing/like/it:9"))
        assert caught.value.hint == f"`list` shows what {old.root} holds"


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("localhost:5000/myrepo/mychart:2.7.0", "localhost:5000/myrepo/mychart:2.7.0"),
        ("oci://localhost:5000/myrepo/mychart:2.7.0", "localhost:5000/myrepo/mychart:2.7.0"),
        ("localhost:5000/myrepo/mychart:1.0.0+build", "localhost:5000/myrepo/mychart:1.0.0+build"),
        ("localhost:5000/UPPER/x", "localhost:5000/UPPER/x:1.0.0"),
        ("mychart", "mychart:2.7.0"),
    ],
)
def test_a_reference_finds_its_name(old: ImageLayout, reference: str, name: str) -> None:
    assert find_name(old, reference) == name


def test_a_plus_finds_the_underscore(empty: ImageLayout) -> None:
    put(empty, artifact("a"), "localhost:5000/a:1.0.0_b")
    assert find_name(empty, "localhost:5000/a:1.0.0+b") == "localhost:5000/a:1.0.0_b"


def test_a_reference_without_a_tag_that_fits_several_names_asks_which(old: ImageLayout) -> None:
    with pytest.raises(ConfigError) as caught:
        find_name(old, "localhost:5000/myrepo/mychart")
    assert (
        caught.value.message
        == "localhost:5000/myrepo/mychart is ambiguous: the cache holds several of its tags"
    )
    assert caught.value.hint == (
        "name one: localhost:5000/myrepo/mychart:0.1.0, localhost:5000/myrepo/mychart:1.0.0+build, "
        "localhost:5000/myrepo/mychart:2.7.0, localhost:5000/myrepo/mychart:2.7.1, localhost:5000/myrepo/mychart:latest"
    )


def test_a_removed_name_is_gone_even_if_what_it_stood_for_is_damaged(old: ImageLayout) -> None:
    blob_file(old.root, Digest("sha256", A24)).unlink()
    assert list(verbs.remove(old, REF)) == ["2.7.0: removed"]
    assert REF not in old.names()
    assert list(verbs.remove(old, "mychart")) == ["2.7.0: removed"]
    with pytest.raises(NotFoundError, match=f"Chart not found: {REF}"):
        list(verbs.remove(old, REF))


def test_gc_tells_what_it_removed(old: ImageLayout) -> None:
    for name in [name for name in old.names() if name != REF]:
        list(verbs.remove(old, name))
    assert list(verbs.gc(old)) == ["Removed 6 blobs, 2.5 KiB"]
    assert list(verbs.gc(old)) == ["Removed 0 blobs, 0 B"]
    assert list(verbs.remove(old, REF)) == ["2.7.0: removed"]
    assert list(verbs.gc(old, timedelta(0))) == ["Removed 3 blobs, 916 B"]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("localhost:5000/myrepo/mychart:2.7.0", "localhost:5000/myrepo/mychart:2.7.0"),
        ("localhost:5000/myrepo/mychart", "localhost:5000/myrepo/mychart:1.8.2_b"),
        ("localhost:5000/myrepo/mychart:1.0.0+build", "localhost:5000/myrepo/mychart:1.0.0_build"),
        ("oci://ghcr.io/acme/charts/web:1", "ghcr.io/acme/charts/web:1"),
        ("GHCR.io/acme/web:1", "ghcr.io/acme/web:1"),
        ("index.docker.io/acme/web:1", "docker.io/acme/web:1"),
        ("mychart:2.7.0", "mychart:2.7.0"),
        ("mychart", "mychart:1.8.2_b"),
        ("my/chart:latest", "my/chart:latest"),
        ("[::1]:5000/a:1", "[::1]:5000/a:1"),
    ],
)
def test_a_chart_is_saved_under_the_name_that_a_registry_will_know(text: str, name: str) -> None:
    assert str(Name.choose(text, version="1.8.2+b")) == name


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        (
            "localhost:5000/UPPER/x:1.0.0",
            "localhost:5000/UPPER/x: 'UPPER/x' is not a legal repository name",
            "write it in lower case: localhost:5000/upper/x",
        ),
        ("MyChart:1", "'MyChart:1': no registry takes a repository in upper case", "write it mychart"),
        (
            "my//chart:1",
            "'my//chart:1': 'my//chart' is not a legal repository name",
            "a repository is lower case letters, digits and . _ - between them, parts joined by /",
        ),
        (
            "a:b:c",
            "'a:b:c': 'b:c' is not a legal tag",
            "at most 128 letters, digits and . _ -, not beginning with . or -",
        ),
        (
            f"localhost:5000/a@sha256:{A24}",
            f"'localhost:5000/a@sha256:{A24}': a digest cannot be chosen",
            "name a tag, or none for the version",
        ),
        (
            "",
            "'': '' is not a legal repository name",
            "a repository is lower case letters, digits and . _ - between them, parts joined by /",
        ),
    ],
)
def test_a_name_that_no_registry_would_take_is_refused_at_save(text: str, message: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Name.choose(text, version="1.0.0")
    assert (caught.value.message, caught.value.hint) == (message, hint)


CHARTMUSEUM = """\
# Host your own
apiVersion: v1
description: Host your own Helm Chart Repository
name: chartmuseum
version: 1.8.2
appVersion: 0.8.0
home: https://github.com/helm/chartmuseum
icon: https://raw.githubusercontent.com/helm/chartmuseum/master/logo2.png
keywords:
- chartmuseum
- helm
- charts repo
maintainers:
- name: codefresh-io
  email: opensource@codefresh.io
- name: cloudposse
  email: hello@cloudposse.com
- name: chartmuseum
  email: chartmuseum@gmail.com
"""


@pytest.fixture
def mychart(tmp_path: Path) -> Path:
    folder = tmp_path / "mychart"
    (folder / "templates").mkdir(parents=True)
    (folder / "charts" / "sub").mkdir(parents=True)
    (folder / "Chart.yaml").write_text(CHARTMUSEUM)
    (folder / "values.yaml").write_bytes(b"\xef\xbb\xbfa: 1\r\n")
    (folder / "templates" / "service.yaml").write_text("kind: Service\n")
    (folder / "charts" / "sub" / "Chart.yaml").write_text("apiVersion: v1\nname: sub\nversion: 0.1.0\n")
    return folder


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_saved_chart_prints_its_block_and_has_its_name(empty: ImageLayout, mychart: Path) -> None:
    lines = list(verbs.save(empty, verbs.open_chart(mychart), REF))
    found = empty.resolve(REF)
    manifest = empty.manifest(REF)
    assert found is not None
    assert manifest is not None
    assert lines == [
        f"ref:     {REF}",
        f"digest:  {found.digest.hex}",
        f"size:    {manifest.layers[0].size} B",
        "name:    chartmuseum",
        "version: 1.8.2",
        "2.7.0: saved",
    ]
    assert manifest.layers[0].media_type == "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
    assert manifest.annotations["org.opencontainers.image.title"] == "chartmuseum"
    assert manifest.annotations["org.opencontainers.image.version"] == "1.8.2"
    assert list(verbs.save(empty, verbs.open_chart(mychart), REF)) == lines


def test_a_reference_without_a_tag_is_saved_under_the_charts_version(
    empty: ImageLayout, mychart: Path
) -> None:
    text = CHARTMUSEUM.replace("1.8.2", "1.8.2+build.1")
    (mychart / "Chart.yaml").write_text(text)
    lines = list(verbs.save(empty, verbs.open_chart(mychart), "localhost:5000/myrepo/mychart"))
    assert lines[0] == "ref:     localhost:5000/myrepo/mychart:1.8.2_build.1"
    assert lines[-2:] == ["version: 1.8.2+build.1", "1.8.2_build.1: saved"]


def test_what_a_user_would_stumble_over_is_said_at_save(empty: ImageLayout, mychart: Path) -> None:
    undeclared, *others = verbs.advice(verbs.open_chart(mychart), "chartmuseum")
    assert undeclared.startswith("charts/ holds sub 0.1.0, which is not declared")
    assert others == []
    text = CHARTMUSEUM.replace("v1", "v2").replace("1.8.2", '"1.8"')
    (mychart / "Chart.yaml").write_text(text + "dependencies:\n- name: redis\n  version: 1.x\n")
    chart = verbs.open_chart(mychart)
    assert [warning.split(":")[0] for warning in verbs.advice(chart, chart.name)] == [
        "version 1.8 is no full semantic version",
        "charts/ holds sub 0.1.0, which is not declared",
        "Chart.yaml",
    ]
    assert "declared, but missing in charts/: redis" in verbs.advice(chart, chart.name)[-1]
    assert list(verbs.save(empty, chart, "a"))[-1] == "1.8: saved"


def test_a_refused_name_saves_nothing(empty: ImageLayout, mychart: Path) -> None:
    with pytest.raises(ConfigError):
        list(verbs.save(empty, verbs.open_chart(mychart), "localhost:5000/UPPER/x:1.0.0"))
    assert empty.names() == {}
    assert list((empty.root / "blobs" / "sha256").iterdir()) == []


def test_legacy_builds_the_config_of_the_walk_through(empty: ImageLayout, mychart: Path) -> None:
    list(verbs.save(empty, verbs.open_chart(mychart), REF, legacy=True))
    manifest = empty.manifest(REF)
    assert manifest is not None
    assert manifest.config is not None
    assert str(manifest.config.digest) == (
        "sha256:63cf3d32e490f378cc2cb8131a9a8eec2b3f60a94783d1eecb3e31bcb550d89a"
    )
    assert empty.blob(manifest.config) == (VECTORS / "walkthrough" / "config.json").read_bytes()
    assert manifest.layers[0].media_type == "application/tar+gzip"
    assert manifest.annotations == {}
    golden = (VECTORS / "walkthrough" / "manifest.json").read_text()
    ours = golden.replace(
        "caad7b93c950cbefe21236842cfce58c08383302a85cf69845c57d2e3ffdce78", manifest.layers[0].digest.hex
    ).replace("10871", str(manifest.layers[0].size))
    assert manifest.data.decode() == ours


def test_the_manifest_of_the_walk_through_has_its_digest() -> None:
    golden = Manifest.parse((VECTORS / "walkthrough" / "manifest.json").read_bytes())
    assert golden.config is not None
    rebuilt = manifest_of(golden.config, golden.layers, {})
    assert (
        str(rebuilt.descriptor.digest)
        == "sha256:2a32a8900d81297752f72e47eedb45a11f3a82237df2dd8db391ad9646a91fbf"
    )


def test_an_exported_chart_is_the_saved_one_file_for_file(
    empty: ImageLayout, mychart: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    list(verbs.save(empty, verbs.open_chart(mychart), REF))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    lines = list(verbs.export(empty, REF))
    assert lines[0] == f"ref:     {REF}"
    assert lines[-1] == "Exported chart to chartmuseum/"
    assert files_of(tmp_path / "here" / "chartmuseum") == files_of(mychart)
    assert list(verbs.export(empty, REF, "out"))[-1] == "Exported chart to out/chartmuseum/"
    assert list(verbs.export(empty, REF, "./out//deep/"))[-1] == "Exported chart to out/deep/chartmuseum/"
    assert files_of(tmp_path / "here" / "out" / "deep" / "chartmuseum") == files_of(mychart)
    assert sorted(path.name for path in (tmp_path / "here").iterdir()) == ["chartmuseum", "out"]


def test_an_existing_folder_is_not_written_to(empty: ImageLayout, mychart: Path, tmp_path: Path) -> None:
    list(verbs.save(empty, verbs.open_chart(mychart), REF))
    (tmp_path / "out" / "chartmuseum").mkdir(parents=True)
    with pytest.raises(ChartError, match="exists already"):
        list(verbs.export(empty, REF, str(tmp_path / "out")))
    assert list((tmp_path / "out" / "chartmuseum").iterdir()) == []


def test_a_packed_chart_is_saved_as_its_folder_is(empty: ImageLayout, mychart: Path, tmp_path: Path) -> None:
    list(verbs.save(empty, verbs.open_chart(mychart), "a:1"))
    manifest = empty.manifest("a:1")
    assert manifest is not None
    (tmp_path / "chartmuseum-1.8.2.tgz").write_bytes(empty.blob(manifest.layers[0]))
    list(verbs.save(empty, verbs.open_chart(tmp_path / "chartmuseum-1.8.2.tgz"), "b:1"))
    assert {str(found.digest) for found in empty.names().values()} == {str(manifest.descriptor.digest)}


@pytest.mark.parametrize("name", ["nosuch", "nosuch.tgz"])
def test_a_chart_that_is_not_there_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        verbs.open_chart(tmp_path / name)
    assert caught.value.message == f"cannot read the chart {tmp_path / name}: No such file or directory"


@pytest.mark.parametrize(
    "name",
    [
        "localhost:5000/myrepo/mychart:0.1.0",
        "localhost:5000/myrepo/mychart:1.0.0+build",
        "localhost:5000/myrepo/mychart:2.7.0",
        "localhost:5000/UPPER/x:1.0.0",
        "mychart:2.7.0",
    ],
)
def test_a_chart_of_helm_3_6_3_is_exported_as_it_was_packed(
    old: ImageLayout, tmp_path: Path, name: str
) -> None:
    assert list(verbs.export(old, name, str(tmp_path / "out")))[-1] == f"Exported chart to {tmp_path}/out/c2/"
    exported, source = files_of(tmp_path / "out" / "c2"), files_of(VECTORS / "helm" / "c2")
    # Helm 3.6 wrote Chart.yaml and Chart.lock anew when it packed; all else is the source.
    assert exported.keys() == source.keys()
    different = {path for path in exported if exported[path] != source[path]}
    assert different <= {
        "Chart.yaml",
        "Chart.lock",
        *(f"charts/{name}/Chart.yaml" for name in ("aa", "bb", "cc")),
    }
    assert exported["Chart.yaml"] == b"apiVersion: v2\nname: c2\nversion: 0.1.0\n"


def test_a_chart_whose_name_leads_elsewhere_is_not_exported(empty: ImageLayout, tmp_path: Path) -> None:
    for bad in ("../up", "/root", "a/b", ".", "..", "", "a\\b"):
        config = json.dumps({"name": bad, "version": "1.0.0"}).encode()
        layer = b"layer"
        blobs = [Descriptor.of("application/vnd.cncf.helm.config.v1+json", config)]
        blobs.append(Descriptor.of("application/vnd.cncf.helm.chart.content.v1.tar+gzip", layer))
        empty.put_blob(blobs[0], config)
        empty.put_blob(blobs[1], layer)
        empty.put_manifest(manifest_of(blobs[0], blobs[1:], {}), "bad:1")
        with pytest.raises(ChartError, match="cannot be that of a folder"):
            list(verbs.export(empty, "bad:1", str(tmp_path / "out")))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("reference", "proper"),
    [
        ("localhost:5000/myrepo/guestbook:9.9.9", "localhost:5000/myrepo/guestbook:1.4.0_b.1"),
        ("localhost:5000/myrepo/otherapp:1.4.0_b.1", "localhost:5000/myrepo/guestbook:1.4.0_b.1"),
        ("localhost:5000/myrepo/otherapp", "localhost:5000/myrepo/guestbook:1.4.0_b.1"),
        ("otherapp:latest", "guestbook:1.4.0_b.1"),
        ("localhost:5000/guestbook:1.4", "localhost:5000/guestbook:1.4.0_b.1"),
    ],
)
def test_a_chart_under_the_name_or_version_of_another_is_told_of_at_save_and_push(
    empty: ImageLayout, reference: str, proper: str
) -> None:
    chart = from_files([ChartFile("Chart.yaml", b"name: guestbook\nversion: 1.4.0+b.1\n")])
    warning, *others = verbs.advice(chart, reference)
    assert "is the chart guestbook 1.4.0+b.1: who pulls it installs guestbook 1.4.0+b.1" in warning
    assert warning.endswith(f"save it as {proper}")
    assert others == []
    list(verbs.save(empty, chart, reference))
    if Name.split(reference).tag:
        assert verbs.advice_on_push(empty, reference) == (warning,)


@pytest.mark.parametrize(
    "reference",
    ["localhost:5000/a/guestbook:1.4.0_b.1", "guestbook:1.4.0+b.1", "a/guestbook:latest", "guestbook"],
)
def test_a_chart_under_its_own_name_is_saved_and_pushed_without_a_word(
    empty: ImageLayout, reference: str
) -> None:
    chart = from_files([ChartFile("Chart.yaml", b"name: guestbook\nversion: 1.4.0+b.1\n")])
    assert verbs.advice(chart, reference) == ()
    list(verbs.save(empty, chart, reference))
    assert verbs.advice_on_push(empty, reference) == ()
