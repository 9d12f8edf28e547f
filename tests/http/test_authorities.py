"""Whose certificates are trusted, over real handshakes."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from tests.fakes.wire import Reply, WireServer

from oci_chart_publish.errors import ConfigError
from oci_chart_publish.http.answer import ConnectionFailed
from oci_chart_publish.http.authorities import bundle
from oci_chart_publish.http.tls import Trust, check_pem
from oci_chart_publish.http.transport import Transport

Serve = Callable[..., WireServer]


def status(trust: Trust, url: str) -> int:
    transport = Transport(trust=trust)
    try:
        return transport.send("GET", url, {}, None, limit=1000).status
    finally:
        transport.close()


def issued(ca: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1").configure_cert(context)
    return context


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def ok(_seen: object) -> Reply:
    return Reply(body=b"hello")


def test_a_ca_file_is_trusted_for_every_host_and_besides_the_usual_ones(serve: Serve, tmp_path: Path) -> None:
    usual, private, unknown = trustme.CA(), trustme.CA(), trustme.CA()
    trust = Trust(
        everywhere=written(tmp_path / "private.pem", private.cert_pem.bytes()),
        environment={"SSL_CERT_FILE": str(written(tmp_path / "usual.pem", usual.cert_pem.bytes()))},
    )
    assert status(trust, serve(ok, issued(usual)).url + "/") == 200
    assert status(trust, serve(ok, issued(private)).url + "/") == 200
    with pytest.raises(ConnectionFailed, match="the certificate is not trusted"):
        status(trust, serve(ok, issued(unknown)).url + "/")


def test_a_folder_of_certificates_needs_no_hashed_names(serve: Serve, tmp_path: Path) -> None:
    ca = trustme.CA()
    folder = tmp_path / "certs"
    folder.mkdir()
    written(folder / "mine.crt", ca.cert_pem.bytes())
    written(folder / "other.crt", b"\x30\x82")
    server = serve(ok, issued(ca))
    assert status(Trust(environment={"SSL_CERT_DIR": f"/nowhere:{folder}"}), server.url + "/") == 200
    assert status(Trust(everywhere=folder), server.url + "/") == 200


def test_the_systems_store_is_read_where_nothing_is_named(serve: Serve) -> None:
    with pytest.raises(ConnectionFailed, match="the certificate is not trusted"):
        status(Trust(), serve(ok, issued(trustme.CA())).url + "/")


def test_certificates_and_keys_of_certs_d_are_used(serve: Serve, tmp_path: Path) -> None:
    ca = trustme.CA()
    context = issued(ca)
    ca.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    server = serve(ok, context)
    folder = tmp_path / server.host
    folder.mkdir()
    client = ca.issue_cert("client.test")
    written(folder / "ca.crt", ca.cert_pem.bytes())
    written(folder / "client.cert", client.cert_chain_pems[0].bytes())
    written(folder / "client.key", client.private_key_pem.bytes())
    assert status(Trust(folders=(tmp_path,)), server.url + "/") == 200


def test_der_given_as_pem_is_a_usage_error_that_says_so(tmp_path: Path) -> None:
    ca = trustme.CA()
    der = x509.load_pem_x509_certificate(ca.cert_pem.bytes()).public_bytes(Encoding.DER)
    path = written(tmp_path / "ca.crt", der)
    for attempt in (
        lambda: check_pem(path, "ca-file"),
        lambda: status(Trust(everywhere=path), "https://127.0.0.1:1/"),
    ):
        with pytest.raises(ConfigError, match=r"ca-file: .*ca\.crt is DER, not PEM") as caught:
            attempt()
        assert caught.value.hint == "convert it: openssl x509 -inform der -in ca.crt -out ca.pem"


@pytest.mark.parametrize("content", [b"", b"hello", b"-----BEGIN RSA-----\nx\n-----END RSA-----\n"])
def test_a_file_without_certificates_is_a_usage_error(tmp_path: Path, content: bytes) -> None:
    path = written(tmp_path / "ca.pem", content)
    with pytest.raises(ConfigError, match=r"ca-file: .*no certificates in it"):
        status(Trust(everywhere=path), "https://127.0.0.1:1/")


def test_a_key_that_is_not_that_of_the_certificate_is_a_usage_error(tmp_path: Path) -> None:
    ca = trustme.CA()
    first, other = ca.issue_cert("a.test"), ca.issue_cert("b.test")
    pair = (
        written(tmp_path / "a.pem", first.cert_chain_pems[0].bytes()),
        written(tmp_path / "b.key", other.private_key_pem.bytes()),
    )
    with pytest.raises(ConfigError, match=r"client certificate: .*b\.key: key values mismatch"):
        status(Trust(client_certificates={"127.0.0.1:1": pair}), "https://127.0.0.1:1/")


def test_the_bundle_without_anything_named_is_the_systems(tmp_path: Path) -> None:
    joined = Path(bundle(Trust(everywhere=written(tmp_path / "ca.pem", trustme.CA().cert_pem.bytes()))))
    assert joined.read_bytes().count(b"BEGIN CERTIFICATE") > 50
