from __future__ import annotations

import stat
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from oci_chart_publish.errors import ChartError
from oci_chart_publish.yamldoc.editor import replace_scalars, write_file


def versioned(data: bytes, version: str, path: str = "Chart.yaml") -> bytes:
    return replace_scalars(data, {"version": version}, path=path)


EDITS = {
    "plain": (b"name: a\nversion: 1.2.3\n", b"name: a\nversion: 1.3.0\n"),
    "no newline at the end": (b"name: a\nversion: 1.2.3", b"name: a\nversion: 1.3.0"),
    "single quotes": (b"version: '1.2.3'\nname: a\n", b"version: '1.3.0'\nname: a\n"),
    "double quotes": (b'version: "1.2.3"\nname: a\n', b'version: "1.3.0"\nname: a\n'),
    "comment behind": (b"version: 1.2.3   # keep me\n", b"version: 1.3.0   # keep me\n"),
    "comments around": (b"# version: 0\nversion:\t1.2.3\n# end", b"# version: 0\nversion:\t1.3.0\n# end"),
    "carriage returns": (b"name: a\r\nversion: 1.2.3\r\n", b"name: a\r\nversion: 1.3.0\r\n"),
    "byte order mark": (b"\xef\xbb\xbfversion: 1.2.3\n", b"\xef\xbb\xbfversion: 1.3.0\n"),
    "byte order mark and comment": (
        b"\xef\xbb\xbf# chart\r\nversion: '1.2.3'\r\n",
        b"\xef\xbb\xbf# chart\r\nversion: '1.3.0'\r\n",
    ),
    "flow mapping": (b"{name: a, version: 1.2.3, x: [1,2]}\n", b"{name: a, version: 1.3.0, x: [1,2]}\n"),
    "json": (b'{"name":"a","version":"1.2.3"}', b'{"name":"a","version":"1.3.0"}'),
    "quoted key": (b"\"version\": 1.2.3\n'name': a\n", b"\"version\": 1.3.0\n'name': a\n"),
    "explicit key": (b"? version\n: 1.2.3\n", b"? version\n: 1.3.0\n"),
    "value on the next line": (b"version:\n  1.2.3\nname: a\n", b"version:\n  1.3.0\nname: a\n"),
    "key in another case": (b"Version: 1.2.3\n", b"Version: 1.3.0\n"),
    "first of several documents": (
        b"---\nversion: 1.2.3\n---\nversion: 9.9.9\n",
        b"---\nversion: 1.3.0\n---\nversion: 9.9.9\n",
    ),
    "wide characters before": (
        "maintainers: [{name: Zoë 🚢}]\nversion: 1.2.3 # ☸\n".encode(),
        "maintainers: [{name: Zoë 🚢}]\nversion: 1.3.0 # ☸\n".encode(),
    ),
    "number": (b"version: 1.10\n", b"version: 1.3.0\n"),
    "nested keys of the same name": (
        b"dependencies:\n- name: b\n  version: 1.2.3\nversion: 1.2.3\n",
        b"dependencies:\n- name: b\n  version: 1.2.3\nversion: 1.3.0\n",
    ),
    "anchors elsewhere": (
        b"version: 1.2.3\nannotations: &a {x: y}\nother: *a\n",
        b"version: 1.3.0\nannotations: &a {x: y}\nother: *a\n",
    ),
    "block scalar before": (
        b"description: |\n  version: 1.2.3\nversion: 1.2.3\n",
        b"description: |\n  version: 1.2.3\nversion: 1.3.0\n",
    ),
    "keys that look like the way to another": (
        b"dependencies.0.version: 9.9.9\nversion: 1.2.3\na.version: 9.9.9\n",
        b"dependencies.0.version: 9.9.9\nversion: 1.3.0\na.version: 9.9.9\n",
    ),
    "tabs and trailing blanks": (b"version: 1.2.3 \t \nname: a\n", b"version: 1.3.0 \t \nname: a\n"),
}


@pytest.mark.parametrize(("before", "after"), EDITS.values(), ids=EDITS)
def test_only_the_version_scalar_changes(before: bytes, after: bytes) -> None:
    assert versioned(before, "1.3.0") == after


