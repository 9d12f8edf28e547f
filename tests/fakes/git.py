"""Builders of real git repositories in temporary folders."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

# Nothing of the machine's own configuration; file:// submodules are what tests have.
ENV = {
    "PATH": os.defpath if not Path("/usr/local/bin").is_dir() else f"/usr/local/bin:{os.defpath}",
    "HOME": os.devnull,
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "LC_ALL": "C",
}
_COMMITTER = {
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.com",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.com",
    "GIT_ALLOW_PROTOCOL": "file:http",
}
NEW_YEAR = 1_704_067_200


class GitRepo:
    """A repository that a test writes: files, commits (one minute apart unless dated), tags, branches."""

    def __init__(self, root: Path, *, init: bool = True) -> None:
        self.root = root
        self._clock = NEW_YEAR
        if init:
            root.mkdir(parents=True, exist_ok=True)
            self.git("init", "--quiet", "--initial-branch=main")

    @classmethod
    def clone(cls, source: Path | str, root: Path, *options: str) -> GitRepo:
        """Clone over ``file://`` (depth counts then), or from a URL."""
        url = source if isinstance(source, str) else source.as_uri()
        cls(root.parent, init=False).git("clone", "--quiet", *options, url, str(root))
        return cls(root, init=False)

    def git(self, *args: str, env: Mapping[str, str] | None = None) -> str:
        """Run git and return what it printed; CalledProcessError shows its words."""
        done = subprocess.run(
            ["git", *args],
            cwd=self.root,
            env={**ENV, **_COMMITTER, **(env or {})},
            capture_output=True,
            check=False,
        )
        if done.returncode:
            raise AssertionError(f"git {' '.join(args)}: {done.stderr.decode()}")
        return os.fsdecode(done.stdout).strip()

    def write(self, files: Mapping[str, str | bytes]) -> None:
        """Write files below the root, with their folders."""
        for name, data in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data if isinstance(data, bytes) else data.encode())

    def commit(self, message: str = "change", *, date: int | None = None, add: bool = True) -> str:
        """Commit everything (what is in the index, without ``add``) and return the sha; ``date`` in epoch seconds."""
        if add:
            self.git("add", "--all")
        self._clock = date if date is not None else self._clock + 60
        stamp = f"{self._clock} +0000"
        dates = {"GIT_AUTHOR_DATE": stamp, "GIT_COMMITTER_DATE": stamp}
        self.git(
            "commit", "--quiet", "--allow-empty", "--allow-empty-message", "--cleanup=verbatim",
            "--message", message, env=dates,
        )  # fmt: skip
        return self.git("rev-parse", "HEAD")

    def tag(self, name: str, rev: str = "HEAD", *, message: str = "") -> None:
        """Tag a commit; annotated where there is a message."""
        self.git("tag", *(("--annotate", "--message", message) if message else ()), name, rev)

    def branch(self, name: str, rev: str = "HEAD") -> None:
        """Create a branch and switch to it."""
        self.git("switch", "--quiet", "--create", name, rev)

    def switch(self, name: str) -> None:
        """Switch to a branch."""
        self.git("switch", "--quiet", name)

    def merge(self, name: str, message: str = "merge") -> str:
        """Merge a branch with a merge commit and return its sha."""
        self._clock += 60
        stamp = f"{self._clock} +0000"
        dates = {"GIT_AUTHOR_DATE": stamp, "GIT_COMMITTER_DATE": stamp}
        self.git("merge", "--quiet", "--no-ff", "--message", message, name, env=dates)
        return self.git("rev-parse", "HEAD")


def chart_yaml(name: str, version: str = "1.0.0") -> str:
    """Return the smallest Chart.yaml that Helm accepts."""
    return f"apiVersion: v2\nname: {name}\nversion: {version}\n"
