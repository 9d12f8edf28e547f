from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.fakes.clients import ALICE
from tests.fakes.registry import FakeRegistry
from tests.fakes.wire import Reply, Seen, WireServer, json_reply, refusal

from oci_chart_publish.errors import RegistryError
from oci_chart_publish.oci.reference import Repository
from oci_chart_publish.registry.connect import Registries

Fake = Callable[..., FakeRegistry]
Make = Callable[..., Registries]
Serve = Callable[..., WireServer]


def test_names_below_a_place_are_taken_from_all_pages_of_the_catalog(serve: Serve, registries: Make) -> None:
    def answer(seen: Seen) -> Reply:
        if "last=" in seen.target:
            return json_reply(200, '{"repositories": ["charts/web", "charts", "charts2/a", "charts/web"]}')
        link = ("Link", '</v2/_catalog?n=1000&last=b>; rel="next"')
        return json_reply(200, '{"repositories": ["charts/api", "charts/api/deep", "other/charts/a"]}', link)

    server = serve(answer)
    assert registries().below(Repository(server.host, "charts")) == ("api", "web")
    assert registries().below(Repository(server.host, "")) == ("charts",)
    assert server.seen[0].line == "GET /v2/_catalog?n=1000"


@pytest.mark.parametrize("status", [401, 403, 404, 405])
def test_registry_without_a_catalog_names_nothing(serve: Serve, registries: Make, status: int) -> None:
    server = serve(lambda _: refusal(status, "UNSUPPORTED", "no"))
    assert registries().below(Repository(server.host, "charts")) is None


@pytest.mark.parametrize(("status", "body"), [(500, "{}"), (200, "[]"), (200, '{"repositories": "a"}')])
def test_catalog_that_is_none_is_an_error(serve: Serve, registries: Make, status: int, body: str) -> None:
    server = serve(lambda _: json_reply(status, body))
    with pytest.raises(RegistryError, match="_catalog"):
        registries().below(Repository(server.host, "charts"))


@pytest.mark.parametrize("path", ["charts", ""])
def test_the_catalog_is_asked_with_the_credential_of_the_place(
    serve: Serve, registries: Make, path: str
) -> None:
    def answer(seen: Seen) -> Reply:
        if "authorization" not in seen.headers:
            challenge = ("WWW-Authenticate", 'Basic realm="x"')
            return Reply(status=401, headers=(challenge,))
        return json_reply(200, '{"repositories": ["charts/web"]}')

    server = serve(answer)
    made = registries({server.host: ALICE}, plain_http=frozenset({server.host}))
    assert made.below(Repository(server.host, path)) == (("web",) if path else ())
    assert registries().below(Repository(server.host, path)) is None
