"""The only user of ``requests``: its connection pools, without its conveniences.

``requests.Session`` reads netrc, follows redirects, keeps cookies, decompresses and rewrites URLs; all of it is
wrong for a client of registries. So a request is handed to the transport adapter directly, with everything
decided by the caller: one call sends one request, as it is, and reads one answer, as it came.
"""

from __future__ import annotations

import logging
import re
import ssl
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import urllib3
from requests.adapters import HTTPAdapter
from requests.exceptions import RequestException
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import HTTPError

from oci_chart_publish.registry.address import Origin, origin_of
from oci_chart_publish.registry.answer import Answer, NoAnswer
from oci_chart_publish.registry.trust import Trust, proxy_for

_LOG = logging.getLogger(__name__)
_CHUNK = 256 * 1024
_OK = 200
DRAIN = 64 * 1024
"""Bytes of an unwanted body that are read to keep a connection; more, and it is closed."""

_LOGGERS = ("connection", "connectionpool", "poolmanager", "response", "util.retry")


class Transport:
    """Connections to all hosts, at most ``connections`` to each. Safe for threads.

    ``connect`` and ``read`` are seconds for one socket operation, ``whole`` for all of an answer: a server
    that drips a byte a second passes the first two for ever.
    """

    def __init__(
        self,
        *,
        connections: int,
        trust: Trust,
        connect: float = 10.0,
        read: float = 60.0,
        whole: float = 300.0,
    ) -> None:
        self._adapter = HTTPAdapter(
            pool_connections=64, pool_maxsize=connections, max_retries=0, pool_block=True
        )
        self._trust = trust
        self._timeout = urllib3.Timeout(connect=connect, read=read)
        self._whole = whole
        self._pools: dict[str, tuple[HTTPConnectionPool, bool]] = {}
        self._lock = threading.Lock()
        if trust.insecure:  # asked for, host by host: not worth a warning a request
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        _redact_logs()

    def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, *, limit: int
    ) -> Answer:
        """Send one request and read its answer; NoAnswer where there is none."""
        root = url[: url.find("/", 8)] if url.find("/", 8) > 0 else url
        pool, absolute = self._pools.get(root) or self._connect(root)
        target = url if absolute else url[len(root) :] or "/"
        ends = time.monotonic() + self._whole
        try:
            response = cast(
                "urllib3.HTTPResponse",
                pool.urlopen(
                    method,
                    target,
                    body=body,
                    headers=headers,
                    retries=False,
                    redirect=False,
                    assert_same_host=False,
                    timeout=self._timeout,
                    preload_content=False,
                    decode_content=False,
                ),
            )
        except (RequestException, HTTPError, ValueError, OSError) as error:
            # Not "from error": its text holds the URL, whose query may be a secret.
            raise _failure(method, url, error) from None
        try:
            data, whole = _read(response, limit if response.status == _OK else DRAIN, ends)
        except (RequestException, HTTPError, ValueError, OSError) as error:
            _discard(response)
            raise _failure(method, url, error) from None
        except BaseException:
            _discard(response)
            raise
        return Answer(
            method=method, url=url, status=response.status, headers=response.headers, body=data, whole=whole
        )

    def close(self) -> None:
        """Close all connections."""
        self._adapter.close()

    def _connect(self, root: str) -> tuple[HTTPConnectionPool, bool]:
        origin = origin_of(root)
        with self._lock:
            if root not in self._pools:
                self._pools[root] = self._pool(origin)
            return self._pools[root]

    def _pool(self, origin: Origin) -> tuple[HTTPConnectionPool, bool]:
        """Return the pool, and whether it wants absolute targets (plain HTTP through a proxy)."""
        where = {"host": origin.host, "port": origin.port, "scheme": origin.scheme}
        settings: dict[str, Any] = {}
        if origin.scheme == "https":
            settings["ssl_context"] = self._context(origin.name)
        proxy = proxy_for(origin, self._trust.environment)
        if not proxy:
            return self._adapter.poolmanager.connection_from_host(**where, pool_kwargs=settings), False
        _LOG.debug("%s: through the proxy %s", origin, re.sub(r"//[^/@]*@", "//***@", proxy))
        manager = self._adapter.proxy_manager_for(proxy)
        return manager.connection_from_host(**where, pool_kwargs=settings), origin.scheme == "http"

    def _context(self, name: str) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if name in self._trust.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        else:
            _load(context, self._trust.bundle(name))
        if certificate := self._trust.client_certificates.get(name):
            context.load_cert_chain(*certificate)
        return context


