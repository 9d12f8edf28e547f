"""The client of GitHub trusts what all connections of a run do."""

from __future__ import annotations

import ssl
from contextlib import closing
from pathlib import Path

import pytest
import trustme
from tests.fakes.wire import WireServer, json_reply

from oci_chart_publish.errors import ForgeError
from oci_chart_publish.github.api import Client, Clock, Options
from oci_chart_publish.http.authorities import bundle
from oci_chart_publish.http.tls import Trust


def test_the_bundle_holds_the_usual_authorities_and_the_ca_file(tmp_path: Path) -> None:
    usual, private = trustme.CA(), trustme.CA()
    for name, authority in (("usual.pem", usual), ("private.pem", private)):
        (tmp_path / name).write_bytes(authority.cert_pem.bytes())
    environment = {"SSL_CERT_FILE": str(tmp_path / "usual.pem")}
    assert bundle(Trust(environment=environment)) == str(tmp_path / "usual.pem")
    joined = bundle(Trust(environment=environment, everywhere=tmp_path / "private.pem"))
    for authority in (usual, private):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(context)
        server = WireServer(answer=lambda _seen: json_reply(200, '{"login": "octocat"}'), tls=context)
        clock = Clock(sleep=lambda _: None)
        with closing(server):
            with closing(Client(Options(token="t", api_url=server.url, ca_bundle=joined), clock)) as client:
                assert client.get("/user") == {"login": "octocat", "url": "/user"}
            stranger = Client(Options(token="t", api_url=server.url), clock)
            with closing(stranger), pytest.raises(ForgeError):
                stranger.get("/user")