REFUSALS = {
    "missing": (
        b"name: a\n",
        "charts/a/Chart.yaml:1: 'version': is missing\nadd `version:` to the file",
    ),
    "empty file": (b"", "charts/a/Chart.yaml: is empty"),
    "comment only": (b"# nothing\n", "charts/a/Chart.yaml: is empty"),
    "list": (b"- version: 1.2.3\n", "charts/a/Chart.yaml:1: expected a mapping, got a list"),
    "text": (b"version 1.2.3\n", "charts/a/Chart.yaml:1: expected a mapping, got a single value"),
    "anchor": (
        b"name: a\nversion: &v 1.2.3\nappVersion: *v\n",
        (
            "charts/a/Chart.yaml:2: 'version': cannot be edited in place: it has the anchor &v: other places may "
            "repeat it\nwrite it once, as a plain or quoted value on its own line"
        ),
    ),
    "alias": (
        b"appVersion: &v 1.2.3\nversion: *v\n",
        (
            "charts/a/Chart.yaml:2: 'version': cannot be edited in place: it is the alias *v\n"
            "write it once, as a plain or quoted value on its own line"
        ),
    ),
    "block scalar": (
        b"version: |\n  1.2.3\n",
        (
            "charts/a/Chart.yaml:1: 'version': cannot be edited in place: it is a block scalar (|)\n"
            "write it once, as a plain or quoted value on its own line"
        ),
    ),
    "folded scalar": (
        b"name: a\nversion: >-\n  1.2.3\n",
        (
            "charts/a/Chart.yaml:2: 'version': cannot be edited in place: it is a block scalar (>)\n"
            "write it once, as a plain or quoted value on its own line"
        ),
    ),
    "explicit type": (
        b"version: !!str 1.2.3\n",
        (
            "charts/a/Chart.yaml:1: 'version': cannot be edited in place: it has the explicit type "
            "tag:yaml.org,2002:str\nwrite it once, as a plain or quoted value on its own line"
        ),
    ),
    "no value": (
        b"version:\nname: a\n",
        (
            "charts/a/Chart.yaml:1: 'version': cannot be edited in place: it has no value\n"
            "write it once, as a plain or quoted value on its own line"
        ),
    ),
    "mapping": (
        b"version: {major: 1}\n",
        (
            "charts/a/Chart.yaml:1: 'version': cannot be edited in place: it is a mapping\n"
            "write it once, as a plain or quoted value on its own line"
        ),
    ),
    "several lines": (
        b"version: '1.2\n\n  .3'\n",
        (
            "charts/a/Chart.yaml:1: 'version': cannot be edited in place: it spans several lines\n"
            "write it once, as a plain or quoted value on its own line"
        ),
    ),
    "twice": (
        b"version: 1.2.3\nname: a\nversion: 1.2.4\n",
        "charts/a/Chart.yaml:3: 'version': is written more than once (lines 1, 3)\nkeep one of them",
    ),
    "twice in different case": (
        b"version: 1.2.3\nVersion: 1.2.4\n",
        "charts/a/Chart.yaml:2: 'version': is written more than once (lines 1, 2)\nkeep one of them",
    ),
    "merge key": (
        b"x: &x {version: 1.2.3}\n<<: *x\n",
        (
            "charts/a/Chart.yaml:2: 'version': cannot be edited in place: a merge key (<<) stands beside it on "
            "line 2\nwrite it once, as a plain or quoted value on its own line"
        ),
    ),
    "not YAML": (
        b"version: [1.2.3\nname: a\n",
        (
            "charts/a/Chart.yaml:2: not YAML: did not find expected ',' or ']' while parsing a flow sequence that "
            "began in line 1\nclose the list with ]"
        ),
    ),
    "not UTF-8": (
        b"name: a\ndescription: \xff\nversion: 1.2.3\n",
        "charts/a/Chart.yaml:2: is not UTF-8\nsave the file as UTF-8",
    ),
    "UTF-16": (
        "\ufeffversion: 1.2.3\n".encode("utf-16-le"),
        "charts/a/Chart.yaml:1: is not UTF-8\nsave the file as UTF-8",
    ),
    "too deep": (
        b"x: " + b"[" * 200 + b"]" * 200 + b"\nversion: 1.2.3\n",
        "charts/a/Chart.yaml:1: nested deeper than 200 levels",
    ),
}


