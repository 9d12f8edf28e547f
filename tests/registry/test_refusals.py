"""A refusal in words, and what to do about it."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from tests.fakes.clients import Client
from tests.fakes.wire import WireServer, refusal
from tests.registry.artifacts import chart

from oci_chart_publish.errors import AuthError, NotFoundError, RegistryError
from oci_chart_publish.http.answer import Answer, Headers
from oci_chart_publish.http.tls import Trust
from oci_chart_publish.registry import profiles as hints
from oci_chart_publish.registry import refusals as faults


def answer(status: int, body: bytes = b"", method: str = "PUT") -> Answer:
    return Answer(
        method=method,
        url="https://r.test/v2/a/b/manifests/1?sig=x",
        status=status,
        headers=Headers(),
        body=body,
    )


def error(status: int, body: bytes = b"", kind: hints.RegistryProfile = hints.GENERIC) -> RegistryError:
    return faults.refusal(answer(status, body), kind=kind, path="a/b")


def test_codes_and_messages_of_the_specification_are_told() -> None:
    found = error(403, b'{"errors":[{"code":"denied","message":"no way"},{"code":"NAME_INVALID"}]}')
    assert found.message == "PUT https://r.test/v2/a/b/manifests/1?***: 403 denied: no way; NAME_INVALID"
    assert (found.codes, found.status, found.temporary) == (("DENIED", "NAME_INVALID"), 403, False)
    assert isinstance(found, AuthError)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "too large"),
        (b"<html><head><title> 413 Request Entity\n Too Large</title>", "an HTML page '413 Request Entity Too Large'"),
        (b"<!doctype html><HTML><p>hm", "an HTML page"),
        (b"plain words\nmore", "plain words"),
        (b'{"errors": "none"}', "too large"),
        (b'{"errors": [1, null]}', "too large"),
        (b"[1, 2]", "too large"),
        (b"{" * 100_000, "too large"),
        (b"\xff\xfe\x1b[31mred", "\ufffd\ufffd [31mred"),
    ],
)  # fmt: skip
def test_any_body_is_tolerated(body: bytes, words: str) -> None:
    assert error(413, body).message == f"PUT https://r.test/v2/a/b/manifests/1?***: 413 {words}"


def test_no_secret_of_a_message_is_repeated() -> None:
    message = 'see https://cdn/x?sig=hunter2 token=hunter2 "password": "hunter2"'
    body = json.dumps({"errors": [{"code": "X", "message": message}]}).encode()
    assert "hunter2" not in str(error(400, body))
    assert "hunter2" not in str(error(400, b"token: hunter2, access_token=hunter2&x"))


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, RegistryError),
        (401, AuthError),
        (403, AuthError),
        (404, NotFoundError),
        (405, RegistryError),
        (500, RegistryError),
    ],
)
def test_the_type_of_the_error_follows_the_status(status: int, kind: type[RegistryError]) -> None:
    assert type(error(status)) is kind


def test_a_rate_limit_dressed_as_403_is_temporary() -> None:
    found = error(403, b'{"errors":[{"code":"DENIED","message":"secondary rate limit"}]}')
    assert (type(found), found.temporary) == (RegistryError, True)


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("ghcr.io", "GHCR"),
        ("docker.io", "Docker Hub"),
        ("123456789012.dkr.ecr.eu-west-1.amazonaws.com", "Amazon ECR"),
        ("123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com", "Amazon ECR"),
        ("public.ecr.aws", "Amazon ECR Public"),
        ("europe-docker.pkg.dev", "Artifact Registry"),
        ("eu.gcr.io", "Artifact Registry"),
        ("acme.azurecr.io", "Azure Container Registry"),
        ("quay.io", "Quay"),
        ("registry.gitlab.com", "GitLab"),
        ("acme.jfrog.io", "Artifactory"),
        ("ghcr.io.evil.test", ""),
        ("evilghcr.io", ""),
        ("quay.io:5000", ""),
        ("harbor.example.com", ""),
    ],
)
def test_a_registry_is_recognised_by_its_whole_host(host: str, name: str) -> None:
    assert hints.kind_of(host).name == name


@pytest.mark.parametrize(
    ("marks", "name"),
    [
        ('WWW-Authenticate=Bearer realm="https://h/service/token",service="harbor-registry"', "Harbor"),
        ('WWW-Authenticate=Bearer realm="https://g/v2/token",service="container_registry"', "Gitea"),
        ('WWW-Authenticate=Bearer realm="https://g/jwt/auth",service="container_registry"', "GitLab"),
        ('WWW-Authenticate=Basic realm="Sonatype Nexus Repository Manager"', "Nexus"),
        ("Server=Artifactory/7.1", "Artifactory"),
        ("Server=nginx", ""),
    ],
)
def test_a_registry_is_recognised_by_what_it_answers(marks: str, name: str) -> None:
    assert hints.kind_of("registry.example.com", marks).name == name


@pytest.mark.parametrize(
    ("host", "marks", "status", "path", "said"),
    [
        ("ghcr.io", "", 403, "a/b", "packages: write"),
        ("docker.io", "", 401, "a/b/c", "namespace/name only"),
        ("docker.io", "", 401, "a/b", "access token"),
        ("123456789012.dkr.ecr.eu-west-1.amazonaws.com", "", 404, "a/b", "create it"),
        ("123456789012.dkr.ecr.eu-west-1.amazonaws.com", "", 403, "a/b", "CREATE_ON_PUSH"),
        ("public.ecr.aws", "", 400, "a/b", "us-east-1"),
        ("r.test", "harbor-registry", 401, "a/b", "existing project"),
        ("r.test", "harbor-registry", 404, "a/b", "existing project"),
        ("r.test", "/v2/token", 403, "a/b", "package scope"),
        ("quay.io", "", 415, "a/b", "IGNORE_UNKNOWN_MEDIATYPES"),
        ("r.test", "", 401, "a/b", "log in to the registry"),
        ("r.test", "", 418, "a/b", ""),
    ],
)
def test_the_advice_is_that_of_the_registry(host: str, marks: str, status: int, path: str, said: str) -> None:
    found = hints.advice(hints.kind_of(host, marks), status, path)
    assert said in found
    assert bool(found) is bool(said)


def test_a_container_action_without_credentials_is_told_why(
    serve: Callable[..., WireServer], client: Client
) -> None:
    server = serve(lambda _seen: refusal(401, "UNAUTHORIZED", "authentication required"))
    inside = Trust(environment={"GITHUB_ACTIONS": "true", "HOME": "/github/home"})
    with pytest.raises(AuthError) as caught:
        client(server, trust=inside).put_manifest(chart()[0], "1")
    assert 'echo "DOCKER_CONFIG=$RUNNER_TEMP/docker" >> "$GITHUB_ENV"' in caught.value.hint
    outside = Trust(environment={"HOME": "/github/home"})
    with pytest.raises(AuthError) as caught:
        client(server, trust=outside).put_manifest(chart()[0], "1")
    assert caught.value.hint == "log in to the registry, or give credentials for it"