def _load(context: ssl.SSLContext, bundle: str) -> None:
    if not bundle:
        import certifi  # noqa: PLC0415 - read at the first TLS connection only

        bundle = certifi.where()
    if Path(bundle).is_dir():
        context.load_verify_locations(capath=bundle)
    else:
        context.load_verify_locations(cafile=bundle)


def _read(response: urllib3.HTTPResponse, limit: int, ends: float) -> tuple[bytes, bool]:
    """Read at most ``limit`` bytes, undecoded; the connection is kept if that was all of the body.

    ``read1`` returns what one receive brings: ``read`` would let a dripping server stay in it for ever.
    """
    left = response.length_remaining
    if left == 0:
        response.read()
        return b"", True
    if left is not None and left > limit and response.status == _OK:
        _discard(response)
        return b"", False
    parts: list[bytes] = []
    left = limit
    while True:
        part = response.read1(min(_CHUNK, left + 1), decode_content=False)
        if not part:
            response.release_conn()
            return b"".join(parts), True
        parts.append(part[:left])
        left -= len(part)
        if left < 0:
            _discard(response)
            return b"".join(parts), False
        if time.monotonic() > ends:
            raise TimeoutError("the answer takes too long")


def _discard(response: urllib3.HTTPResponse) -> None:
    """Close the connection of an answer that is not read to its end, and give its place in the pool back."""
    response.close()
    response.release_conn()


def _failure(method: str, url: str, error: BaseException) -> NoAnswer:
    """Return the error with a text of ours: those of the libraries hold URLs and their secrets."""
    chain: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in chain and len(chain) < 8:
        chain.append(link)
        reason = getattr(link, "reason", None)
        inner = next((arg for arg in link.args if isinstance(arg, BaseException)), None)
        link = reason if isinstance(reason, BaseException) else inner or link.__cause__ or link.__context__
    certificate = next((link for link in chain if isinstance(link, ssl.SSLCertVerificationError)), None)
    if certificate is not None:
        return NoAnswer(
            method,
            url,
            f"the certificate is not trusted: {certificate.verify_message}",
            hint="give the CA file of this host",
            temporary=False,
        )
    last = chain[-1]
    names = {type(link).__name__ for link in chain}
    if isinstance(last, ssl.SSLError):
        return NoAnswer(method, url, f"TLS failed: {last.reason or 'no common protocol'}")
    if names & {"NameResolutionError", "gaierror"}:
        return NoAnswer(method, url, "the host name is not known")
    if names & {"ConnectTimeoutError", "ReadTimeoutError", "TimeoutError"}:
        return NoAnswer(method, url, "no answer in time")
    if "ProxyError" in names:
        return NoAnswer(method, url, "the proxy failed", hint="see HTTPS_PROXY, HTTP_PROXY and NO_PROXY")
    if isinstance(last, OSError) and last.strerror:
        return NoAnswer(method, url, last.strerror.lower())
    if names & {"LocationParseError", "LocationValueError", "InvalidURL", "UnicodeEncodeError"}:
        return NoAnswer(method, url, "not a URL or header that can be sent", temporary=False)
    return NoAnswer(method, url, f"the connection broke ({type(last).__name__})")


class _Redactor(logging.Filter):
    """Cuts queries out of urllib3's records: signed URLs are secrets."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record and keep it."""
        text = re.sub(r"//[^/@\s]*@", "//***@", record.getMessage())
        record.msg, record.args = re.sub(r"\?[^\s'\")]*", "?***", text), ()
        record.exc_info, record.exc_text = None, None
        return True


def _redact_logs() -> None:
    for name in _LOGGERS:
        logger = logging.getLogger(f"urllib3.{name}")
        if not any(isinstance(found, _Redactor) for found in logger.filters):
            logger.addFilter(_Redactor())
