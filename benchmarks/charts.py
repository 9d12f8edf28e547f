"""Charts for the benchmark: as many as asked for, shaped like real ones, the same every time."""

from __future__ import annotations

import random
from pathlib import Path

WORDS = (Path(__file__).read_text().split() * 3)[:400]


def generate(folder: Path, *, count: int, files: int = 18, kib: int = 55, seed: int = 1) -> list[Path]:
    """Write ``count`` charts of about ``files`` files and ``kib`` KiB below ``folder`` and return their folders."""
    chance = random.Random(seed)
    return [_chart(folder / f"bench-{number:04}", number, files, kib, chance) for number in range(count)]


def _chart(folder: Path, number: int, files: int, kib: int, chance: random.Random) -> Path:
    (folder / "templates").mkdir(parents=True)
    name = folder.name
    (folder / "Chart.yaml").write_text(
        f"apiVersion: v2\nname: {name}\nversion: 1.{number}.0\nappVersion: '{number}'\ndescription: Bench {number}\n"
        "maintainers:\n  - name: Example\n    email: charts@example.com\n"
    )
    size = kib * 1024 // files
    (folder / "values.yaml").write_text(_values(size, chance))
    (folder / "README.md").write_text(_prose(size * 2, chance))
    for index in range(files - 3):
        (folder / "templates" / f"object-{index:02}.yaml").write_text(_template(name, index, size, chance))
    return folder


def _values(size: int, chance: random.Random) -> str:
    lines: list[str] = []
    while sum(map(len, lines)) < size:
        key = f"key{len(lines)}"
        lines.append(f"# {' '.join(chance.choices(WORDS, k=8))}".replace("\n", " ") + "\n")
        lines.append(
            f"{key}:\n  enabled: {chance.choice(['true', 'false'])}\n  size: {chance.randrange(10**6)}\n"
        )
    return "".join(lines)


def _prose(size: int, chance: random.Random) -> str:
    words: list[str] = []
    while sum(map(len, words)) < size:
        words.append(chance.choice(WORDS))
    return " ".join(words) + "\n"


def _template(name: str, index: int, size: int, chance: random.Random) -> str:
    head = f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}-{index}\ndata:\n"
    lines = [head]
    while sum(map(len, lines)) < size:
        value = (
            f"{chance.getrandbits(96):x}"
            if chance.random() < 0.3
            else " ".join(chance.choices(["a", "b", "on"], k=6))
        )
        lines.append(f'  key-{len(lines)}: "{value} {{{{ .Release.Name }}}}"\n')
    return "".join(lines)
