"""Saved reports as a stranger would write them: the right structure, and anything in it.

A document is drawn from the types of the report, then broken in places: values of other kinds, numbers out of bounds,
strings that mean something to git, a shell, Markdown, a terminal or the runner, lists a thousand times as long. Each is
read, shown in every way there is, and carried to the command; an audit hook of Python sees each program that is
started, each socket, and each file that is opened.
"""

from __future__ import annotations

import io
import json
import os
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import msgspec
from markdown_it import MarkdownIt

from oci_chart_publish.cli.main import run
from oci_chart_publish.errors import ConfigError
from oci_chart_publish.github.event import Event
from oci_chart_publish.report import document
from oci_chart_publish.report.annotations import annotations_of
from oci_chart_publish.report.detail import embedded
from oci_chart_publish.report.foreign import as_plan
from oci_chart_publish.report.markdown import render
from oci_chart_publish.report.outputs import artifacts, checksums, outputs
from oci_chart_publish.report.release_notes import notes
from oci_chart_publish.report.table import problems, show
from oci_chart_publish.report.text import length
from oci_chart_publish.run.approved_plan import read_plan

_MARKDOWN = MarkdownIt("gfm-like", {"linkify": False})
_PARSED = 10_000
"""Characters of the longest text that is parsed: that takes longer than all the rest."""
HOME = "https://github.com/acme/charts"
STRINGS = (
    "", ".", "..", "../../etc/passwd", "/etc/passwd", "-", "--upload-pack=touch ran", "--output=ran",
    "+refs/heads/x:refs/tags/y", "HEAD", "a" * 40, "0" * 64, "A" * 40, "a" * 40 + "\n", "sha256:" + "b" * 64,
    "sha512:" + "c" * 128, "sha256:zz", "1.0.0", "v1.2.3+build.1", "-1.0.0", "1.0.0 --untar", "$(touch ran)",
    "`touch ran`", "; touch ran", "| touch ran", "'", '"', "\\", "\x00", "\x1b[31mred", "\r\n::error::x",
    "::add-mask::x", "##[error]x", "@octocat", "#1", "GH-1", "acme/charts#2", ":tada:",
    "<script>alert(1)</script>", "<!-- x", "-->", "</details>", "| a | b |", "```", "~~~",
    "![x](https://evil.example/a.png)", "[x](javascript:alert(1))", "https://evil.example",
    "http://127.0.0.1:1/x", "file:///etc/passwd", "oci://evil.example/x", "ghcr.io/acme/charts",
    "ghcr.io/acme/charts/web:1.0.0", "evil.example/charts/web:1.0.0", "ghcr.io/acme/charts/../x:1",
    "[::1]:5000/x/y:1", "acme/charts", "mallory/charts", "acme/..", "refs/heads/main", "refs/pull/7/merge",
    "charts/web", "charts/web/Chart.yaml", "Chart.yaml", "web", "web-1.0.0", "\u202eevil", "\u2066x\u2069",
    "\ud800".encode("utf-8", "surrogatepass").decode("utf-8", "replace"), "\U0001f600" * 9, "é" * 300,
    "x" * 255, "x" * 256, "x" * 5000, "{}", "[]", "null", "%s%n", "{0}", "\u2028",
)  # fmt: skip
NUMBERS = (
    0,
    1,
    -1,
    7,
    255,
    256,
    2**31 - 1,
    2**31,
    2**53 - 1,
    2**53,
    2**63,
    10**30,
    10**400,
    1.5,
    -0.0,
    1e308,
)
VALID = (
    *(
        "a" * 40,
        "0" * 64,
        "refs/heads/main",
        "web-1.0.0",
        "acme/charts",
        "mallory/charts",
        "charts/web",
        "charts/a b",
    ),
    *(
        "web",
        "api",
        "common",
        "1.0.0",
        "1.0.0-rc.1",
        "sha256:" + "a" * 64,
        "ghcr.io/acme/charts",
        "evil.example/x",
    ),
    *(
        "plan",
        "publish",
        "verify",
        "ghcr.io/acme/charts/web:1.0.0",
        "evil.example/x/web:1.0.0",
        "application/json",
    ),
    f"{HOME}/releases/tag/x",
)


@cache
def fitting(pattern: str | None, most: int | None) -> tuple[str, ...]:
    """Return the strings that a type of string takes."""
    kind = Annotated[str, msgspec.Meta(pattern=pattern, max_length=most)]

    def fits(text: str) -> bool:
        try:
            msgspec.convert(text, kind)
        except msgspec.ValidationError:
            return False
        return True

    return tuple(filter(fits, (*VALID, *STRINGS)))


