"""Cut GitHub's OpenAPI description down to the operations that the stand-in answers.

    python tests/fakes/prune_openapi.py api.github.com.json tests/fakes/github-openapi.json

README.md beside this file says where the input comes from.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

REPO = "/repos/{owner}/{repo}"
OPERATIONS: Mapping[str, tuple[str, ...]] = {
    "/user": ("get",),
    "/users/{username}": ("get",),
    REPO: ("get",),
    f"{REPO}/actions/workflows/{{workflow_id}}/runs": ("get",),
    f"{REPO}/commits/{{commit_sha}}/pulls": ("get",),
    f"{REPO}/git/commits/{{commit_sha}}": ("get",),
    f"{REPO}/git/ref/{{ref}}": ("get",),
    f"{REPO}/git/refs": ("post",),
    f"{REPO}/git/tags": ("post",),
    f"{REPO}/git/tags/{{tag_sha}}": ("get",),
    f"{REPO}/issues/{{issue_number}}/comments": ("get", "post"),
    f"{REPO}/issues/comments/{{comment_id}}": ("get", "patch", "delete"),
    f"{REPO}/pulls": ("get",),
    f"{REPO}/pulls/{{pull_number}}": ("get",),
    f"{REPO}/releases": ("get", "post"),
    f"{REPO}/releases/latest": ("get",),
    f"{REPO}/releases/tags/{{tag}}": ("get",),
    f"{REPO}/releases/assets/{{asset_id}}": ("delete",),
    f"{REPO}/releases/{{release_id}}": ("get", "patch", "delete"),
    f"{REPO}/releases/{{release_id}}/assets": ("get", "post"),
    "/orgs/{org}/packages": ("get",),
    "/users/{username}/packages": ("get",),
    **{
        f"{owner}/packages/{{package_type}}/{{package_name}}{rest}": methods
        for owner in ("/orgs/{org}", "/users/{username}")
        for rest, methods in (
            ("/versions", ("get",)),
            ("/versions/{package_version_id}", ("delete",)),
        )
    },
}
PROSE = {"description", "summary", "example", "examples", "externalDocs", "title", "tags"}


def prune(document: dict[str, Any]) -> dict[str, Any]:
    """Return the description of OPERATIONS and what they refer to, without its prose."""
    paths = {path: _operations(document["paths"][path], methods) for path, methods in OPERATIONS.items()}
    components: dict[str, dict[str, Any]] = {}
    waiting = list(_references(paths))
    while waiting:
        _, _, section, name = waiting.pop().split("/")
        if name not in components.setdefault(section, {}):
            components[section][name] = _plain(document["components"][section][name])
            waiting += _references(components[section][name])
    return {
        "openapi": document["openapi"],
        "info": {key: document["info"][key] for key in ("title", "version", "license")},
        "servers": document["servers"],
        "paths": paths,
        "components": {section: dict(sorted(found.items())) for section, found in sorted(components.items())},
    }


def _operations(item: Mapping[str, Any], methods: tuple[str, ...]) -> dict[str, Any]:
    kept = {method: dict(item[method]) for method in methods}
    for operation in kept.values():
        operation.pop("servers", None)  # uploads go to a host of their own; the stand-in has one
    return {method: _plain(operation) for method, operation in kept.items()}


def _plain(node: Any, *, names: bool = False) -> Any:
    """Drop prose and extensions; where ``names`` is set the keys are names of properties, and stay."""
    if isinstance(node, list):
        return [_plain(child) for child in node]
    if not isinstance(node, dict):
        return node
    return {
        key: _plain(child, names=key in {"properties", "responses", "headers"} and not names)
        for key, child in node.items()
        if names
        or (key not in PROSE and not key.startswith("x-"))
        or (key == "description" and _required(node))
    }


def _required(node: Mapping[str, Any]) -> bool:
    """Tell whether this is a response, whose description OpenAPI 3.0 demands."""
    return isinstance(node.get("description"), str) and (
        "content" in node or set(node) <= {"description", "headers"}
    )


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        target = node.get("$ref")
        if isinstance(target, str):
            yield target
        for child in node.values():
            yield from _references(child)
    elif isinstance(node, list):
        for child in node:
            yield from _references(child)


def main(source: str, target: str) -> None:
    """Read ``source``, write ``target``."""
    pruned = prune(json.loads(Path(source).read_bytes()))
    Path(target).write_text(json.dumps(pruned, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
