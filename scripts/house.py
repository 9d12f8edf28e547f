"""Measure the tree as the table of its survey does: ``python scripts/house.py [FOLDER]`` prints one line a figure.

- files, lines: every ``*.py`` of the package; median and largest.
- functions: lines from ``def`` to the end, docstring included; median, 90th percentile, largest.
- callables as fields: attributes of a class whose annotation is a ``Callable`` (or a name for one in the same file),
  and parameters of ``__init__`` of that kind that are kept in ``self``. A method is none, nor is a parameter.
- vague names: of all names that are bound (parameters, variables, loop variables, functions, classes), the part that is
  a pronoun or participle of ``VAGUE`` once underscores before and after are taken off.
- local imports: ``import`` statements in a function.
- comments: lines that begin with ``#``, of all lines.
- hops: how often the call path of one chart changes file, by ``docs/architecture.md`` ("The way of one chart").
"""

from __future__ import annotations

import ast
import json
import re
import statistics
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "oci_chart_publish"
VAGUE = frozenset(
    [
        *(
            "it",
            "one",
            "other",
            "others",
            "our",
            "ours",
            "own",
            "stuff",
            "that",
            "theirs",
            "them",
            "these",
            "thing",
        ),
        *("things", "this", "those", "what", "where", "which", "whole", "here", "there", "mine", "so_far"),
        *(
            "asked",
            "came",
            "done",
            "found",
            "given",
            "gone",
            "heard",
            "held",
            "kept",
            "landed",
            "leave",
            "left",
        ),
        *("made", "misread", "place", "places", "said", "saying", "seen", "shown", "told", "wanted"),
    ]
)

Function = ast.FunctionDef | ast.AsyncFunctionDef


def percentile(values: list[int], part: float) -> int:
    """Return the smallest value that ``part`` of all values do not exceed; 0 for none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))] if ordered else 0


def bound(tree: ast.Module) -> Iterator[str]:
    """Give every name that a module binds."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name


def is_vague(name: str) -> bool:
    """Tell whether a name says nothing of what it stands for."""
    return name.strip("_").lower() in VAGUE


def callable_fields(tree: ast.Module) -> Iterator[str]:
    """Give the attributes that hold a callable, as ``Class.name``."""
    aliases = {
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign) and "Callable[" in ast.unparse(node.value)
        for target in node.targets
        if isinstance(target, ast.Name)
    }

    def is_callable(annotation: ast.expr | None) -> bool:
        text = ast.unparse(annotation) if annotation else ""
        return "Callable" in text or not aliases.isdisjoint(re.findall(r"\w+", text))

    for node in ast.walk(tree):
        if not isinstance(node, ast.ClassDef):
            continue
        for part in node.body:
            if isinstance(part, ast.AnnAssign) and is_callable(part.annotation):
                yield f"{node.name}.{ast.unparse(part.target)}"
            elif isinstance(part, ast.FunctionDef) and part.name == "__init__":
                yield from (f"{node.name}.{name}" for name in kept_callables(part, is_callable))


def kept_callables(init: ast.FunctionDef, is_callable: Callable[[ast.expr | None], bool]) -> Iterator[str]:
    """Give the attributes that an ``__init__`` makes of parameters that are callables."""
    parameters = {arg.arg for arg in (*init.args.args, *init.args.kwonlyargs) if is_callable(arg.annotation)}
    for node in ast.walk(init):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Name) and node.value.id in parameters:
            yield ast.unparse(node.targets[0]).removeprefix("self.")


def local_imports(tree: ast.Module) -> int:
    """Count the import statements in functions."""
    return sum(
        isinstance(inner, ast.Import | ast.ImportFrom)
        for node in tree.body
        for function in ast.walk(node)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for inner in ast.walk(function)
    )


def hops(page: str) -> int:
    """Count the changes of file in the list of the way of one chart."""
    section = page.partition("## The way of one chart")[2].partition("\n## ")[0]
    files = re.findall(r"^\d+\. `([\w/]+\.py)`", section, re.MULTILINE)
    return sum(before != after for before, after in pairwise(files))


def measured(source: Path) -> dict[str, object]:
    """Return every figure by its name."""
    texts = {path.relative_to(source).as_posix(): path.read_text() for path in sorted(source.rglob("*.py"))}
    trees = {path: ast.parse(text) for path, text in texts.items()}
    lines = [len(text.splitlines()) for text in texts.values()]
    functions = [
        (node.end_lineno or node.lineno) - node.lineno + 1
        for tree in trees.values()
        for node in ast.walk(tree)
        if isinstance(node, Function)
    ]
    names = [name for tree in trees.values() for name in bound(tree)]
    vague = Counter(name.strip("_") for name in names if is_vague(name))
    fields = [f"{path}: {field}" for path, tree in trees.items() for field in callable_fields(tree)]
    comments = sum(line.lstrip().startswith("#") for text in texts.values() for line in text.splitlines())
    return {
        "files": len(texts),
        "lines": sum(lines),
        "file median": int(statistics.median(lines)),
        "file max": max(lines),
        "function median": int(statistics.median(functions)),
        "function p90": percentile(functions, 0.9),
        "function max": max(functions),
        "callables as fields": len(fields),
        "which callables": fields,
        "vague names %": round(100 * sum(vague.values()) / len(names), 1),
        "which vague names": dict(vague.most_common(20)),
        "local imports": sum(local_imports(tree) for tree in trees.values()),
        "comments %": round(100 * comments / sum(lines), 1),
        "hops": hops((ROOT / "docs" / "architecture.md").read_text()),
    }


if __name__ == "__main__":
    for name, value in measured(Path(sys.argv[1]) if len(sys.argv) > 1 else SOURCE).items():
        print(f"{name:<20} {value if isinstance(value, int | float) else json.dumps(value)}")
