"""The only user of git: one repository, read without trusting its configuration or its file names.

Every call is one short process. Nothing is written to the repository but what a fetch of missing history brings.
Hooks, pagers, prompts, optional locks, external diff programs and text conversions are off. In a workflow the work tree
of an action belongs to another user than the container's: there ``safe.directory`` is set, for the process alone.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Self

import msgspec

from oci_chart_publish.errors import ConfigError, PublishError
from oci_chart_publish.git.blobs import BlobReader
from oci_chart_publish.git.environment import authorise, environment, give_back, locate, trust
from oci_chart_publish.git.log import LOG_FORMAT, Commit, parse_log
from oci_chart_publish.git.remote import web_url

DEPTH_HINT = (
    "check the repository out with its history: add 'fetch-depth: 0' to the 'with:' of actions/checkout"
)
GITHUB = "https://github.com"

_TAGS = "%(refname:strip=2)%00%(objecttype)%00%(objectname)%00%(*objecttype)%00%(*objectname)"
_ALL_TAGS = "+refs/tags/*:refs/tags/*"
_SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
# As git-check-ref-format has it, as far as a refspec would be another one.
_BRANCH = re.compile(r"(?!.*(?:\.\.|@\{|//))[^-/\x00-\x20\x7f~^:?*\[\\][^\x00-\x20\x7f~^:?*\[\\]*(?<![/.])")
_QUIET = ("--quiet", "--no-recurse-submodules", "--no-prune", "--no-auto-maintenance")
_PLAIN_DIFF = (
    "--no-ext-diff",
    "--no-textconv",
    "--no-renames",
    "--no-color",
    "-O/dev/null",
    "-z",
    "--name-only",
)


class LastChange(msgspec.Struct, frozen=True):
    """The last commit that touched some paths, and its time in seconds since the epoch (of the committer)."""

    sha: str
    time: int


class Git:
    """Runs git in one folder, with a fixed environment."""

    def __init__(
        self,
        folder: Path,
        env: Mapping[str, str],
        *,
        bare: bool = False,
        config: Sequence[tuple[str, str]] = (),
    ) -> None:
        program = shutil.which("git", path=env.get("PATH", os.defpath))
        if not program:
            raise ConfigError(
                f"{folder} is a git repository, but there is no git program on the PATH",
                hint="install git, or run on a copy of the charts without the .git folder",
            )
        self.folder = folder
        self._given = env
        self._program = program
        self._env = environment(env, [*trust(folder, env), *config])
        if bare:
            self._env["GIT_DIR"] = str(folder)

    def within(self, folder: Path) -> Git:
        """Return a runner for another work tree, such as a submodule's."""
        return Git(folder, self._given)

    def run(self, *args: str, stdin: bytes = b"", attributes: str = "") -> subprocess.CompletedProcess[bytes]:
        """Run to the end and return status, stdout and stderr; ``attributes`` is the commit they are read from."""
        return subprocess.run(
            [self._program, *args],
            cwd=self.folder,
            env={**self._env, "GIT_ATTR_SOURCE": attributes} if attributes else self._env,
            input=stdin,
            capture_output=True,
            check=False,
        )

    def output(self, *args: str, stdin: bytes = b"", attributes: str = "") -> bytes:
        """Return stdout; PublishError with git's own words for any status but 0."""
        done = self.run(*args, stdin=stdin, attributes=attributes)
        if done.returncode:
            raise PublishError(f"git {args[0]} failed in {self.folder}: {failure_of(done)}")
        return done.stdout

    def start(self, *args: str) -> subprocess.Popen[bytes]:
        """Start a process to talk to."""
        return subprocess.Popen(
            [self._program, *args],
            cwd=self.folder,
            env=self._env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )


