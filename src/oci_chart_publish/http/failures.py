"""A connection that failed, in words of ours: those of the libraries hold URLs and their secrets."""

from __future__ import annotations

import errno
import re
import socket
import ssl

from oci_chart_publish.http.answer import ConnectionFailed


def failure(method: str, url: str, error: BaseException, *, proxied: bool) -> ConnectionFailed:
    """Return the error with a text of ours: those of the libraries hold URLs and their secrets."""
    chain = _chain(error)
    reason, temporary = _reason(chain)
    unreachable = _is_unreachable(chain)
    hint = next((text for start, text in _ADVICE.items() if reason.startswith(start)), "")
    if proxied:
        hint = "" if unreachable else hint
        reason, hint = f"through the proxy: {reason}", hint or "see HTTPS_PROXY, HTTP_PROXY and NO_PROXY"
    return ConnectionFailed(
        method, url, reason, hint=hint, temporary=temporary, unreachable=unreachable and temporary
    )


_ADVICE = {
    "the certificate is not trusted": "give the CA file of this host",
    "it asks for a client certificate": "give client-cert and client-key",
    "it refuses the TLS connection": "where it wants a client certificate, give client-cert and client-key",
    "no tunnel: 407": "the proxy wants a login: write USER:PASSWORD@ before its host, percent-encoded",
    "it does not speak TLS": "ask for plain HTTP to this host by name, if that is meant",
    "the host name is not known": "is it spelled right, and is there a network?",
    "connection refused": "is the registry up, and the port right?",
}
_LATER = frozenset({408, 429})
_NOT_TLS = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "UNKNOWN_PROTOCOL"})
_NOBODY_THERE = frozenset(
    {errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN}
)
_UNSENDABLE = "not a URL or header that can be sent"


def _chain(error: BaseException) -> list[BaseException]:
    """Return an error and those it wraps, the innermost last."""
    chain: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in chain and len(chain) < 8:
        chain.append(link)
        reason = getattr(link, "reason", None)
        inner = next((arg for arg in link.args if isinstance(arg, BaseException)), None)
        link = reason if isinstance(reason, BaseException) else inner or link.__cause__ or link.__context__
    return chain


def _reason(chain: list[BaseException]) -> tuple[str, bool]:
    """Return what happened in words, and whether it may go better the next time."""
    names = {type(link).__name__ for link in chain}
    last = chain[-1]
    for link in chain:
        if isinstance(link, ssl.SSLCertVerificationError):
            return f"the certificate is not trusted: {link.verify_message}", False
        if isinstance(link, ssl.SSLError) and "ALERT" in str(link.reason):
            return _of_tls(str(link.reason))
    if names & {"LocationParseError", "LocationValueError", "InvalidURL", "UnicodeEncodeError", "ValueError"}:
        return _UNSENDABLE, False
    if isinstance(last, ssl.SSLError):
        return _of_tls(str(last.reason or ""))
    if isinstance(last, socket.gaierror):
        return "the host name is not known", last.errno == socket.EAI_AGAIN
    if names & {"ConnectTimeoutError", "ReadTimeoutError", "TimeoutError"}:
        return "no answer in time", True
    if "GeneralProxyError" in names or "SOCKS5AuthError" in names:
        return "it refuses", False
    if isinstance(last, OSError) and last.strerror:
        return last.strerror.lower(), True
    if result := re.match(r"Tunnel connection failed: ([0-9]{3})", str(last)):
        status = int(result.group(1))
        return f"no tunnel: {status}", status >= 500 or status in _LATER
    if "ProxySchemeUnknown" in names or "SOCKS" in str(last)[:40]:
        return "it does not speak the protocol of its URL", False
    return f"the connection broke ({type(last).__name__})", True


def _of_tls(code: str) -> tuple[str, bool]:
    """Return what OpenSSL's code for a failure means. An alert is the other side's answer, which stays the same."""
    if code in _NOT_TLS:
        return "it does not speak TLS", False
    if "CERTIFICATE_REQUIRED" in code:
        return "it asks for a client certificate", False
    if "ALERT" in code and "INTERNAL_ERROR" not in code:
        alert = code.rpartition("ALERT_")[2].replace("_", " ").lower()
        return f"it refuses the TLS connection ({alert})", False
    if any(word in code for word in ("UNSUPPORTED_PROTOCOL", "NO_CIPHERS", "NO_SHARED", "WRONG_SSL_VERSION")):
        return f"it speaks no TLS that is safe ({code.replace('_', ' ').lower()})", False
    return f"TLS failed: {code.replace('_', ' ').lower() or 'broken off'}", True


def _is_unreachable(chain: list[BaseException]) -> bool:
    """Tell whether there was no connection at all, as opposed to one that broke or said nothing."""
    last = chain[-1]
    if isinstance(last, socket.gaierror) or any(
        type(link).__name__ == "ConnectTimeoutError" for link in chain
    ):
        return True
    return isinstance(last, OSError) and last.errno in _NOBODY_THERE
