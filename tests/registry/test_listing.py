from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.fakes.clients import Client
from tests.fakes.registry import FakeRegistry, Quirks
from tests.fakes.wire import Reply, Seen, WireServer, json_reply, refusal
from tests.registry.artifacts import chart

from oci_chart_publish.errors import AuthError, RegistryError

Fake = Callable[..., FakeRegistry]
Serve = Callable[..., WireServer]

MANIFEST, BLOBS = chart()
HEX = "a" * 64


def filled(registry: FakeRegistry, client: Client, *tags: str) -> None:
    store = client(registry)
    for descriptor, data in BLOBS:
        store.put_blob(descriptor, data)
    for tag in tags:
        store.put_manifest(MANIFEST, tag)
    registry.seen.clear()


@pytest.mark.parametrize("page", [0, 1, 2, 3, 5, 6])
def test_all_pages_are_read_by_their_links(fake: Fake, client: Client, page: int) -> None:
    registry = fake(Quirks(page=page))
    tags = ("1.0.0", "1.1.0", "1.1.0_build.5", "2.0.0", "latest")
    filled(registry, client, *tags)
    assert client(registry).tags() == tags
    assert registry.lines()[0] == "GET /v2/charts/web/tags/list?n=1000"


def test_a_short_page_is_no_end_and_an_empty_one_neither(serve: Serve, client: Client) -> None:
    def answer(seen: Seen) -> Reply:
        number = int(seen.target.rpartition("p=")[2]) if "p=" in seen.target else 0
        link = ("Link", f'</v2/charts/web/tags/list?p={number + 1}>; rel="next"')
        tags = ['["a"]', "[]", '["b"]'][number]
        return json_reply(200, f'{{"tags": {tags}}}', *([link] if number < 2 else []))

    assert client(serve(answer)).tags() == ("a", "b")


@pytest.mark.parametrize(
    "link",
    ['<{url}/v2/x?last=1>; rel="next"', "</v2/x?last=1>; rel=next", '</v2/x?last=1>;  title="a"; rel="next"',
     '</other>; rel="prev", </v2/x?last=1>; rel="next"', '<?last=1>; rel="next"'],
)  # fmt: skip
def test_links_are_read_in_all_their_spellings(serve: Serve, client: Client, link: str) -> None:
    def answer(seen: Seen) -> Reply:
        if "last=1" in seen.target:
            return json_reply(200, '{"tags": ["b"]}')
        return json_reply(200, '{"tags": ["a"]}', ("Link", link.format(url=f"http://{seen.headers['host']}")))

    assert client(serve(answer)).tags() == ("a", "b")


def test_a_link_to_another_host_is_refused(serve: Serve, client: Client) -> None:
    other = serve(lambda _seen: json_reply(200, '{"tags": ["evil"]}'))
    server = serve(
        lambda _seen: json_reply(200, '{"tags": ["a"]}', ("Link", f'<{other.url}/v2/x>; rel="next"'))
    )
    with pytest.raises(RegistryError, match="the next page is on another host"):
        client(server).tags()
    assert other.seen == []


def test_pages_that_go_in_circles_end(serve: Serve, client: Client) -> None:
    server = serve(lambda _seen: json_reply(200, '{"tags": ["a"]}', ("Link", '</v2/x>; rel="next"')))
    with pytest.raises(RegistryError, match="the pages of the list never end"):
        client(server).tags()


def test_tags_that_only_hold_signatures_are_hidden(fake: Fake, client: Client) -> None:
    registry = fake()
    filled(
        registry, client, "1.0.0", f"sha256-{HEX}", f"sha256-{HEX}.sig", f"sha256-{HEX}.att", "sha256-short"
    )
    assert client(registry).tags() == ("1.0.0", "sha256-short")


def test_null_tags_are_no_tags(serve: Serve, client: Client) -> None:
    assert client(serve(lambda _seen: json_reply(200, '{"name": "x", "tags": null}'))).tags() == ()


@pytest.mark.parametrize("body", ["[]", '{"tags": "x"}', "<html>", ""])
def test_a_list_of_another_shape_is_an_error(serve: Serve, client: Client, body: str) -> None:
    with pytest.raises(RegistryError):
        client(serve(lambda _seen: json_reply(200, body))).tags()


def test_a_refused_list_is_no_empty_list(serve: Serve, client: Client) -> None:
    with pytest.raises(AuthError, match="403 DENIED: no"):
        client(serve(lambda _seen: refusal(403, "DENIED", "no"))).tags()
