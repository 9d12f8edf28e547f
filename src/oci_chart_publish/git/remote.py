"""The web address of a repository, from the URL that git fetches it from."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

_SCP = re.compile(r"(?:[^/@:]+@)?(?P<host>[^/@:\[\]]+|\[[0-9a-fA-F:]+\]):(?P<path>.+)")
_WEB = {"http", "https"}
_SCHEMES = _WEB | {"ssh", "git", "git+ssh", "ssh+git"}


def web_url(remote: str) -> str:
    """Return ``https://host/owner/repo`` for a remote of any form, or "" for one without a host.

    Credentials, queries and a final ``.git`` are dropped; a port is kept only where it is one of the web.
    """
    scheme, separator, _ = remote.partition("://")
    if not separator:
        match = _SCP.fullmatch(remote)
        return _join("https", match["host"], match["path"]) if match and not _drive(match["host"]) else ""
    if scheme.lower() not in _SCHEMES:
        return ""
    try:
        parts = urlsplit(remote)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return ""
    if not host:
        return ""
    host = f"[{host}]" if ":" in host else host
    web = parts.scheme in _WEB
    return _join(
        parts.scheme if web and port else "https", f"{host}:{port}" if web and port else host, parts.path
    )


def _drive(host: str) -> bool:
    return len(host) == 1 and host.isalpha()


def _join(scheme: str, host: str, path: str) -> str:
    plain = path.strip("/").removesuffix(".git").rstrip("/")
    return f"{scheme}://{host.lower()}/{plain}" if plain else ""
