"""Every import, held against the direction and the gateways of docs/architecture.md."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "oci_chart_publish"
PACKAGE = "oci_chart_publish"

# Lower may not import higher; equal floors of different names may not import each other.
FLOORS = {
    "errors": 0,
    "lazy": 0,
    "interruption": 1,
    "progress": 1,
    "workers": 1,
    "singleflight": 1,
    "settings": 1,
    "oci": 1,
    "outcomes": 1,
    "yamldoc": 1,
    "paths": 1,
    "http": 2,
    "git": 2,
    "github": 2,
    "tree": 3,
    "layout": 3,
    "sign": 3,
    "chart": 4,
    "chartrepo": 5,
    "lint": 5,
    "model": 5,
    "registry": 6,
    "discover": 7,
    "bump": 7,
    "build": 7,
    "push": 7,
    "report": 7,
    "runner": 8,
    "cache": 8,
    "run": 9,
    "notify": 10,
    "commands": 11,
    "cli": 12,
    "action": 13,
    "__main__": 14,
    "__init__": 15,
}
# The floors within a folder of many: the same rule for its modules.
WITHIN = {
    "run": {
        "__init__": 0,
        "policy": 0,
        "assemble": 1,
        "graph": 1,
        "decisions": 1,
        "tagging": 1,
        "details": 1,
        "built_charts": 2,
        "decide": 3,
        "prepare": 3,
        "pipeline": 4,
        "changed_since": 6,
        "setting_sources": 5,
        "output_files": 5,
        "signing": 5,
        "approved_plan": 5,
        "artifact_options": 5,
        "chart_files": 4,
        "chart_settings": 5,
        "code_host": 4,
        "unused_settings": 7,
        "pushed_changes": 7,
        "labels": 8,
        "stores": 6,
        "versions": 9,
        "dependency_sources": 7,
        "settings_policy": 10,
        "project": 11,
        "reporting": 12,
    },
}

GATEWAYS = {
    "requests": {"http/transport.py"},
    "github": {"github/api.py"},
    "semver": {"chart/version.py"},
    "yaml": {"yamldoc/events.py", "run/setting_sources.py"},
    "subprocess": {"git/repository.py", "http/programs.py", "git/blobs.py"},
    "click": {"cli/*"},
    "rich": {"report/table.py", "progress.py"},
    "cryptography": {"sign/keys.py", "sign/bundle.py", "sign/notation.py"},
    "nacl": {"sign/keys.py"},
    "deflate": {"chart/layer.py"},
    "filelock": {"layout/files.py"},
    "platformdirs": {"run/stores.py"},
    "pathspec": {"paths/globs.py"},
}


@cache
def modules() -> tuple[tuple[str, ast.Module], ...]:
    return tuple(
        (path.relative_to(SOURCE).as_posix(), ast.parse(path.read_text()))
        for path in sorted(SOURCE.rglob("*.py"))
    )


def imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            module = node.module or ""
            yield from (
                [f"{PACKAGE}.{alias.name}" for alias in node.names] if module == PACKAGE else [module]
            )


def part(name: str) -> str:
    """Return the folder or module directly below the package."""
    return name.split("/", maxsplit=1)[0].removesuffix(".py").split(".")[0]


@pytest.mark.parametrize(("path", "tree"), modules(), ids=[path for path, _ in modules()])
def test_imports_point_one_way(path: str, tree: ast.Module) -> None:
    here = part(path)
    for name in imported(tree):
        if not name.startswith(f"{PACKAGE}."):
            continue
        there = part(name.removeprefix(f"{PACKAGE}."))
        if there in {here, "__version__"}:
            continue
        assert FLOORS[there] < FLOORS[here], f"{path} ({here}) imports {name} ({there})"


@pytest.mark.parametrize(
    ("path", "tree"),
    [(path, tree) for path, tree in modules() if part(path) in WITHIN],
    ids=[path for path, _ in modules() if part(path) in WITHIN],
)
def test_imports_within_a_folder_of_many_point_one_way(path: str, tree: ast.Module) -> None:
    folder, here = path.removesuffix(".py").split("/")
    floors = WITHIN[folder]
    inside = [
        name.removeprefix(f"{PACKAGE}.{folder}.").split(".")[0]
        for name in imported(tree)
        if name.startswith(f"{PACKAGE}.{folder}.")
    ]
    for there in inside:
        assert floors[there] < floors[here], f"{path} imports {there}"


def test_settings_are_known_above_the_flow_only() -> None:
    knowing = {
        part(path)
        for path, tree in modules()
        if any(name.startswith(f"{PACKAGE}.settings") for name in imported(tree))
    }
    assert knowing.isdisjoint({"discover", "bump", "build", "push", "report"})


@pytest.mark.parametrize("library", sorted(GATEWAYS))
def test_each_outside_thing_has_one_gateway(library: str) -> None:
    users = {
        path for path, tree in modules() if any(name.split(".")[0] == library for name in imported(tree))
    }
    allowed = GATEWAYS[library]
    folders = {one.removesuffix("/*") for one in allowed if one.endswith("/*")}
    outside = {path for path in users - allowed if path.split("/")[0] not in folders}
    assert not outside
    assert users, f"nobody uses {library}"


def test_environment_is_read_at_the_edge_only() -> None:
    readers = {
        path
        for path, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"}
    }
    assert readers == {"__main__.py"}


def test_no_module_is_called_by_what_it_is_not() -> None:
    names = {Path(path).stem for path, _ in modules()}
    assert names.isdisjoint({"utils", "util", "common", "base", "manager", "helpers_misc"})