class Writer:
    """Draws documents; the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311  (the same for the same seed)

    def document(self) -> bytes:
        """Return a document: often valid, mostly with something in it that is not."""
        value = self.struct(document.Report)
        for _ in range(self.random.choice((0, 0, 1, 1, 2, 5))):
            value = self.broken(value)
        data = json.dumps(value, allow_nan=True).encode()
        return self.bytes(data) if self.random.random() < 0.03 else data

    def struct(self, kind: type[msgspec.Struct]) -> dict[str, Any]:
        """Return a value of a type of the report, optional fields now and then."""
        info = msgspec.inspect.type_info(kind)
        assert isinstance(info, msgspec.inspect.StructType)
        return {
            field.encode_name: self.value(field.type, field.encode_name)
            for field in info.fields
            if field.required or self.random.random() < 0.5
        }

    def value(self, kind: msgspec.inspect.Type, name: str) -> Any:
        """Return a value for a field."""
        inspect = msgspec.inspect
        match kind:
            case inspect.StructType():
                return self.struct(kind.cls)
            case inspect.UnionType():
                return self.value(self.random.choice(kind.types), name)
            case inspect.VarTupleType():
                most = self.random.choice((0, 1, 2, 5, 30 if name == "dependencies" else 8))
                return [self.value(kind.item_type, name) for _ in range(most)]
            case inspect.DictType():
                return {
                    self.text(): self.value(kind.value_type, name) for _ in range(self.random.randrange(3))
                }
            case inspect.LiteralType():
                return self.random.choice(kind.values)
            case inspect.IntType():
                return self.random.choice([n for n in (0, 1, 3, 4096, 2**31 - 1) if n <= (kind.le or n)])
            case inspect.BoolType():
                return self.random.random() < 0.5
            case inspect.StrType():
                return self.random.choice(fitting(kind.pattern, kind.max_length))
            case _:
                return None

    def text(self) -> str:
        """Return any string."""
        return "".join(self.random.choice(STRINGS) for _ in range(self.random.choice((1, 1, 1, 2, 3))))

    def broken(self, value: Any) -> Any:
        """Return a value with one place of it changed."""
        if isinstance(value, dict) and value and self.random.random() < 0.9:
            key = self.random.choice(list(value))
            if self.random.random() < 0.1:
                del value[key]
            else:
                value[key] = self.broken(value[key])
            return value
        if isinstance(value, list) and value and self.random.random() < 0.8:
            if self.random.random() < 0.1:
                return value * self.random.choice((2, 50, 1000 if len(value) < 3 else 20))
            place = self.random.randrange(len(value))
            value[place] = self.broken(value[place])
            return value
        return self.random.choice(
            (
                self.text(),
                self.text(),
                self.random.choice(NUMBERS),
                None,
                True,
                [],
                {},
                [self.text()],
                {self.text(): 1},
            )
        )

    def bytes(self, data: bytes) -> bytes:
        """Return bytes with something cut out, put in or turned."""
        place = self.random.randrange(len(data) + 1)
        inserted = self.random.choice(
            (b"", b"\xff", b"\x00", b"[" * 2000, b'{"a":' * 2000, b"1e999", b"\xed\xa0\x80")
        )
        return data[:place] + inserted + data[place + self.random.randrange(3) :]


class Guard:
    """Sees what Python does while it watches; a hook cannot be taken away, so there is one of a process."""

    def __init__(self) -> None:
        self.watching = False
        self.allowed: tuple[str, ...] = ()
        self.seen: list[str] = []
        sys.addaudithook(self._hook)

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.watching:
            return
        started = event.startswith(
            ("subprocess.", "os.exec", "os.posix_spawn", "os.spawn", "os.system", "os.fork")
        )
        if started or event in {"socket.connect", "socket.bind", "pty.spawn", "ctypes.dlopen"}:
            self.seen.append(f"{event} {arguments!r:.200}")
        elif event in {
            "open",
            "os.remove",
            "os.rename",
            "os.mkdir",
            "os.symlink",
            "os.link",
            "os.chmod",
            "os.truncate",
        }:
            self._file(event, arguments)

    def _file(self, event: str, arguments: tuple[Any, ...]) -> None:
        path = arguments[0]
        if isinstance(path, int):
            return
        text = os.path.abspath(os.fsdecode(path))  # noqa: PTH100  (links stay: it is what is opened)
        writes = event != "open" or (
            isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        )
        if text.startswith(self.allowed) or (
            not writes and text.endswith((".py", ".pyc", ".so", ".pem", "/METADATA"))
        ):
            return
        if not writes and text.startswith(
            (sys.prefix, sys.base_prefix, "/usr/", "/lib/", "/proc/self", "/dev/")
        ):
            return
        self.seen.append(f"{event} {text}")

    @contextmanager
    def over(self, *folders: Path) -> Iterator[None]:
        """Watch; only below ``folders`` are files opened."""
        self.allowed = tuple(str(folder.resolve()) for folder in folders)
        self.watching = True
        try:
            yield
        finally:
            self.watching = False


def examine(data: bytes, folder: Path) -> str:
    """Take a document all the ways that a saved report goes, and return what became of it: ``shown`` or ``refused``.

    ConfigError is the one error there may be; whatever else is raised is a fault.
    """
    path = folder / "report.json"
    path.write_bytes(data)
    for event in (Event(), Event(name="push", repository="acme/charts", revision="a" * 40)):
        with suppress(ConfigError):
            read_plan(path, event, None, publish_refs=())
    try:
        report = document.read_report(path)
    except ConfigError:
        return "refused"
    for shown in (report, as_plan(report, "mallory/charts", ("ghcr.io/acme/charts",))):
        present(shown)
        assert document.decode(document.encode(shown)) == shown
    planned = as_plan(report, "mallory/charts", ("ghcr.io/acme/charts",))
    targets = [target for chart in planned.charts for target in chart.targets]
    assert all(target.reference.startswith("ghcr.io/acme/charts/") for target in targets)
    assert planned.totals.published == planned.totals.saved == 0
    return "shown"


def present(report: document.Report) -> None:
    """Show a report in every way there is."""
    for limit, unit in ((60_000, "utf-16"), (900 * 1024, "utf-8"), (700, "utf-16")):
        text = render(report, limit=limit, unit=unit, home=HOME, source="mallory/charts")  # type: ignore[arg-type]
        assert length(text, unit) <= limit  # type: ignore[arg-type]
        if len(text) < _PARSED:
            html = _MARKDOWN.render(text)
            assert html.count("<details>") == html.count("</details>")
            assert "<script" not in html
            assert "<img" not in html
    render(report, home=HOME)
    stream = io.StringIO()
    show(report, stream)
    show(report, stream, everything=True)
    text = stream.getvalue() + "\n".join(problems(report))
    assert "\x1b" not in text
    assert "\x00" not in text
    annotations_of(report)
    outputs(report)
    checksums(report)
    artifacts(report)
    beside = embedded(report)
    for chart in report.charts[:20]:
        notes(chart, (), beside.get(chart.name, ()))


def command(folder: Path, environment: dict[str, str]) -> int:
    """Run ``report`` on the document in a folder, and return its exit code."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = run(["report", str(folder / "report.json"), "--markdown", str(folder / "out.md")], environment)
    assert "Traceback" not in err.getvalue()
    return code