@pytest.mark.parametrize(("data", "message"), REFUSALS.values(), ids=REFUSALS)
def test_what_cannot_be_edited_safely_is_refused_with_its_place(data: bytes, message: str) -> None:
    with pytest.raises(ChartError) as raised:
        versioned(data, "1.3.0", path="charts/a/Chart.yaml")
    assert str(raised.value) == message


def test_a_dependency_and_the_app_version_can_be_set_together_with_the_version() -> None:
    before = (
        b'apiVersion: v2\nversion: 1.0.0 # ours\nappVersion: "2.0"\ndependencies:\n'
        b"  - {name: x, version: 9.9.9}\n  - name: common\n    version: '^1.0.0'   # pinned\n    repository: file://../common\n"
    )
    after = (
        b'apiVersion: v2\nversion: 1.0.1 # ours\nappVersion: "2.1"\ndependencies:\n'
        b"  - {name: x, version: 9.9.9}\n  - name: common\n    version: '2.0.0'   # pinned\n    repository: file://../common\n"
    )
    changes = {"dependencies.1.version": "2.0.0", "version": "1.0.1", "appVersion": "2.1"}
    assert replace_scalars(before, changes, path="Chart.yaml") == after


def test_a_dependency_that_is_not_there_is_refused() -> None:
    with pytest.raises(ChartError) as raised:
        replace_scalars(b"dependencies:\n- name: a\n", {"dependencies.3.version": "1.0.0"}, path="Chart.yaml")
    assert str(raised.value) == "Chart.yaml:2: 'dependencies': has 1 entries, none at 3"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("2.0.0", "2.0.0"),
        ("v2.0.0", "v2.0.0"),
        ("2.0.0-rc.1+build-5", "2.0.0-rc.1+build-5"),
        ("stable", "stable"),
        ("1.10", '"1.10"'),
        ("5", '"5"'),
        ("1e3", '"1e3"'),
        ("0x10", '"0x10"'),
        ("2024-01-01", '"2024-01-01"'),
        ("true", '"true"'),
        ("No", '"No"'),
        ("y", '"y"'),
        ("null", '"null"'),
        ("", '""'),
        ("~1.2.0", "~1.2.0"),
        ("^1.2.0", "^1.2.0"),
        ("~1.2", '"~1.2"'),
        (">=1.0.0 <2.0.0", '">=1.0.0 <2.0.0"'),
        ("a: b # c", '"a: b # c"'),
        ('say "hi"\\', '"say \\"hi\\"\\\\"'),
        ("tab\there", '"tab\\there"'),
        ("é", '"é"'),
    ],
)
def test_a_value_that_would_not_be_read_as_its_text_is_quoted(value: str, written: str) -> None:
    edited = replace_scalars(b"appVersion: old # note\n", {"appVersion": value}, path="Chart.yaml")
    assert edited == f"appVersion: {written} # note\n".encode()
    assert yaml.safe_load(edited) == {"appVersion": value}


def test_single_quotes_are_doubled_and_give_way_to_double_ones_for_control_characters() -> None:
    assert replace_scalars(b"appVersion: 'a'", {"appVersion": "it's"}, path="x") == b"appVersion: 'it''s'"
    assert replace_scalars(b"appVersion: 'a'", {"appVersion": "a\nb"}, path="x") == b'appVersion: "a\\nb"'


def test_a_lock_keeps_everything_but_the_version_and_the_digest() -> None:
    lock = (
        b"dependencies:\n- name: common\n  repository: file://../common\n  version: 1.0.0\n"
        b'digest: sha256:aaaa\ngenerated: "2024-05-05T10:00:00.123456789+02:00"\n'
    )
    assert replace_scalars(
        lock, {"dependencies.0.version": "1.1.0", "digest": "sha256:bbbb"}, path="Chart.lock"
    ) == (
        b"dependencies:\n- name: common\n  repository: file://../common\n  version: 1.1.0\n"
        b'digest: sha256:bbbb\ngenerated: "2024-05-05T10:00:00.123456789+02:00"\n'
    )


