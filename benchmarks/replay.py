"""The limit: a bare client that sends the requests of a publish with ready-made blobs, and does nothing else.

``python replay.py HOST:PORT PREFIX THREADS LAYOUT`` replays, for each manifest named in the layout, the look-up, the
two uploads (POST and PUT) and the manifest, over kept connections.
"""

from __future__ import annotations

import http.client
import json
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

ACCEPT = "application/vnd.oci.image.manifest.v1+json"
_local = threading.local()


def _ask(
    host: str, method: str, target: str, body: bytes | None = None, kind: str = ""
) -> http.client.HTTPResponse:
    connection: http.client.HTTPConnection | None = getattr(_local, "connection", None)
    if connection is None:
        connection = _local.connection = http.client.HTTPConnection(host)
    headers = {"Content-Type": kind} if kind else {}
    if method == "HEAD":
        headers["Accept"] = ACCEPT
    connection.request(method, target, body, headers)
    answer = connection.getresponse()
    answer.read()
    return answer


def push(host: str, prefix: str, layout: Path, entry: dict[str, object]) -> None:
    """Replay one chart."""
    blobs = layout / "blobs" / "sha256"
    data = (blobs / str(entry["digest"]).partition(":")[2]).read_bytes()
    manifest = json.loads(data)
    name, _, tag = str(entry["annotations"]["org.opencontainers.image.ref.name"]).rpartition(":")  # type: ignore[index]
    path = f"/v2/{prefix}/{name.rpartition('/')[2]}"
    _ask(host, "HEAD", f"{path}/manifests/{tag}")
    for blob in (manifest["config"], *manifest["layers"]):
        content = (blobs / blob["digest"].partition(":")[2]).read_bytes()
        location = _ask(host, "POST", f"{path}/blobs/uploads/").headers["Location"]
        parts = urlsplit(location)
        mark = "&" if parts.query else "?"
        target = f"{parts.path}{'?' + parts.query if parts.query else ''}{mark}digest={blob['digest']}"
        answer = _ask(host, "PUT", target, content, "application/octet-stream")
        if answer.status != 201:
            raise SystemExit(f"PUT {target}: {answer.status}")
    answer = _ask(host, "PUT", f"{path}/manifests/{tag}", data, ACCEPT)
    if answer.status != 201:
        raise SystemExit(f"PUT manifest: {answer.status}")


def main() -> None:
    """Replay everything that is named in the layout."""
    host, prefix, threads, folder = sys.argv[1], sys.argv[2], int(sys.argv[3]), Path(sys.argv[4])
    entries = json.loads((folder / "index.json").read_bytes())["manifests"]
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(lambda entry: push(host, prefix, folder, entry), entries):
            pass


if __name__ == "__main__":
    main()
