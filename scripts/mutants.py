"""Draw random mutants of pure modules and try whether the tests of the module's own folder notice.

``python scripts/mutants.py [--count N] [--seed N] [--only PART]``. A mutant is one comparison, condition or result that
is turned around. Prints those that live with file and line, and the share that was killed; exits 1 below ``--floor``.
Nothing in the checkout is changed: each mutant is tried in a copy.
"""

from __future__ import annotations

import argparse
import ast
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "oci_chart_publish"
PURE = (
    *("bump/conventional.py", "bump/policy.py", "bump/tag_template.py", "build/dependencies.py"),
    *("chart/constraint.py", "chart/ignore.py", "chart/layer.py", "chart/members.py", "chart/version.py"),
    *("layout/gc.py", "layout/index.py", "oci/manifest.py", "oci/reference.py", "paths/globs.py"),
    *("push/publish.py", "push/reconcile.py", "push/same.py"),
    *("report/compose.py", "report/document.py", "report/markdown.py", "report/text.py"),
)
TURNED: dict[type[ast.AST], str] = {
    ast.Eq: "!=",
    ast.NotEq: "==",
    ast.Lt: "<=",
    ast.LtE: "<",
    ast.Gt: ">=",
    ast.GtE: ">",
    ast.Is: "is not",
    ast.IsNot: "is",
    ast.In: "not in",
    ast.NotIn: "in",
}


class Mutant(NamedTuple):
    """One change of one file: the text at an offset (in bytes, as ``ast`` counts) becomes another."""

    path: Path
    line: int
    start: int
    end: int
    text: str


def mutants(path: Path) -> Iterator[Mutant]:
    """Yield every mutant of a file."""
    source = path.read_bytes()
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))

    def change(node: ast.expr, text: str) -> Mutant:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        start, end = (
            starts[node.lineno - 1] + node.col_offset,
            starts[node.end_lineno - 1] + node.end_col_offset,
        )
        return Mutant(path, node.lineno, start, end, text)

    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Compare(left=left, ops=[operator], comparators=[right]):
                yield change(node, f"({ast.unparse(left)} {TURNED[type(operator)]} {ast.unparse(right)})")
            case ast.BoolOp(op=ast.And(), values=values):
                yield change(node, "(" + " or ".join(f"({ast.unparse(value)})" for value in values) + ")")
            case ast.BoolOp(op=ast.Or(), values=values):
                yield change(node, "(" + " and ".join(f"({ast.unparse(value)})" for value in values) + ")")
            case ast.If(test=test) | ast.IfExp(test=test) | ast.While(test=test):
                yield change(test, f"(not ({ast.unparse(test)}))")
            case ast.Return(value=ast.Constant(value=bool(result)) as constant):
                yield change(constant, str(not result))
            case ast.Return(value=ast.expr() as result) if not isinstance(result, ast.Constant):
                yield change(result, "None")


def killed(mutant: Mutant) -> bool:
    """Tell whether the tests of the module's folder fail with the mutant in place."""
    relative = mutant.path.relative_to(ROOT)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "src"
        shutil.copytree(ROOT / "src", copy, ignore=shutil.ignore_patterns("__pycache__"))
        source = mutant.path.read_bytes()
        changed = source[: mutant.start] + mutant.text.encode() + source[mutant.end :]
        (Path(folder) / relative).write_bytes(changed)
        done = subprocess.run(
            [
                *(sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"),
                *("-o", f"pythonpath={copy} .", f"tests/{mutant.path.relative_to(PACKAGE).parts[0]}"),
            ],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(copy)},
            capture_output=True,
            check=False,
            timeout=600,
        )
    return done.returncode != 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="part of a file's path")
    parser.add_argument("--floor", type=int, default=95, help="percent that have to be killed")
    options = parser.parse_args()
    paths = [PACKAGE / name for name in PURE if options.only in name]
    every = [mutant for path in paths for mutant in mutants(path)]
    drawn = random.Random(options.seed).sample(every, min(options.count, len(every)))
    living = []
    for number, mutant in enumerate(drawn, 1):
        if not killed(mutant):
            living.append(mutant)
            where = f"{mutant.path.relative_to(ROOT)}:{mutant.line}"
            print(f"[{number}/{len(drawn)}] lives: {where}: {mutant.text}", flush=True)
    share = 100 * (len(drawn) - len(living)) // max(1, len(drawn))
    print(f"{len(drawn)} of {len(every)} mutants drawn: {share} % killed, {len(living)} live")
    return int(share < options.floor)


if __name__ == "__main__":
    sys.exit(main())
