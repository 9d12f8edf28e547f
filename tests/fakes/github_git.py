"""A real bare repository behind the stand-in: what the API creates can be fetched, what is pushed can be asked for."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tests.fakes.git import ENV

_BOT = {
    "GIT_AUTHOR_NAME": "github-actions[bot]",
    "GIT_AUTHOR_EMAIL": "bot@example.com",
    "GIT_AUTHOR_DATE": "1767323045 +0000",
    "GIT_COMMITTER_NAME": "GitHub",
    "GIT_COMMITTER_EMAIL": "noreply@example.com",
    "GIT_COMMITTER_DATE": "1767323045 +0000",
}


class GitObjects:
    """The repository at ``root``, as far as GitHub's API reads and writes it."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def refs(self) -> dict[str, str]:
        """Return each ref below ``refs/`` (without it) and what it names: a commit or a tag object."""
        lines = self._git("for-each-ref", "--format=%(refname) %(objectname)").splitlines()
        pairs = (line.split(" ") for line in lines)
        return {name.removeprefix("refs/"): sha for name, sha in pairs}

    def commits(self) -> list[tuple[str, tuple[str, ...], str]]:
        """Return every commit that a ref leads to: its SHA, its parents, its message."""
        listed = self._git("log", "--all", "--format=%H%x00%P%x00%B%x01").split("\x01\n")
        fields = (entry.rstrip("\x01").split("\x00") for entry in listed if entry.strip())
        return [(sha, tuple(parents.split()), message.strip()) for sha, parents, message in fields]

    def tag_object(self, sha: str) -> tuple[str, str, str] | None:
        """Return the name, target and message of a tag object; None where it is a commit."""
        if self._git("cat-file", "-t", sha).strip() != "tag":
            return None
        head, _, message = self._git("cat-file", "tag", sha).partition("\n\n")
        known = dict(line.split(" ", 1) for line in head.splitlines())
        return known["tag"], known["object"], message.strip()

    def create_tag(self, name: str, target: str, message: str) -> str:
        """Write a tag object."""
        text = (
            f"object {target}\ntype commit\ntag {name}\n"
            f"tagger {_BOT['GIT_AUTHOR_NAME']} <{_BOT['GIT_AUTHOR_EMAIL']}> {_BOT['GIT_AUTHOR_DATE']}\n\n{message}\n"
        )
        return self._git("mktag", data=text.encode()).strip()

    def update_ref(self, ref: str, sha: str) -> None:
        """Point a ref (``heads/main``) to an object."""
        self._git("update-ref", f"refs/{ref}", sha)

    def commit(self, parent: str, message: str, files: Mapping[str, bytes | None]) -> str:
        """Write a commit on top of another; a file of None is deleted. A file keeps its mode."""
        with tempfile.TemporaryDirectory() as folder:
            index = {"GIT_INDEX_FILE": f"{folder}/index"}
            self._git("read-tree", parent, more=index)
            for path, data in files.items():
                if data is None:
                    self._git(
                        "update-index", "--index-info", data=f"0 {'0' * 40}\t{path}\n".encode(), more=index
                    )
                    continue
                known = self._git("ls-tree", parent, "--", path).split(" ")[0] or "100644"
                blob = self._git("hash-object", "-w", "--stdin", data=data).strip()
                self._git("update-index", "--add", "--cacheinfo", f"{known},{blob},{path}", more=index)
            tree = self._git("write-tree", more=index).strip()
        return self._git("commit-tree", tree, "-p", parent, "-m", message).strip()

    def _git(self, *args: str, data: bytes = b"", more: Mapping[str, str] | None = None) -> str:
        done = subprocess.run(
            ["git", *args],
            cwd=self.root,
            env={**ENV, **_BOT, **(more or {})},
            input=data,
            capture_output=True,
            check=False,
        )
        if done.returncode:
            raise AssertionError(f"git {' '.join(args)}: {done.stderr.decode()}")
        return done.stdout.decode("utf-8", "surrogateescape")