_DIGEST = "sha256:" + "a" * 64
_BUMP = {"level": "patch", "reason": "r"}


def _chart(**more: Any) -> dict[str, Any]:
    return {"name": "a", "path": "", "version": "1", "status": "failed", **more}


def _moved(**more: Any) -> dict[str, Any]:
    return _chart(status="published", digest=_DIGEST, targets=[_target(0)], **more)


def _target(number: int) -> dict[str, Any]:
    registry = f"ghcr.io/a{number}"
    error = {"kind": "k", "message": f"m{number}"}
    return {"registry": registry, "reference": f"{registry}/web:1.0.0", "status": "failed", "error": error}


def _named(number: int, *dependencies: str) -> dict[str, Any]:
    return _moved(name=f"c{number}", path=f"c{number}", bump=_BUMP, dependencies=dependencies)


def large(size: float) -> dict[str, bytes]:
    """Return documents of about so many megabytes by what they have much of."""

    def numbers(most: int) -> range:
        return range(int(most * size))

    web = numbers(int(400 / size**0.5))
    names = [f"c{number}" for number in web]
    charts = {
        "charts of nothing": [_chart()] * int(17_000 * size),
        "charts that move": [_moved()] * int(3000 * size),
        "charts that all depend on each other": [_named(number, *names) for number in web],
        "a chain of charts": [_named(number, f"c{number + 1}") for number in numbers(4000)],
        "one chart on many": [_chart(dependencies=["a", *(f"c{n}" for n in numbers(120_000))], bump=_BUMP)],
        "targets": [_chart(targets=[_target(number) for number in numbers(6000)])],
        "warnings": [_chart(warnings=[f"w{number}" for number in numbers(120_000)])],
        "files": [_moved(changes={"added": [f"f{number}" for number in numbers(120_000)]})],
        "values": [_moved(value_changes=[{"file": "f", "key": f"k{number}"} for number in numbers(35_000)])],
        "sizes": [_moved(recent_sizes=[{"version": f"{n}", "size": n} for n in numbers(35_000)])],
        "one long name": [_chart(name="x" * 255), *[_moved()] * int(3000 * size)],
        "ignored files": [_chart(status="unchanged", ignored=["f"] * int(200_000 * size))],
        "problems": [_chart(error={"kind": "k", "message": f"m{number}"}) for number in numbers(10_000)],
    }
    base = {"command": "plan", "dry_run": True, "conclusion": "success", "exit_code": 0}
    notes = [f"{number}" for number in numbers(120_000)]
    documents = {name: {**base, "charts": listed} for name, listed in charts.items()}
    documents["notes"] = {**base, "notes": notes, "failures": notes[::2]}
    documents["one long text"] = {**base, "notes": ["`|@#:a:" * int(150_000 * size)]}
    return {name: json.dumps(value).encode() for name, value in documents.items()}
