from __future__ import annotations

import pytest

from oci_chart_publish.github.event import Event
from oci_chart_publish.progress import Silent
from oci_chart_publish.run.code_host import CodeHost


class Nobody:
    def ca_bundle(self) -> str:
        return ""


def host(token: str = "t0ken", *, repository: str = "acme/charts", api_url: str = "") -> CodeHost:
    return CodeHost(
        token=token,
        event=Event(repository=repository, api_url=api_url),
        progress=Silent(),
        authorities=Nobody(),
    )


@pytest.mark.parametrize(
    "api_url", ["", "https://api.github.com", "https://git.example/api/v3", "https://api.acme.ghe.com/"]
)
def test_github_is_asked_wherever_it_is(api_url: str) -> None:
    found = host(api_url=api_url)
    assert found.missing == ""
    gateway = found.connect()
    assert gateway is not None
    gateway.close()


@pytest.mark.parametrize(
    ("code_host", "why"),
    [
        (host(token=""), "github-token is empty"),
        (host(repository=""), "no repository of a code host is known"),
        (host(api_url="https://gitea.example/api/v1"), "the API of Gitea and Forgejo is not GitHub's"),
        (host(api_url="https://git.example/forgejo/api/v1/"), "the API of Gitea and Forgejo is not GitHub's"),
    ],
)
def test_whoever_is_no_github_is_not_asked_and_it_is_said_why(code_host: CodeHost, why: str) -> None:
    assert code_host.missing.startswith(why)
    assert code_host.connect() is None
