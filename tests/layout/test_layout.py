"""The image layout as a store: what is on the disk, what is read back, and what is refused."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
from pathlib import Path

import pytest
from tests.layout.artifacts import artifact, blob_file, index_of, put, read_by_the_book

from oci_chart_publish.errors import ConfigError, NotFoundError, VerificationError
from oci_chart_publish.layout.layout import ImageLayout
from oci_chart_publish.oci.descriptor import Descriptor
from oci_chart_publish.oci.digest import Digest
from oci_chart_publish.oci.manifest import Manifest
from oci_chart_publish.oci.store import copy

VECTORS = Path(__file__).parents[1] / "vectors"
NAME = "localhost:5000/myrepo/mychart:2.7.0"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def layout(root: Path) -> ImageLayout:
    return ImageLayout.create(root)


def snapshot(root: Path) -> dict[str, tuple[int, bytes]]:
    found = (path for path in sorted(root.rglob("*")) if path.is_file())
    return {str(path.relative_to(root)): (path.stat().st_mtime_ns, path.read_bytes()) for path in found}


def test_an_empty_layout_is_what_the_specification_says(layout: ImageLayout, root: Path) -> None:
    assert (root / "oci-layout").read_bytes() == b'{"imageLayoutVersion":"1.0.0"}'
    assert (root / "index.json").read_bytes() == b'{"schemaVersion":2,"manifests":[]}'
    assert sorted(path.name for path in root.iterdir()) == ["blobs", "index.json", "ingest", "oci-layout"]
    assert list((root / "blobs" / "sha256").iterdir()) == []
    assert layout.names() == {}


def test_create_opens_what_is_there(layout: ImageLayout, root: Path) -> None:
    put(layout, artifact("a"), NAME)
    before = snapshot(root)
    assert list(ImageLayout.create(root).names()) == [NAME]
    assert snapshot(root) == before


def test_an_artifact_is_read_back_as_it_was_put(layout: ImageLayout, root: Path) -> None:
    made = artifact("a")
    put(layout, made, NAME)
    assert layout.manifest(NAME) == made.manifest
    assert layout.manifest(made.manifest.descriptor.digest) == made.manifest
    assert [layout.blob(descriptor) for descriptor, _ in made.blobs] == [data for _, data in made.blobs]
    assert all(layout.has(descriptor) for descriptor in (made.config, made.layer, made.manifest.descriptor))
    assert json.loads((root / "index.json").read_bytes()) == {
        "schemaVersion": 2,
        "manifests": [
            {
                "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "digest": str(made.manifest.descriptor.digest),
                "size": made.manifest.descriptor.size,
                "annotations": {"org.opencontainers.image.ref.name": NAME},
            }
        ],
    }
    assert read_by_the_book(root) == {NAME: str(made.manifest.descriptor.digest)}
    assert [path.name for path in (root / "ingest").iterdir()] == ["lock"]


def test_blobs_cannot_be_written_by_accident(layout: ImageLayout, root: Path) -> None:
    made = artifact("a")
    before = os.umask(0o027)
    try:
        put(layout, made, NAME)
    finally:
        os.umask(before)
    assert stat.S_IMODE(blob_file(root, made.layer.digest).stat().st_mode) == 0o440
    assert stat.S_IMODE((root / "index.json").stat().st_mode) == 0o640


def test_a_name_resolves_to_what_it_stands_for_and_a_digest_to_itself(layout: ImageLayout) -> None:
    made = artifact("a")
    put(layout, made)
    digest = made.manifest.descriptor.digest
    assert layout.resolve(NAME) is None
    assert layout.manifest(NAME) is None
    assert layout.resolve(str(digest)) == made.manifest.descriptor
    layout.name_all({NAME: made.manifest.descriptor})
    named = layout.resolve(NAME)
    assert named is not None
    assert (named.digest, named.size, named.media_type) == (
        digest,
        made.manifest.descriptor.size,
        "application/vnd.oci.image.manifest.v1+json",
    )
    absent = Digest("sha256", "0" * 64)
    assert layout.resolve(str(absent)) is None
    assert layout.manifest(absent) is None


def test_names_move_in_place_and_keep_their_order(layout: ImageLayout) -> None:
    one, two = artifact("one"), artifact("two")
    for name in ("c:1", "a:1", "b:1"):
        put(layout, one, name)
    put(layout, two, "a:1")
    assert {name: found.digest for name, found in layout.names().items()} == {
        "c:1": one.manifest.descriptor.digest,
        "a:1": two.manifest.descriptor.digest,
        "b:1": one.manifest.descriptor.digest,
    }
    assert list(layout.names()) == ["c:1", "a:1", "b:1"]


def test_putting_the_same_again_writes_nothing_but_the_time_of_blobs(layout: ImageLayout, root: Path) -> None:
    put(layout, artifact("a"), NAME)
    index = (root / "index.json").stat()
    inodes = {path: path.stat().st_ino for path in (root / "blobs" / "sha256").iterdir()}
    put(layout, artifact("a"), NAME)
    assert (root / "index.json").stat() == index
    assert {path: path.stat().st_ino for path in (root / "blobs" / "sha256").iterdir()} == inodes


def test_many_names_are_one_rewrite_and_all_or_nothing(layout: ImageLayout, root: Path) -> None:
    made = [artifact(f"chart {number}") for number in range(5)]
    for one in made[:4]:
        put(layout, one)
    before = (root / "index.json").read_bytes()
    wanted = {f"charts/{number}:1.0.0": one.manifest.descriptor for number, one in enumerate(made)}
    with pytest.raises(NotFoundError, match=r"the blob sha256:.* is missing"):
        layout.name_all(wanted)
    assert (root / "index.json").read_bytes() == before
    put(layout, made[4])
    layout.name_all(wanted)
    assert list(layout.names()) == [f"charts/{number}:1.0.0" for number in range(5)]


def test_a_manifest_whose_blob_is_not_stored_gets_no_name(layout: ImageLayout) -> None:
    made = artifact("a")
    layout.put_blob(*made.blobs[0])
    with pytest.raises(NotFoundError) as caught:
        layout.put_manifest(made.manifest, NAME)
    assert caught.value.message == (
        f"{layout.root}: cannot name {NAME}: {made.layer.digest}, which its manifest points to, is not stored"
    )
    assert layout.names() == {}


@pytest.mark.parametrize("name", ["", "a b:1", "a:1\n", "a\x1b[31m:1"])
def test_a_name_that_cannot_be_written_is_refused(layout: ImageLayout, name: str) -> None:
    made = artifact("a")
    with pytest.raises(ConfigError, match="cannot name an artifact"):
        put(layout, made, name)


def test_a_removed_name_is_gone_and_its_blobs_stay(layout: ImageLayout, root: Path) -> None:
    made = artifact("a")
    put(layout, made, NAME)
    put(layout, made, "other:1")
    removed = layout.remove(NAME)
    assert removed is not None
    assert removed.digest == made.manifest.descriptor.digest
    assert layout.remove(NAME) is None
    assert list(layout.names()) == ["other:1"]
    assert layout.manifest(made.manifest.descriptor.digest) == made.manifest
    assert read_by_the_book(root) == {"other:1": str(made.manifest.descriptor.digest)}


def test_what_other_tools_wrote_into_the_index_stays(layout: ImageLayout, root: Path) -> None:
    made, moved = artifact("a"), artifact("b")
    put(layout, made, NAME)
    foreign = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [
            {"mediaType": "application/x", "digest": "blake3:00", "size": 1, "unknown": [1, {"a": None}]},
            {
                "mediaType": made.manifest.descriptor.media_type,
                "digest": str(made.manifest.descriptor.digest),
                "size": made.manifest.descriptor.size,
                "annotations": {"org.opencontainers.image.ref.name": NAME, "io.example": "ü"},
                "platform": {"os": "linux"},
            },
            {"annotations": None, "size": "many"},
        ],
        "annotations": {"io.example.layout": "1"},
        "x-unknown": 1.5,
    }
    (root / "index.json").write_text(json.dumps(foreign))
    put(layout, made, NAME)
    put(layout, moved, "new:1")
    assert layout.remove("new:1") is not None
    assert json.loads((root / "index.json").read_bytes()) == foreign
    put(layout, moved, NAME)
    foreign["manifests"][1] = {  # type: ignore[index]
        "mediaType": moved.manifest.descriptor.media_type,
        "digest": str(moved.manifest.descriptor.digest),
        "size": moved.manifest.descriptor.size,
        "annotations": {"org.opencontainers.image.ref.name": NAME},
    }
    assert json.loads((root / "index.json").read_bytes()) == foreign


def test_of_two_entries_with_one_name_the_first_counts_and_moving_it_leaves_one(
    layout: ImageLayout, root: Path
) -> None:
    one, two, three = artifact("one"), artifact("two"), artifact("three")
    put(layout, one, "first:1")
    put(layout, two, "second:1")
    text = (root / "index.json").read_text().replace("first:1", NAME).replace("second:1", NAME)
    (root / "index.json").write_text(text)
    assert layout.manifest(NAME) == one.manifest
    put(layout, three, NAME)
    assert read_by_the_book(root) == {NAME: str(three.manifest.descriptor.digest)}


def test_bytes_that_are_not_what_they_claim_are_not_stored(layout: ImageLayout, root: Path) -> None:
    descriptor = Descriptor.of("application/x", b"right")
    path = blob_file(root, descriptor.digest)
    with pytest.raises(VerificationError) as caught:
        layout.put_blob(descriptor, b"wrong")
    assert caught.value.message == (
        f"writing {path}: the 5 bytes of {descriptor.digest} have another digest, {Digest.of(b'wrong')}"
    )
    with pytest.raises(VerificationError, match="should have 5 bytes, got 6"):
        layout.put_blob(descriptor, b"longer")
    assert not path.exists()
    assert list((root / "ingest").iterdir()) == [root / "ingest" / "lock"]


@pytest.mark.parametrize("damage", [b"", b"short", b"x" * 500])
def test_a_damaged_blob_is_told_by_its_file_and_replaced_by_the_next_writer(
    layout: ImageLayout, root: Path, damage: bytes
) -> None:
    made = artifact("a")
    put(layout, made, NAME)
    path = blob_file(root, made.layer.digest)
    path.chmod(0o644)
    path.write_bytes(damage)
    assert made.layer.size == 500
    with pytest.raises(VerificationError) as caught:
        layout.blob(made.layer)
    assert str(path) in caught.value.message
    assert caught.value.hint == f"delete {path}, then save or pull the artifact again"
    assert not layout.has(made.layer)
    put(layout, made, NAME)
    assert layout.blob(made.layer) == made.blobs[1][1]
    assert layout.has(made.layer)


def test_a_damaged_manifest_is_told_by_its_file(layout: ImageLayout, root: Path) -> None:
    made = artifact("a")
    put(layout, made, NAME)
    digest = made.manifest.descriptor.digest
    path = blob_file(root, digest)
    path.chmod(0o644)
    path.write_bytes(made.manifest.data[:-1])
    for target in (NAME, digest):
        with pytest.raises(VerificationError) as caught:
            layout.manifest(target)
        assert str(path) in caught.value.message
        assert caught.value.hint == f"delete {path}, then save or pull the artifact again"


def test_a_missing_blob_is_not_found(layout: ImageLayout, root: Path) -> None:
    made = artifact("a")
    put(layout, made, NAME)
    blob_file(root, made.layer.digest).unlink()
    with pytest.raises(NotFoundError) as caught:
        layout.blob(made.layer)
    assert caught.value.message == f"{root}: the blob {made.layer.digest} is missing"
    blob_file(root, made.manifest.descriptor.digest).unlink()
    with pytest.raises(NotFoundError):
        layout.manifest(NAME)


def test_a_blob_that_is_a_link_is_refused_and_replaced(
    layout: ImageLayout, root: Path, tmp_path: Path
) -> None:
    made = artifact("a")
    put(layout, made, NAME)
    path = blob_file(root, made.layer.digest)
    path.replace(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(VerificationError) as caught:
        layout.blob(made.layer)
    assert caught.value.message == f"{path} is a symbolic link; a layout holds plain files"
    assert not layout.has(made.layer)
    put(layout, made, NAME)
    assert not path.is_symlink()
    assert layout.blob(made.layer) == made.blobs[1][1]


def test_a_pipe_in_the_place_of_a_blob_does_not_hang(layout: ImageLayout, root: Path) -> None:
    made = artifact("a")
    put(layout, made, NAME)
    for digest in (made.layer.digest, made.manifest.descriptor.digest):
        blob_file(root, digest).unlink()
        os.mkfifo(blob_file(root, digest))
    with pytest.raises(VerificationError, match="is not a plain file"):
        layout.blob(made.layer)
    with pytest.raises(VerificationError, match="is not a plain file"):
        layout.manifest(NAME)


def test_sha512_is_read_and_written(layout: ImageLayout, root: Path) -> None:
    data = b"of the longer kind"
    hexadecimal = hashlib.sha512(data).hexdigest()
    descriptor = Descriptor(media_type="application/x", digest=Digest("sha512", hexadecimal), size=len(data))
    layout.put_blob(descriptor, data)
    assert (root / "blobs" / "sha512" / hexadecimal).read_bytes() == data
    assert layout.blob(descriptor) == data
    assert layout.has(descriptor)


def test_an_index_is_copied_with_its_children_and_needs_them(layout: ImageLayout, tmp_path: Path) -> None:
    one, two = artifact("one"), artifact("two")
    index = index_of(one.manifest, two.manifest)
    put(layout, one)
    with pytest.raises(NotFoundError, match="cannot name"):
        layout.put_manifest(index, NAME)
    put(layout, two)
    layout.put_manifest(index, NAME)
    other = ImageLayout.create(tmp_path / "other")
    copy(layout, other, index, name="copied:1")
    copied = other.manifest("copied:1")
    assert copied is not None
    assert copied.data == index.data
    assert other.blob(two.layer) == two.blobs[1][1]


def test_reading_a_layout_writes_nothing(tmp_path: Path) -> None:
    root = tmp_path / "cache"
    shutil.copytree(VECTORS / "helm" / "oci-layout-legacy", root)
    before = snapshot(root)
    layout = ImageLayout.open(root)
    name = "localhost:5000/myrepo/mychart:1.2.3"
    manifest = layout.manifest(name)
    assert manifest is not None
    assert str(manifest.descriptor.digest) == (
        "sha256:04ee1e75135a400e477bafec476da5ae4dcd9a901d644e6471f59e1943469793"
    )
    assert [layer.media_type for layer in manifest.layers] == ["application/tar+gzip"]
    assert [len(layout.blob(blob)) for blob in manifest.blobs] == [blob.size for blob in manifest.blobs]
    assert list(layout.names()) == [name]
    assert layout.resolve("1.2.3") is None
    assert snapshot(root) == before
    assert sorted(path.name for path in root.iterdir()) == ["blobs", "index.json", "oci-layout"]


def test_a_cache_that_helm_has_only_looked_at_is_empty(tmp_path: Path) -> None:
    (tmp_path / "oci-layout").write_bytes(b'{"imageLayoutVersion":"1.0.0"}')
    layout = ImageLayout.open(tmp_path)
    assert layout.names() == {}
    put(layout, artifact("a"), NAME)
    assert list(read_by_the_book(tmp_path)) == [NAME]


def test_open_refuses_what_is_no_layout(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(ConfigError) as caught:
            ImageLayout.open(path)
        assert caught.value.message == f"{path} is not an image layout: it has no file oci-layout"


def test_create_leaves_a_folder_of_other_things_alone(tmp_path: Path) -> None:
    (tmp_path / "Chart.yaml").write_text("name: web\n")
    (tmp_path / "README.md").write_text("web\n")
    with pytest.raises(ConfigError) as caught:
        ImageLayout.create(tmp_path)
    assert (
        caught.value.message
        == f"{tmp_path} is not an image layout and holds other things: Chart.yaml, README.md"
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["Chart.yaml", "README.md"]


def test_create_says_why_a_folder_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"cannot make the image layout .*file/cache: Not a directory"):
        ImageLayout.create(tmp_path / "file" / "cache")


def test_create_finishes_what_a_killed_process_began(tmp_path: Path) -> None:
    (tmp_path / "ingest").mkdir()
    (tmp_path / "ingest" / "0123456789abcdef01234567").write_bytes(b"half")
    (tmp_path / "blobs").mkdir()
    layout = ImageLayout.create(tmp_path)
    put(layout, artifact("a"), NAME)
    assert list(read_by_the_book(tmp_path)) == [NAME]


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"null", b'{"imageLayoutVersion"', b"\xff"])
def test_a_damaged_marker_is_named(layout: ImageLayout, root: Path, data: bytes) -> None:
    put(layout, artifact("a"), NAME)
    (root / "oci-layout").write_bytes(data)
    for use in (ImageLayout.open, ImageLayout.create):
        with pytest.raises(VerificationError) as caught:
            use(root)
        assert (
            caught.value.message == f"{root}/oci-layout is damaged: no JSON object with 'imageLayoutVersion'"
        )
    (root / "oci-layout").unlink()
    assert list(ImageLayout.create(root).names()) == [NAME]


def test_a_layout_of_another_version_is_refused(layout: ImageLayout, root: Path) -> None:
    put(layout, artifact("a"), NAME)
    (root / "oci-layout").write_bytes(b'{"imageLayoutVersion":"2.0.0"}')
    with pytest.raises(ConfigError, match=r"image layout version '2\.0\.0'; this program knows 1\.0\.0"):
        ImageLayout.open(root)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is not JSON"),
        (b'{"schemaVersion":2,"manifests":[', "is not JSON"),
        (b'{"schemaVersion":2,"manifests":[],"x":NaN}', "is not JSON: NaN is not a JSON value"),
        (b"[" * 100_000, "is not JSON"),
        (b"[]", "is not a JSON object"),
        (b'{"manifests":[]}', "'schemaVersion' is None, expected 2"),
        (b'{"schemaVersion":2,"manifests":{}}', "'manifests' is not a list of objects"),
        (b'{"schemaVersion":2,"manifests":["a"]}', "'manifests' is not a list of objects"),
    ],
)
def test_a_damaged_index_is_named_and_never_overwritten(
    layout: ImageLayout, root: Path, data: bytes, message: str
) -> None:
    made = artifact("a")
    put(layout, made)
    (root / "index.json").write_bytes(data)
    for use in (layout.names, lambda: layout.name_all({NAME: made.manifest.descriptor}), layout.gc):
        with pytest.raises(VerificationError) as caught:
            use()
        assert caught.value.message.startswith(f"{root}/index.json")
        assert message in caught.value.message
    assert (root / "index.json").read_bytes() == data


@pytest.mark.parametrize("data", [b'{"schemaVersion":2}', b'{"schemaVersion":2,"manifests":null}'])
def test_an_index_without_entries_is_empty(layout: ImageLayout, root: Path, data: bytes) -> None:
    (root / "index.json").write_bytes(data)
    assert layout.names() == {}
    put(layout, artifact("a"), NAME)
    assert list(read_by_the_book(root)) == [NAME]


def test_manifests_are_kept_byte_for_byte(layout: ImageLayout) -> None:
    made = artifact("a")
    spaced = json.dumps(json.loads(made.manifest.data), indent=3).encode() + b"\n"
    put(layout, made)
    manifest = Manifest.parse(spaced)
    layout.put_manifest(manifest, NAME)
    found = layout.manifest(NAME)
    assert found is not None
    assert found.data == spaced
