"""What git is told by its environment: nothing that steers it from outside, and our settings."""

from __future__ import annotations

import os
import re
from base64 import b64encode
from collections.abc import Iterable, Mapping
from contextlib import suppress
from itertools import chain
from pathlib import Path

from oci_chart_publish.settings import FOR_US_ALONE

# How git reaches other hosts is the user's business; what it reads and prints here is ours.
_KEPT = (
    "GIT_SSL_",
    "GIT_SSH",
    "GIT_HTTP_",
    "GIT_PROXY_",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_SYSTEM",
    "GIT_CONFIG_NOSYSTEM",
    "GIT_EXEC_PATH",
    "GIT_ALLOW_PROTOCOL",
    "GIT_CEILING_DIRECTORIES",
)
_SECRET = re.compile(
    r"TOKEN|PASSWORD|PASSWD|PASSPHRASE|SECRET|CREDENTIAL|(?:API|ACCESS|PRIVATE)_?KEY", re.IGNORECASE
)
_OF_HELPERS = frozenset({"GH_TOKEN", "GITHUB_TOKEN", "GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN"})
_VARIABLES = {
    "LC_ALL": "C",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_PAGER": "cat",
    "GCM_INTERACTIVE": "never",
}
_CONFIG = (
    ("core.fsmonitor", "false"),
    ("core.hooksPath", os.devnull),
    ("core.pager", "cat"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("log.showSignature", "false"),
    ("log.follow", "false"),
    ("submodule.recurse", "false"),
    # A connection that brings nothing for a minute is given up.
    ("http.lowSpeedLimit", "1"),
    ("http.lowSpeedTime", "60"),
    ("i18n.logOutputEncoding", "UTF-8"),
    ("diff.ignoreSubmodules", "none"),
)


def environment(env: Mapping[str, str], config: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the child's environment: the caller's, without what would steer git and without secrets, our settings.

    Git runs programs that the user has configured, and those need no secret of the job. On a machine of their own
    people do have credential helpers that read ``GH_TOKEN``.
    """
    in_workflow = env.get("GITHUB_ACTIONS") == "true"
    child = {
        key: value
        for key, value in env.items()
        if key.startswith(_KEPT)
        or not (key.startswith(("GIT_", *FOR_US_ALONE)) or _is_secret(key, in_workflow=in_workflow))
    }
    child.update(_VARIABLES)
    child.setdefault("GIT_SSH_COMMAND", "ssh -oBatchMode=yes")
    settings = [*_CONFIG, *config]
    child["GIT_CONFIG_COUNT"] = str(len(settings))
    for number, (key, value) in enumerate(settings):
        child[f"GIT_CONFIG_KEY_{number}"] = key
        child[f"GIT_CONFIG_VALUE_{number}"] = value
    return child


def _is_secret(key: str, *, in_workflow: bool) -> bool:
    return bool(_SECRET.search(key)) and (in_workflow or key not in _OF_HELPERS)


def trust(folder: Path, env: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the setting that has git trust a work tree of another user: the workspace of a workflow, and no other.

    The configuration of a repository names programs that git runs, so whose it is matters everywhere else.
    """
    workspace = env.get("GITHUB_WORKSPACE", "")
    if env.get("GITHUB_ACTIONS") != "true" or not workspace:
        return []
    inside = folder.is_relative_to(os.path.realpath(workspace))
    return [("safe.directory", str(folder))] if inside else []


def give_back(folder: Path, written: Path | None = None) -> None:
    """Give what root wrote in a folder to the owner of that folder, so that later steps can go on with it.

    ``written`` is the one file or folder in it that was written, the folders on the way to it included. No run fails
    of it: another thread may take a file away meanwhile, and in some containers root may give nothing away.
    """
    if os.name != "posix" or os.geteuid() != 0:
        return
    owner = folder.stat()
    if owner.st_uid == 0:
        return
    top = written or folder
    way = [str(path) for path in (top, *top.parents) if folder in path.parents]
    below = (
        os.path.join(place, name)  # noqa: PTH118  (thousands of them)
        for place, folders, names in os.walk(top)
        for name in (*folders, *names)
    )
    for path in chain(way, below):
        with suppress(OSError):
            if os.lstat(path).st_uid == 0:
                os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def authorise(token: str, server: str) -> list[tuple[str, str]]:
    """Return the settings that send ``token`` to ``server``, in place of a credential that the checkout left."""
    basic = b64encode(f"x-access-token:{token}".encode()).decode()
    key = f"http.{server.rstrip('/')}/.extraheader"
    return [(key, ""), (key, f"AUTHORIZATION: basic {basic}")]


def locate(path: Path) -> tuple[Path, bool] | None:
    """Return the folder with ``.git`` at or above ``path``, or the bare repository, and whether it is one."""
    start = Path(os.path.realpath(path))
    for folder in (start, *start.parents):
        dot = folder / ".git"
        if dot.is_file() or (dot / "HEAD").is_file():
            return folder, False
        if _is_bare(folder):
            return folder, True
    return None


def _is_bare(folder: Path) -> bool:
    """Tell whether a folder is a git directory, as git itself does (``setup.c: is_git_directory``).

    Charts may be called HEAD, objects and refs.
    """
    return (folder / "HEAD").is_file() and all((folder / name).is_dir() for name in ("objects", "refs"))