COMMENT = st.text(st.characters(exclude_categories=["C", "Z"]), max_size=12)
LINE = st.one_of(
    st.just(""),
    COMMENT.map(lambda text: f"# {text}"),
    COMMENT.map(lambda text: f"# version: 1.0.0 {text}"),
    st.tuples(st.sampled_from(["name", "icon", "home"]), st.integers(0, 99), COMMENT).map(
        lambda it: f"{it[0]}{it[1]}: '{it[2].replace(chr(39), '')}'"
    ),
    st.integers(0, 99).map(lambda number: f"nested{number}: {{version: 3.2.1, list: [a, 'b']}}"),
)
VERSION = st.from_regex(
    r"(0|[1-9][0-9]{0,3})\.(0|[1-9][0-9]?)\.(0|[1-9])(-[a-z][0-9a-z]{0,4})?(\+[0-9a-z]{1,4})?", fullmatch=True
)


@st.composite
def files(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """What stands before and after the version, as one file would have it."""
    newline = draw(st.sampled_from(["\n", "\r\n"]))
    quote = draw(st.sampled_from(["", "'", '"']))
    head = draw(st.lists(LINE, max_size=5))
    tail = draw(st.lists(LINE, max_size=5))
    behind = draw(st.sampled_from(["", " ", "  # why", "\t# v"]))
    end = draw(st.sampled_from(["", newline]))
    bom = draw(st.sampled_from(["", "\ufeff"]))
    before = bom + newline.join([*head, f"version: {quote}"])
    after = newline.join([f"{quote}{behind}", *tail]) + end
    return before.encode(), after.encode()


@given(files(), VERSION, VERSION)
def test_every_other_byte_is_kept(around: tuple[bytes, bytes], old: str, new: str) -> None:
    before, after = around
    assert versioned(before + old.encode() + after, new) == before + new.encode() + after


@given(files(), VERSION, VERSION)
def test_setting_a_version_and_setting_it_back_gives_the_same_file(
    around: tuple[bytes, bytes], old: str, new: str
) -> None:
    data = around[0] + old.encode() + around[1]
    assert versioned(versioned(data, new), old) == data


@given(
    st.sampled_from(["", "'", '"']),
    st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=20),
)
def test_any_text_is_read_back_or_refused(quote: str, value: str) -> None:
    try:
        edited = replace_scalars(f"appVersion: {quote}x{quote}\n".encode(), {"appVersion": value}, path="x")
    except ChartError:
        assert not value.isprintable()
    else:
        assert yaml.load(edited, Loader=yaml.CSafeLoader) == {"appVersion": value}


def test_a_file_is_replaced_and_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "Chart.yaml"
    path.write_bytes(b"version: 1.0.0\n")
    path.chmod(0o640)
    write_file(path, b"version: 1.0.1\r\n")
    assert path.read_bytes() == b"version: 1.0.1\r\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert [entry.name for entry in tmp_path.iterdir()] == ["Chart.yaml"]


def test_a_symbolic_link_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "real.yaml").write_bytes(b"version: 1.0.0\n")
    link = tmp_path / "Chart.yaml"
    link.symlink_to("real.yaml")
    with pytest.raises(ChartError, match="is a symbolic link: another file would change"):
        write_file(link, b"version: 1.0.1\n")
    assert (tmp_path / "real.yaml").read_bytes() == b"version: 1.0.0\n"


def test_a_file_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(ChartError) as raised:
        write_file(tmp_path / "Chart.yaml", b"")
    assert str(raised.value) == f"{tmp_path}/Chart.yaml: cannot be written: No such file or directory"


def test_a_new_file_is_written_whole_but_never_through_a_link(tmp_path: Path) -> None:
    write_file(tmp_path / "Chart.lock", b"digest: x\n", create=True)
    assert (tmp_path / "Chart.lock").read_bytes() == b"digest: x\n"
    assert (tmp_path / "Chart.lock").stat().st_mode & 0o777 == 0o644
    (tmp_path / "link").symlink_to(tmp_path / "outside")
    with pytest.raises(ChartError, match="is a symbolic link"):
        write_file(tmp_path / "link", b"digest: x\n", create=True)
    assert not (tmp_path / "outside").exists()
