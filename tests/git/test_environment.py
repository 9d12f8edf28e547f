"""What reaches the programs that are started: what they need, and no secret of the job."""

from __future__ import annotations

import pytest

from oci_chart_publish.git.environment import environment

KEPT = {
    "PATH": "/bin",
    "HOME": "/root",
    "SSH_AUTH_SOCK": "/tmp/agent",
    "HTTPS_PROXY": "http://proxy:3128",
    "GITHUB_ACTIONS": "true",
    "GITHUB_WORKSPACE": "/w",
    "GIT_SSL_CAINFO": "/ca.pem",
    "GIT_SSH_COMMAND": "ssh -i key",
}
SECRET = (
    "INPUT_PASSWORD",
    "INPUT_GITHUB-TOKEN",
    "INPUT_REGISTRY-AUTH",
    "ACTIONS_RUNTIME_TOKEN",
    "ACTIONS_ID_TOKEN_REQUEST_URL",
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
    "OCI_CHART_PUBLISH_PASSWORD",
    "OCI_CHART_PUBLISH_REGISTRY_AUTH",
    "GITHUB_TOKEN",
    "GH_TOKEN",
    "AWS_SECRET_ACCESS_KEY",
    "DOCKER_PASSWORD",
    "COSIGN_PRIVATE_KEY",
    "npm_token",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
)


def test_git_gets_what_it_needs_and_no_secret_of_the_job() -> None:
    child = environment({**KEPT, **dict.fromkeys(SECRET, "s3cret")}, [])
    assert KEPT.items() <= child.items()
    assert [key for key, value in child.items() if value == "s3cret"] == []


@pytest.mark.parametrize("name", ["GH_TOKEN", "GITHUB_TOKEN"])
def test_credential_helpers_of_people_keep_their_token(name: str) -> None:
    assert environment({name: "mine", "INPUT_PASSWORD": "s3cret"}, [])[name] == "mine"
    assert "INPUT_PASSWORD" not in environment({name: "mine", "INPUT_PASSWORD": "s3cret"}, [])
