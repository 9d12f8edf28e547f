from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oci_chart_publish.bump.tag_template import TagTemplate, beginning, refuse_collisions
from oci_chart_publish.errors import ConfigError

VERSIONS = {
    "plain": ("{name}-{version}", "foo", "foo-1.0.0", "1.0.0"),
    "prerelease": ("{name}-{version}", "foo", "foo-1.0.0-rc.1", "1.0.0-rc.1"),
    "build metadata": ("{name}-{version}", "foo", "foo-1.0.0+git.5", "1.0.0+git.5"),
    "another chart": ("{name}-{version}", "foo", "foo-bar-1.0.0", None),
    "the other chart": ("{name}-{version}", "foo-bar", "foo-bar-1.0.0", "1.0.0"),
    "name inside another": ("{name}-{version}", "bar", "foo-bar-1.0.0", None),
    "leading v": ("{name}-{version}", "foo", "foo-v1.0.0", None),
    "leading v in the template": ("{name}-v{version}", "foo", "foo-v1.0.0", "1.0.0"),
    "two numbers": ("{name}-{version}", "foo", "foo-1.0", None),
    "leading zero": ("{name}-{version}", "foo", "foo-1.00.0", None),
    "nothing": ("{name}-{version}", "foo", "foo-", None),
    "case": ("{name}-{version}", "foo", "Foo-1.0.0", None),
    "path": ("charts/{name}/v{version}", "foo", "charts/foo/v1.0.0", "1.0.0"),
    "dots of the template are dots": ("{name}.{version}", "foo", "foox1.0.0", None),
    "version first": ("{version}-{name}", "foo", "1.0.0-foo", "1.0.0"),
    "version first, other chart": ("{version}-{name}", "foo", "1.0.0-bar-foo", "1.0.0-bar"),
    "suffix": ("{name}-{version}-chart", "foo", "foo-1.0.0-chart", "1.0.0"),
    "newline": ("{name}-{version}", "foo", "foo-1.0.0\n", None),
}


@pytest.mark.parametrize(("template", "name", "tag", "version"), VERSIONS.values(), ids=VERSIONS)
def test_a_tag_is_a_version_of_one_chart_or_nothing(
    template: str, name: str, tag: str, version: str | None
) -> None:
    found = TagTemplate.parse(template).version(name, tag)
    assert (None if found is None else str(found)) == version


def test_the_versions_of_a_chart_are_found_among_all_tags_in_order() -> None:
    tags = ["foo-1.10.0", "foo-1.9.0", "foo-bar-3.0.0", "v4.0.0", "foo-1.10.0-rc.1", "foo-latest"]
    found = TagTemplate.parse("{name}-{version}").versions("foo", tags)
    assert [(str(version), tag) for version, tag in found.items()] == [
        ("1.9.0", "foo-1.9.0"),
        ("1.10.0-rc.1", "foo-1.10.0-rc.1"),
        ("1.10.0", "foo-1.10.0"),
    ]


@given(st.sets(st.text("ab-", max_size=4)), st.text("ab-", max_size=3))
def test_tags_that_begin_with_a_text_are_found_without_a_look_at_all(tags: set[str], start: str) -> None:
    ordered = sorted(tags)
    assert list(beginning(ordered, start)) == [tag for tag in ordered if tag.startswith(start)]


REFUSED = {
    "{name}": "needs {version} once\nfor example {name}-{version}",
    "{name}-{version}-{version}": "needs {version} once\nfor example {name}-{version}",
    "v{version}": "would give all charts the same tags\nfor example {name}-{version}",
    "{chart}-{version}": "has an unknown field {chart}\nknown: {name}, {version}",
    "{{ .Name }}-{{ .Version }}": "has doubled braces\nwrite {name}-{version} for {{ .Name }}-{{ .Version }}",
    "{name}-{version}}": "has a brace that belongs to no field\nfor example {name}-{version}",
    "{name} {version}": "makes no legal git tags\nfor example {name}-{version}",
    "{name}..{version}": "makes no legal git tags\nfor example {name}-{version}",
    "-{name}-{version}": "makes no legal git tags\nfor example {name}-{version}",
    "{name}/{version}.lock": "makes no legal git tags\nfor example {name}-{version}",
    "refs//{name}/{version}": "makes no legal git tags\nfor example {name}-{version}",
    "{name}@{version}~": "makes no legal git tags\nfor example {name}-{version}",
    "": "needs {version} once\nfor example {name}-{version}",
}


@pytest.mark.parametrize(("template", "problem"), REFUSED.items(), ids=list(REFUSED))
def test_a_template_that_cannot_work_is_refused(template: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=f"^{re.escape(f'tag-template: {template!r} {problem}')}$"):
        TagTemplate.parse(template)


def test_a_single_chart_needs_no_name_in_its_tags() -> None:
    template = TagTemplate.parse("v{version}", several=False)
    assert template.tag("foo", "1.2.3") == "v1.2.3"
    assert str(template.version("foo", "v1.2.3")) == "1.2.3"
    assert template.version("foo", "foo-1.2.3") is None


def test_charts_that_would_share_tags_are_refused() -> None:
    plain = TagTemplate.parse("{name}-{version}")
    bare = TagTemplate.parse("v{version}", several=False, origin="chart-settings: a*: tag-template")
    refuse_collisions({"foo": plain, "foo-bar": plain, "foo-1": plain, "baz": bare})
    with pytest.raises(ConfigError) as raised:
        refuse_collisions({"a": bare, "ab": bare, "c": plain})
    assert str(raised.value) == (
        "tag-template: 'v1.0.0' would be a tag of 'a' by 'v{version}' (chart-settings: a*: tag-template) "
        "and of 'ab' by 'v{version}' (chart-settings: a*: tag-template)\n"
        "give one of them another tag-template, with {name} in it, under chart-settings in the settings file"
    )
    with pytest.raises(ConfigError) as raised:
        refuse_collisions({"foo": plain, "foo-1.0.0": plain})
    assert str(raised.value).startswith(
        "tag-template: 'foo-1.0.0-1.0.0' would be a tag of 'foo-1.0.0' by '{name}-{version}' (tag-template) "
        "and of 'foo' by '{name}-{version}' (tag-template)\n"
    )


def test_a_template_that_cannot_work_is_named_by_its_setting() -> None:
    with pytest.raises(
        ConfigError, match=r"^chart-settings: web: tag-template: '\{name\}' needs \{version\} once"
    ):
        TagTemplate.parse("{name}", several=False, origin="chart-settings: web: tag-template")


NAME = st.from_regex(r"[a-z][a-z0-9]*(-[a-z0-9]+){0,2}", fullmatch=True)
VERSION = st.from_regex(
    r"(0|[1-9][0-9]{0,2})\.(0|[1-9][0-9]?)\.(0|[1-9])(-rc\.[1-9])?(\+[a-z]{1,3})?", fullmatch=True
)
TEMPLATE = st.sampled_from(
    ["{name}-{version}", "charts/{name}/v{version}", "{name}@{version}", "{version}_{name}"]
)


@given(TEMPLATE, NAME, VERSION)
def test_a_tag_that_was_made_is_read_back(template: str, name: str, version: str) -> None:
    parsed = TagTemplate.parse(template)
    assert str(parsed.version(name, parsed.tag(name, version))) == version


@given(NAME, NAME, VERSION)
def test_a_tag_of_one_chart_is_never_one_of_another(name: str, other: str, version: str) -> None:
    template = TagTemplate.parse("{name}-{version}")
    if name != other:
        assert template.version(other, template.tag(name, version)) is None
