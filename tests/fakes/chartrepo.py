"""A chart repository on a real socket: index with ETag, archives below it, and what can be wrong with either."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.fakes.wire import Reply, Seen, WireServer


def archive(name: str, version: str, *, size: int = 0) -> bytes:
    """Return a packed chart; `size` bytes of zeros come with it."""
    files = {
        "Chart.yaml": f"apiVersion: v2\nname: {name}\nversion: {version}\n".encode(),
        "values.yaml": b"replicas: 1\n",
    }
    if size:
        files["zeros"] = bytes(size)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for path, data in files.items():
            member = tarfile.TarInfo(f"{name}/{path}")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return packed.getvalue()


@dataclass
class ChartRepo:
    """Serves `/charts`; `replies` come instead of its own answers, by path.

    `users` are asked for Basic credentials. `compress` sends the index as gzip. `seen` are all requests.
    """

    users: Mapping[str, str] = field(default_factory=dict)
    compress: bool = False
    replies: dict[str, Reply] = field(default_factory=dict)
    archives: dict[str, bytes] = field(default_factory=dict)
    index: bytes = b"apiVersion: v1\nentries:\n"

    def __post_init__(self) -> None:
        self.server = WireServer(answer=self._answer)

    @property
    def url(self) -> str:
        return f"http://{self.server.host}/charts"

    @property
    def lines(self) -> list[str]:
        """The method and target of every request."""
        return [seen.line for seen in self.server.seen]

    def add(
        self, name: str, *versions: str, url: str = "", digest: str | None = None, data: bytes | None = None
    ) -> None:
        """Put versions of a chart in; give what is wrong with them, and several URLs with blanks between."""
        self.index += f"  {name}:\n".encode()
        for version in versions:
            packed = archive(name, version) if data is None else data
            file = f"{name}-{version}.tgz"
            self.archives[f"/charts/{file}"] = packed
            stated = hashlib.sha256(packed).hexdigest() if digest is None else digest
            line = f"    digest: {json.dumps(stated)}\n" if stated else ""
            self.index += (
                f"  - apiVersion: v2\n{line}    name: {name}\n    urls:\n"
                + "".join(f"    - {place}\n" for place in (url or file).split())
                + f"    version: {version}\n"
            ).encode()

    def close(self) -> None:
        self.server.close()

    def _answer(self, seen: Seen) -> Reply:
        if seen.path in self.replies:
            return self.replies[seen.path]
        if self.users and not self._is_known(seen.headers.get("authorization", "")):
            return Reply(status=401, headers=[("WWW-Authenticate", "Basic realm=charts")])
        if seen.path == "/charts/index.yaml":
            return self._index(seen)
        data = self.archives.get(seen.path)
        return Reply(status=404) if data is None else Reply(body=data)

    def _index(self, seen: Seen) -> Reply:
        tag = f'"{hashlib.sha256(self.index).hexdigest()[:16]}"'
        if seen.headers.get("if-none-match") == tag:
            return Reply(status=304, headers=[("ETag", tag)])
        if self.compress and "gzip" in seen.headers.get("accept-encoding", ""):
            return Reply(
                headers=[("ETag", tag), ("Content-Encoding", "gzip")], body=gzip.compress(self.index)
            )
        return Reply(headers=[("ETag", tag)], body=self.index)

    def _is_known(self, header: str) -> bool:
        pairs = (f"{name}:{password}".encode() for name, password in self.users.items())
        return header in {f"Basic {base64.b64encode(pair).decode()}" for pair in pairs}
