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
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any
from urllib.parse import unquote

import urllib3
from requests.adapters import HTTPAdapter
from requests.exceptions import RequestException
from urllib3.exceptions import HTTPError

from oci_chart_publish.http.address import Origin, origin_of, redact
from oci_chart_publish.http.answer import Answer, Sink
from oci_chart_publish.http.authorities import context_for
from oci_chart_publish.http.credentials import Credential
from oci_chart_publish.http.exchange import DRAIN, OriginPool
from oci_chart_publish.http.failures import failure
from oci_chart_publish.http.tls import Trust, proxy_for
from oci_chart_publish.oci.content import Content

__all__ = ("DRAIN", "Transport")

_LOG = logging.getLogger(__name__)
_LOGGERS = ("connection", "connectionpool", "poolmanager", "response", "util.retry")


class Transport:
    """Connections to all hosts, as many as there are callers at a time. Safe for threads.

    ``connect`` and ``read`` are seconds for one socket operation, ``whole`` for all of an answer: a server
    that drips a byte a second passes the first two for ever.
    """

    def __init__(
        self,
        *,
        trust: Trust,
        connect: float = 10.0,
        read: float = 60.0,
        whole: float = 300.0,
    ) -> None:
        self._adapter = HTTPAdapter(pool_connections=64, max_retries=0)
        self._trust = trust
        self._timeout = urllib3.Timeout(connect=connect, read=read)
        self._whole = whole
        self._lanes: dict[str, OriginPool] = {}
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._connect = connect
        self._read = read
        self._lock = threading.Lock()
        _redact_logs()

    def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | Content | None,
        *,
        limit: int,
        sink: Sink | None = None,
    ) -> Answer:
        """Send one request and read its answer; ConnectionFailed where there is none."""
        end = url.find("/", 8)
        root = url[:end] if end > 0 else url.partition("?")[0]
        lane = self._lanes.get(root) or self._lane(root)
        target = url if lane.forward else url[len(root) :]
        if not target.startswith(("/", "http")):
            target = f"/{target}"
        try:
            status, fields, data, whole = lane.exchange(
                method, target, headers, body, limit=limit, whole=self._whole, url=url, sink=sink
            )
        except (RequestException, HTTPError, HTTPException, ValueError, OSError) as error:
            # Not "from error": its text holds the URL, whose query may be a secret.
            raise failure(method, url, error, proxied=lane.proxied) from None
        if _LOG.isEnabledFor(logging.DEBUG):
            _LOG.debug("%s %s: %d", method, redact(url), status)
        return Answer(method=method, url=url, status=status, headers=fields, body=data, whole=whole)

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            for lane in self._lanes.values():
                lane.close()
        self._adapter.close()

    def _lane(self, root: str) -> OriginPool:
        origin = origin_of(root)
        with self._lock:
            if root not in self._lanes:
                self._lanes[root] = self._opened(origin)
            return self._lanes[root]

    def _opened(self, origin: Origin) -> OriginPool:
        where: Any = {"host": origin.host, "port": origin.port, "scheme": origin.scheme}
        settings: dict[str, Any] = {"timeout": self._timeout}
        secure = origin.scheme == "https"
        if secure:
            settings["ssl_context"] = self._context(origin.name)
        proxy = proxy_for(origin, self._trust.environment)
        if not proxy:
            pool = self._adapter.poolmanager.connection_from_host(**where, pool_kwargs=settings)
            return OriginPool(pool, connect=self._connect, read=self._read)
        _LOG.debug("%s: through the proxy %s", origin, redact(proxy))
        manager = self._manager(proxy)
        pool = manager.connection_from_host(**where, pool_kwargs=settings)
        socks = proxy.startswith("socks")
        return OriginPool(
            pool,
            connect=self._connect,
            read=self._read,
            proxied=True,
            tunnel=secure and not socks,
            forward=not secure and not socks,
        )

    def _manager(self, proxy: str) -> urllib3.PoolManager:
        """Return the pools behind a proxy; its login goes into headers, or into the greeting of SOCKS."""
        scheme, _, authority = proxy.partition("://")
        login, _, place = authority.rpartition("@")
        user, colon, password = login.partition(":")
        if scheme.startswith("socks"):
            from urllib3.contrib.socks import SOCKSProxyManager  # noqa: PLC0415 - few need it

            return SOCKSProxyManager(
                f"{scheme}://{place}",
                username=unquote(user) or None,
                password=unquote(password) if colon else None,
            )
        headers = {"Proxy-Authorization": _basic(unquote(user), unquote(password))} if login else {}
        secure = self._context(origin_of(f"https://{place}").name) if scheme == "https" else None
        return urllib3.ProxyManager(f"{scheme}://{place}", proxy_headers=headers, proxy_ssl_context=secure)

    def _context(self, name: str) -> ssl.SSLContext:
        """Return the context of a host: one for all that have no settings of their own."""
        key = name if self._trust.knows(name) else ""
        if key not in self._contexts:
            self._contexts[key] = context_for(self._trust, name)
        return self._contexts[key]


def _basic(user: str, password: str) -> str:
    return Credential(username=user, password=password).basic


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
        if not any(isinstance(result, _Redactor) for result in logger.filters):
            logger.addFilter(_Redactor())