class GitRepository:
    """A git repository: its work tree, history and tags.

    ``root`` is the top of the work tree (of the bare repository where there is none, see ``bare``), as an absolute
    path without links. Paths are POSIX, relative to ``root``.
    """

    def __init__(self, git: Git, env: Mapping[str, str], *, bare: bool) -> None:
        self.root = git.folder
        self.bare = bare
        self._git = git
        self._env = env
        self._blobs = BlobReader(partial(git.start, "cat-file", "--batch"))
        self._partial: bool | None = None
        self._token, self._server = "", GITHUB
        self._submodules: dict[str, GitRepository] = {}

    @classmethod
    def open(cls, path: Path, env: Mapping[str, str]) -> GitRepository | None:
        """Return the repository that ``path`` lies in, or None where there is none; then git is never called.

        ConfigError where git is missing or refuses the repository.
        """
        result = locate(path)
        if result is None:
            return None
        root, bare = result
        git = Git(root, env, bare=bare)
        done = git.run("rev-parse", "--git-dir" if bare else "--show-toplevel")
        if done.returncode:
            foreign = "dubious ownership" in failure_of(done)
            hint = f"run as its owner, or trust it: git config --global --add safe.directory {root}"
            raise ConfigError(
                f"git cannot use the repository at {root}: {failure_of(done)}", hint=hint if foreign else ""
            )
        top = root if bare else Path(os.fsdecode(done.stdout.removesuffix(b"\n")))
        return cls(git if top == root else Git(top, env), env, bare=bare)

    @property
    def git(self) -> Git:
        """The runner, for the other modules of this folder."""
        return self._git

    def close(self) -> None:
        """End the processes that read files."""
        self._blobs.close()
        for submodule in self._submodules.values():
            submodule.close()

    def submodule(self, path: str) -> GitRepository | None:
        """Return the repository of a submodule that is checked out at a path, None where there is none."""
        folder = self.root / path
        if path not in self._submodules and (folder / ".git").exists() and not folder.is_symlink():
            self._submodules[path] = GitRepository(self._git.within(folder), self._env, bare=False)
        return self._submodules.get(path)

    def lfs_object(self, sha256: str) -> bytes | None:
        """Return a file that Git LFS has brought to this clone, by its digest; None where it has not, or it differs."""
        folder = os.fsdecode(self._git.output("rev-parse", "--git-common-dir").removesuffix(b"\n"))
        path = self.root / folder / "lfs" / "objects" / sha256[:2] / sha256[2:4] / sha256
        try:
            data = path.read_bytes()
        except OSError:
            return None
        return data if hashlib.sha256(data).hexdigest() == sha256 else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- revisions

    def commit(self, rev: str) -> str | None:
        """Return the full sha of the commit that ``rev`` names, or None."""
        done = self._git.run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{rev}^{{commit}}")
        return done.stdout.decode().strip() or None if done.returncode == 0 else None

    def require(self, rev: str) -> str:
        """Return the full sha of ``rev``; ConfigError where it names no commit."""
        sha = self.commit(rev)
        if sha is None:
            hint = DEPTH_HINT if self.is_shallow() else "give a branch, a tag or a commit that exists here"
            raise ConfigError(f"git knows no commit {rev!r} in {self.root}", hint=hint)
        return sha

    def head(self) -> str | None:
        """Return the sha of HEAD, or None before the first commit."""
        return self.commit("HEAD")

    def is_shallow(self) -> bool:
        """Tell whether history is cut off somewhere."""
        return self._git.output("rev-parse", "--is-shallow-repository").strip() == b"true"

    def merge_base(self, first: str, second: str) -> str | None:
        """Return the best common ancestor, or None where the histories do not meet (in this clone)."""
        done = self._git.run("merge-base", "--end-of-options", self.require(first), self.require(second))
        return done.stdout.decode().strip() or None if done.returncode == 0 else None

    def is_ancestor(self, first: str, second: str) -> bool:
        """Tell whether a commit is an ancestor of another, or the same (as far as this clone knows)."""
        return (
            self._git.run(
                "merge-base", "--is-ancestor", "--end-of-options", self.require(first), self.require(second)
            ).returncode
            == 0
        )

    def parents(self, rev: str) -> tuple[str, ...]:
        """Return the parents that a commit names, those that a shallow clone lacks too."""
        head = (
            self._git.output("cat-file", "commit", self.require(rev))
            .partition(b"\n\n")[0]
            .decode("utf-8", "replace")
        )
        return tuple(line.removeprefix("parent ") for line in head.splitlines() if line.startswith("parent "))

    # -- history

    def log(
        self, revs: Sequence[str], paths: Sequence[str] = (), *, first_parent: bool = False
    ) -> tuple[Commit, ...]:
        """Return the commits of ``revs`` ("v1..HEAD", "^sha", "HEAD"), newest first, with the files they touched.

        With ``paths`` only commits that touched them, and only those files. With ``first_parent`` merges count as
        one commit with all that they brought.
        """
        merges = ("--first-parent", "--diff-merges=first-parent") if first_parent else ("--diff-merges=off",)
        done = self._git.run(
            "log", f"--format={LOG_FORMAT}", *_PLAIN_DIFF, "--no-mailmap", "--no-notes", "--root", *merges,
            "--end-of-options", *revs, "--", *paths,
        )  # fmt: skip
        if done.returncode:
            hint = DEPTH_HINT if self.is_shallow() else ""
            raise ConfigError(
                f"git cannot list the commits of {' '.join(revs)}: {failure_of(done)}", hint=hint
            )
        return parse_log(done.stdout)

    def last_change(self, paths: Sequence[str], rev: str = "HEAD") -> LastChange | None:
        """Return the last commit at ``rev`` that touched ``paths`` ("" is everything), or None."""
        asked = () if "" in paths else tuple(paths)
        out = self._git.output(
            "log",
            "-1",
            "--format=%H %ct",
            "--no-show-signature",
            "--end-of-options",
            self.require(rev),
            "--",
            *asked,
        )
        sha, _, time = out.decode().strip().partition(" ")
        return LastChange(sha, int(time)) if sha else None

    def changed_files(self, base: str, head: str | None = None, *, gone: bool = False) -> tuple[str, ...]:
        """Return the paths that differ between two commits, or between one and the tracked files of the work tree.

        A rename is a path that went and one that came; with ``gone`` only those that went.
        """
        revs = [self.require(rev) for rev in (base, head) if rev is not None]
        kinds = ("--diff-filter=D",) if gone else ()
        out = self._git.output("diff", *_PLAIN_DIFF, *kinds, "--end-of-options", *revs, "--")
        return tuple(os.fsdecode(name) for name in out.split(b"\0") if name)

    # -- tags

    def tags(self) -> Mapping[str, str]:
        """Return every tag with the sha of its commit, annotated ones peeled; tags of other objects are left out."""
        result = {}
        for line in self._git.output("for-each-ref", f"--format={_TAGS}", "refs/tags").splitlines():
            name, kind, sha, peeled_kind, peeled = line.split(b"\0")
            if kind == b"commit":
                result[os.fsdecode(name)] = sha.decode()
            elif peeled_kind == b"commit":
                result[os.fsdecode(name)] = peeled.decode()
            elif peeled_kind == b"tag" and (commit := self.commit(peeled.decode())):
                result[os.fsdecode(name)] = commit
        return result

    def tags_reachable(self, rev: str = "HEAD") -> frozenset[str]:
        """Return the names of the tags whose commit is ``rev`` or an ancestor of it."""
        out = self._git.output(
            "for-each-ref", f"--merged={self.require(rev)}", "--format=%(refname:strip=2)", "refs/tags"
        )
        return frozenset(os.fsdecode(name) for name in out.splitlines())

    # -- files

    def read(self, rev: str, path: str) -> bytes | None:
        """Return a file's bytes at a revision as git stores them, or None where the repository has no such file."""
        if "\n" in path or "\n" in rev:
            done = self._git.run("cat-file", "blob", "--end-of-options", f"{rev}:{path}")
            return done.stdout if done.returncode == 0 else None
        return self._blobs.read(f"{rev}:{path}")

    def read_through(self, rev: str, path: str) -> bytes | None:
        """Return what ``read`` does, or the bytes of a file of a submodule at the commit that it is at in ``rev``.

        None where the submodule is not checked out, or without that commit.
        """
        data = self.read(rev, path)
        return self._read_in_submodule(rev, path) if data is None else data

    def _read_in_submodule(self, rev: str, path: str) -> bytes | None:
        if self.bare or not (self.root / ".gitmodules").exists():
            return None
        names = path.split("/")
        for count in range(1, len(names)):
            folder = "/".join(names[:count])
            if (submodule := self.submodule(folder)) is not None:
                named = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{rev}:{folder}")
                sha = self._git.run(*named).stdout.decode().strip()
                known = bool(sha) and submodule.commit(sha) is not None
                return submodule.read_through(sha, "/".join(names[count:])) if known else None
        return None

    def holds(self, rev: str, path: str) -> bool:
        """Tell whether there is a file or folder at a revision; nothing is fetched where old files are missing."""
        return (
            self._git.run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{rev}:{path}").returncode
            == 0
        )

    def blob(self, sha: str) -> bytes:
        """Return a blob by its object id; PublishError where it is missing."""
        data = self._blobs.read(sha)
        if data is None:
            raise PublishError(f"git has no blob {sha} in {self.root}")
        return data

    # -- commits

    def commit_files(self, paths: Sequence[str], message: str) -> str:
        """Commit the work tree's version of some paths on HEAD, under the user's own name, and return the commit."""
        self._git.output("commit", "--quiet", "--only", f"--message={message}", "--", *paths)
        return self.require("HEAD")

    # -- remotes

    def origin(self) -> str:
        """Return the URL of the remote ``origin`` as configured, or "". It may hold credentials."""
        done = self._git.run("config", "-z", "--get", "remote.origin.url")
        return os.fsdecode(done.stdout.rstrip(b"\0")) if done.returncode == 0 else ""

    def origin_url(self) -> str:
        """Return ``https://host/owner/repo`` of the remote ``origin``, or "" where it has no web address."""
        return web_url(self.origin())

    def authenticate(self, token: str, *, server: str) -> None:
        """Take the token that fetches send to ``server`` and nowhere else; nothing is sent yet.

        In a partial clone whatever reads an old file may fetch it, so every process gets the token there.
        """
        self._token, self._server = token, server
        if token and self._is_partial():
            self._authorise()

    def fetch_history(self, branch: str) -> None:
        """Complete the history of ``branch`` and of HEAD, with all tags, without the contents of old files.

        Those are fetched when they are read (see ``prefetch_blobs``). Tags that differ from those of ``origin`` are
        overwritten. ConfigError, with what to change, where that fails.
        """
        depth = ("--unshallow",) if self.is_shallow() else ()
        if branch and not _BRANCH.fullmatch(branch):
            raise ConfigError(f"{branch!r} is no name of a branch")
        # Without a branch, the default one: where there are no tags yet, git fetches nothing and fails.
        refspec = (f"+refs/heads/{branch}:refs/remotes/origin/{branch}",) if branch else ("HEAD",)
        self._fetch(*depth, "--end-of-options", "origin", _ALL_TAGS, *refspec)

    def deepen(self, commits: int) -> None:
        """Fetch so many commits more below the history that there is; ConfigError where they cannot be had."""
        self._fetch(f"--deepen={commits}", "--no-tags", "--end-of-options", "origin", self.require("HEAD"))

    def fetch_commit(self, sha: str) -> None:
        """Fetch one commit and its trees, leaving the history as deep as it is; ConfigError where it cannot be had."""
        depth = ("--depth=1",) if self.is_shallow() else ()  # which would cut a complete history off
        if not _SHA.fullmatch(sha):
            raise ConfigError(f"{sha!r} is no commit: expected 40 or 64 hexadecimal digits")
        self._fetch(*depth, "--no-tags", "--end-of-options", "origin", sha)

    def prefetch_blobs(self, shas: Iterable[str]) -> None:
        """Bring blobs by their object ids with one request, where the clone lacks old files.

        Without it each one is a request of its own when it is read.
        """
        asked = sorted(set(shas))
        if asked and self._is_partial():
            lines = "".join(f"{sha}\n" for sha in asked).encode()
            # As git does itself for one (promisor-remote.c); if it fails, reading says what is missing.
            self._git.run(
                "-c", "fetch.negotiationAlgorithm=noop", "fetch", *_QUIET, "--no-tags", "--no-write-fetch-head",
                "--filter=blob:none", "--stdin", "origin", stdin=lines,
            )  # fmt: skip

    def _is_partial(self) -> bool:
        if self._partial is None:
            promisor = self._git.run("config", "--get", "remote.origin.promisor")
            self._partial = promisor.stdout.strip() == b"true"
        return self._partial

    def _authorise(self) -> None:
        """Give the token to every process from now on: reading old files may have to fetch them."""
        if self._token:
            self._blobs.close()
            config = authorise(self._token, self._server)
            self._git = Git(self.root, self._env, bare=self.bare, config=config)
            self._blobs = BlobReader(partial(self._git.start, "cat-file", "--batch"))

    def _fetch(self, *args: str) -> None:
        self._authorise()
        done = self._git.run("fetch", *_QUIET, "--filter=blob:none", *args)
        self._partial = None
        give_back(Path(os.fsdecode(self._git.output("rev-parse", "--absolute-git-dir").removesuffix(b"\n"))))
        if done.returncode:
            words = failure_of(done).replace(self._token, "***") if self._token else failure_of(done)
            raise ConfigError(f"cannot fetch the missing history of {self.root}: {words}", hint=DEPTH_HINT)


def failure_of(done: subprocess.CompletedProcess[bytes]) -> str:
    """Return git's own words for a failure, on one line, without the credentials of URLs."""
    lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
    words = [_without_credentials(word) for word in " ".join(lines).split()]
    return " ".join(words) or f"exit status {done.returncode}"


def _without_credentials(word: str) -> str:
    scheme, separator, rest = word.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}" if separator else word
