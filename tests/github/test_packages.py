from __future__ import annotations

import pytest
from tests.fakes import github as fakes
from tests.fakes.github import FakeGitHub, Token

from oci_chart_publish.errors import ForgeError, ReadOnlyError
from oci_chart_publish.github.container_packages import PackageVersion
from oci_chart_publish.github.gateway import GitHub

PACKAGE = "charts-previews/web"


def digest(number: int) -> str:
    return f"sha256:{number:064x}"


@pytest.fixture(params=["Organization", "User"])
def previews(request: pytest.FixtureRequest, fake: FakeGitHub) -> FakeGitHub:
    fake.state.owner_type = request.param
    fake.state.packages[PACKAGE] = [
        fakes.PackageVersion(number, digest(number), (f"0.0.0-pr.{number}.gabc",)) for number in range(1, 131)
    ]
    return fake


def test_all_versions_are_listed_with_tags_and_digests(previews: FakeGitHub, github: GitHub) -> None:
    found = github.packages.versions(PACKAGE)
    assert len(found) == 130
    assert found[0] == PackageVersion(
        id=1, digest=digest(1), tags=("0.0.0-pr.1.gabc",), created="2026-01-02T03:04:05Z"
    )
    assert len(previews.sent("GET", "/users/acme$")) == 1


def test_all_packages_of_the_owner_are_named(previews: FakeGitHub, github: GitHub) -> None:
    previews.state.packages |= {f"other/{number:03}": [] for number in range(120)}
    assert github.packages.names() == (PACKAGE, *(f"other/{number:03}" for number in range(120)))
    owner = {"Organization": "orgs", "User": "users"}[previews.state.owner_type]
    assert len(previews.sent("GET", f"/{owner}/acme/packages")) == 2


def test_a_version_is_deleted_once(previews: FakeGitHub, github: GitHub) -> None:
    first = github.packages.versions(PACKAGE)[0]
    assert github.packages.delete_version(PACKAGE, first)
    assert not github.packages.delete_version(PACKAGE, first)
    assert len(previews.state.packages[PACKAGE]) == 129


def test_the_last_tagged_version_cannot_be_deleted(previews: FakeGitHub, github: GitHub) -> None:
    del previews.state.packages[PACKAGE][1:]
    (last,) = github.packages.versions(PACKAGE)
    with pytest.raises(ForgeError, match="You must delete the package instead") as caught:
        github.packages.delete_version(PACKAGE, last)
    assert caught.value.status == 400


@pytest.mark.usefixtures("previews")
def test_a_package_that_does_not_exist_has_no_versions(github: GitHub) -> None:
    assert github.packages.versions("charts-previews/other") == ()


def test_a_token_without_permission_hears_of_both_places(previews: FakeGitHub, github: GitHub) -> None:
    previews.tokens["t0ken"] = Token(writes=frozenset({"contents"}))
    first = github.packages.versions(PACKAGE)[0]
    with pytest.raises(ReadOnlyError) as caught:
        github.packages.delete_version(PACKAGE, first)
    assert "packages: write" in caught.value.hint
    assert "Manage Actions access" in caught.value.hint
