from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oci_chart_publish.errors import ConfigError
from oci_chart_publish.oci.digest import Digest
from oci_chart_publish.oci.reference import (
    DigestReference,
    Repository,
    TagReference,
    is_loopback,
    parse_reference,
)

ZERO = "sha256:" + "0" * 64


@pytest.mark.parametrize(
    ("text", "registry", "path"),
    [
        ("ghcr.io/acme/charts", "ghcr.io", "acme/charts"),
        ("oci://ghcr.io/acme/charts/", "ghcr.io", "acme/charts"),
        ("localhost:5000/a", "localhost:5000", "a"),
        ("GHCR.IO/acme", "ghcr.io", "acme"),
        ("[::1]:5000/a/b-c__d.e", "[::1]:5000", "a/b-c__d.e"),
        ("registry-1.docker.io/acme", "docker.io", "acme"),
        ("index.docker.io/acme", "docker.io", "acme"),
        ("registry.example.com", "registry.example.com", ""),
    ],
)
def test_repository_is_host_and_path(text: str, registry: str, path: str) -> None:
    assert Repository.parse(text) == Repository(registry, path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("https://ghcr.io/acme", "not an OCI repository"),
        ("ghcr.io/Acme/charts", "write it in lower case: ghcr.io/acme/charts"),
        ("ghcr.io/acme//charts", "not a legal repository name"),
        ("ghcr.io/-acme", "not a legal repository name"),
        ("ghcr.io/acme/..", "not a legal repository name"),
        ("/acme", "not a registry host"),
        ("user:pass@host/acme", "not a registry host"),
        ("ho st/acme", "not a registry host"),
        ("ghcr.io/" + "a" * 300, "longer than the 255"),
    ],
)
def test_what_no_registry_takes_is_refused_with_advice(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Repository.parse(text)
    assert message in str(caught.value)


def test_child_is_checked_as_well() -> None:
    assert str(Repository.parse("ghcr.io/acme").child("web")) == "ghcr.io/acme/web"
    assert str(Repository.parse("localhost:5000").child("web")) == "localhost:5000/web"
    with pytest.raises(ConfigError, match=r"lower case: ghcr\.io/acme/web"):
        Repository.parse("ghcr.io/acme").child("Web")


def test_reference_has_a_tag_or_a_digest() -> None:
    web = Repository("ghcr.io", "acme/web")
    assert parse_reference("ghcr.io/acme/web:1.2.3") == TagReference(web, "1.2.3")
    assert parse_reference(f"oci://ghcr.io/acme/web@{ZERO}") == DigestReference(web, Digest.parse(ZERO))
    assert parse_reference(f"ghcr.io/acme/web:1.2.3@{ZERO}") == DigestReference(web, Digest.parse(ZERO))
    assert parse_reference("ghcr.io/acme/web") == web
    assert parse_reference("localhost:5000/web:1") == TagReference(Repository("localhost:5000", "web"), "1")


def test_plus_of_a_version_is_an_underscore_in_the_tag() -> None:
    assert str(parse_reference("ghcr.io/acme/web:1.2.3+build.1")) == "ghcr.io/acme/web:1.2.3_build.1"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ghcr.io/acme/web:", "not a legal tag"),
        ("ghcr.io/acme/web:.1", "not a legal tag"),
        ("ghcr.io/acme/web:" + "1" * 129, "not a legal tag"),
        ("ghcr.io/acme/web@sha256:1", "not a digest"),
        ("ghcr.io:1", "names no repository"),
    ],
)
def test_what_is_no_reference_is_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_reference(text)


@pytest.mark.parametrize(
    ("registry", "expected"),
    [
        ("localhost", True),
        ("localhost.", True),
        ("127.0.0.1.:5000", True),
        ("localhost:5000", True),
        ("my.localhost:80", True),
        ("127.0.0.1:5000", True),
        ("127.1.2.3", True),
        ("[::1]:5000", True),
        ("localhost.example.com", False),
        ("10.0.0.1:5000", False),
        ("[::2]:5000", False),
        ("notlocalhost", False),
    ],
)
def test_only_this_machine_is_loopback(registry: str, expected: bool) -> None:  # noqa: FBT001
    assert is_loopback(registry) is expected


COMPONENT = st.from_regex(r"[a-z0-9]{1,8}((\.|_|__|-)[a-z0-9]{1,8}){0,2}", fullmatch=True)
TAG = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,20}", fullmatch=True)


@given(st.lists(COMPONENT, min_size=1, max_size=4), TAG)
def test_printed_reference_reads_back(components: list[str], tag: str) -> None:
    reference = TagReference(Repository("registry.example.com:5000", "/".join(components)), tag)
    assert parse_reference(str(reference)) == reference
