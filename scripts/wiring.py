"""Delete each argument with which a run is made, one at a time, and ask mypy: ``python scripts/wiring.py`` (minutes).

Prints the arguments that nobody would miss, and exits with 1 if there are any.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[1]
FILES = ("run/project.py", "commands/preview.py")
MADE = frozenset(
    [
        *("Run", "PublishOptions", "SettingsPolicy", "PreviewPolicy", "DependencySources"),
        *("ChartSettingsResolver", "ChartFiles", "CodeHost", "Stores"),
    ]
)


def without_one(text: str) -> Iterator[tuple[str, str]]:
    """Give each argument as ``Class.name``, and the text without it."""
    lines = text.splitlines(keepends=True)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in MADE:
            for keyword in node.keywords:
                kept = [part for part in node.keywords if part is not keyword]
                call = ast.unparse(ast.Call(func=node.func, args=node.args, keywords=kept))
                first, last = lines[node.lineno - 1], lines[(node.end_lineno or node.lineno) - 1]
                changed = first[: node.col_offset] + call + last[node.end_col_offset or 0 :]
                yield (
                    f"{node.func.id}.{keyword.arg}",
                    "".join([*lines[: node.lineno - 1], changed, *lines[node.end_lineno or node.lineno :]]),
                )


def missed(path: Path, text: str, folder: Path) -> bool:
    """Tell whether mypy refuses the package with another text of one of its files."""
    shadow = folder / "shadow.py"
    shadow.write_text(text)
    command = [sys.executable, "-m", "mypy", "--shadow-file", str(path), str(shadow), str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return "Missing named argument" in done.stdout


if __name__ == "__main__":
    tried, silent = 0, []
    with TemporaryDirectory() as folder:
        for name in FILES:
            path = ROOT / "src" / "oci_chart_publish" / name
            for argument, text in without_one(path.read_text()):
                tried += 1
                if not missed(path, text, Path(folder)):
                    silent.append(argument)
    print(f"{tried} arguments tried, {len(silent)} that nobody would miss: {', '.join(silent) or 'none'}")
    sys.exit(bool(silent))
