"""Charts to begin with."""

from __future__ import annotations

from pathlib import Path


def chart(
    folder: Path, name: str, version: str, dependencies: dict[str, str] | None = None, **more: str
) -> Path:
    """Write a chart whose dependencies (name to constraint) lie beside it."""
    path = folder / "charts" / name
    (path / "templates").mkdir(parents=True, exist_ok=True)
    lines = ["apiVersion: v2", f"name: {name}", f"version: {version}"]
    if dependencies:
        lines.append("dependencies:")
        for dependency, constraint in dependencies.items():
            repository = more.get("repository", f"file://../{dependency}")
            lines += [
                f"  - name: {dependency}",
                f"    version: {constraint!r}",
                f"    repository: {repository}",
            ]
    (path / "Chart.yaml").write_text("\n".join(lines) + "\n")
    (path / "values.yaml").write_text(f"name: {name}\n")
    return path
