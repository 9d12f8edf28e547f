"""Charts that embed each other, run in this process against a registry in memory; git, settings and stages are real."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from msgspec.structs import asdict
from tests.fakes.git import ENV, GitRepo
from tests.fakes.policy import Listener

from oci_chart_publish.chart.archive import load_archive
from oci_chart_publish.chart.chart import Chart
from oci_chart_publish.errors import NotFoundError, PublishError
from oci_chart_publish.oci.content import Content, InMemory
from oci_chart_publish.oci.descriptor import Descriptor
from oci_chart_publish.oci.digest import Digest
from oci_chart_publish.oci.manifest import Manifest
from oci_chart_publish.oci.reference import Repository
from oci_chart_publish.oci.store import Target
from oci_chart_publish.progress import Silent
from oci_chart_publish.report import document
from oci_chart_publish.run import pipeline
from oci_chart_publish.run.pipeline import Bumped
from oci_chart_publish.run.policy import Run
from oci_chart_publish.run.project import Project, open_project
from oci_chart_publish.run.setting_sources import Origin
from oci_chart_publish.run.settings_policy import SettingsPolicy

REGISTRY = "registry.test/charts"
URL = f"oci://{REGISTRY}"


class MemoryStore:
    """One repository of a registry: what a registry would hold, without a socket."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.names: dict[str, Digest] = {}
        self._manifests: dict[Digest, Manifest] = {}
        self._blobs: dict[Digest, bytes] = {}

    def resolve(self, name: str) -> Descriptor | None:
        found = self._manifests.get(self.names[name]) if name in self.names else None
        return found.descriptor if found else None

    def manifest(self, target: str | Digest) -> Manifest | None:
        digest = self.names.get(target) if isinstance(target, str) else target
        return self._manifests.get(digest) if digest else None

    def blob(self, descriptor: Descriptor) -> bytes:
        if descriptor.digest not in self._blobs:
            raise NotFoundError(f"{self.title}: there is no {descriptor.digest}")
        return self._blobs[descriptor.digest]

    def has(self, descriptor: Descriptor) -> bool:
        return descriptor.digest in self._blobs or descriptor.digest in self._manifests

    @contextmanager
    def opened(self, descriptor: Descriptor) -> Iterator[Content]:
        yield InMemory(self.blob(descriptor))

    def put_blob(self, descriptor: Descriptor, data: bytes | Content) -> None:
        self._blobs[descriptor.digest] = (
            data if isinstance(data, bytes) else b"".join(map(bytes, data.pieces()))
        )

    def put_manifest(self, manifest: Manifest, name: str | None = None) -> None:
        assert all(self.has(blob) for blob in manifest.blobs), f"{self.title}: blobs first"
        self._manifests[manifest.descriptor.digest] = manifest
        if name is not None:
            self.names[name] = manifest.descriptor.digest

    def tags(self) -> Iterable[str]:
        return list(self.names)


class MemoryPolicy(SettingsPolicy, frozen=True, kw_only=True):
    """The policy of the settings, with the registries in memory."""

    stores_of: Callable[[str], MemoryStore]

    def store(self, repository: Repository) -> Target:
        return self.stores_of(str(repository))


@dataclass
class Web:
    """A repository of charts, and the registries that they are published to; ``plain`` is a folder without git."""

    git: GitRepo
    home: Path
    plain: bool = False
    registries: dict[str, MemoryStore] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)

    def chart(
        self, folder: str, version: str, *dependencies: str | Mapping[str, str], values: str = "a: 1"
    ) -> None:
        """Write a chart named as its folder; a dependency is ``FOLDER CONSTRAINT``, ``@NAME CONSTRAINT`` is by URL."""
        name = folder.rpartition("/")[2]
        lines = ["apiVersion: v2", f"name: {name}", f"version: {version}"]
        declared = [self.declared(one, folder) for one in dependencies]
        lines += ["dependencies:"] if declared else []
        for dependency in declared:
            pairs = [f"{key}: {value!r}" for key, value in dependency.items()]
            lines += [f"  - {pairs[0]}", *(f"    {pair}" for pair in pairs[1:])]
        self.git.write(
            {f"{folder}/Chart.yaml": "\n".join(lines) + "\n", f"{folder}/values.yaml": values + "\n"}
        )

    def declared(self, one: str | Mapping[str, str], folder: str) -> Mapping[str, str]:
        """Return a dependency of the chart in a folder as Chart.yaml declares it."""
        if not isinstance(one, str):
            return one
        target, _, constraint = one.partition(" ")
        if target.startswith("@"):
            return {"name": target[1:], "version": constraint, "repository": URL}
        up = "/".join([".."] * len(folder.split("/")))
        return {
            "name": target.rpartition("/")[2], "version": constraint, "repository": f"file://{up}/{target}"
        }  # fmt: skip

    def change(self, folder: str, text: str, message: str = "fix: change", version: str = "") -> str:
        """Change a chart's values, raise its version if one is given, and commit."""
        self.git.write({f"{folder}/values.yaml": f"text: {text}\n"})
        if version:
            self.set_version(folder, version)
        return self.commit(message)

    def commit(self, message: str) -> str:
        return "" if self.plain else self.git.commit(message)

    def set_version(self, folder: str, version: str) -> None:
        file = self.git.root / folder / "Chart.yaml"
        lines = file.read_text().splitlines()
        at = next(number for number, line in enumerate(lines) if line.startswith("version: "))
        file.write_text("\n".join([*lines[:at], f"version: {version}", *lines[at + 1 :]]) + "\n")

    def plan(self, *charts: str, **settings: Any) -> dict[str, document.Chart]:
        return self._flow(pipeline.plan, charts, settings, writes=False)

    def publish(self, *charts: str, **settings: Any) -> dict[str, document.Chart]:
        """Publish, and tag what was published as a release would."""
        found = self._flow(pipeline.publish, charts, settings, writes=True)
        if self.plain:
            return found
        released = [
            f"{chart.name}-{chart.version}" for chart in found.values() if chart.status == "published"
        ]
        known = set(self.git.git("tag").split()) if released else set()
        for tag in released:
            if tag not in known and settings.get("tags", True):
                self.git.git("update-ref", f"refs/tags/{tag}", "HEAD")
        return found

    def verify(self, *charts: str, **settings: Any) -> dict[str, document.Chart]:
        return self._flow(pipeline.verify, charts, settings, writes=False)

    def bump(self, *charts: str, **settings: Any) -> tuple[dict[str, Bumped], list[PublishError]]:
        bumped: dict[str, Bumped] = {}
        errors: list[PublishError] = []

        def stages(sources: Sequence[Any], run: Run) -> tuple[document.Chart, ...]:
            found, problems = pipeline.bump(sources, run)
            bumped.update({one.name: one for one in found})
            errors.extend(problems)
            return ()

        self._flow(stages, charts, {"bump": "auto", **settings}, writes=False)
        return bumped, errors

    def _flow(
        self,
        stages: Callable[[Sequence[Any], Run], tuple[document.Chart, ...]],
        charts: Sequence[str],
        settings: Mapping[str, Any],
        *,
        writes: bool,
    ) -> dict[str, document.Chart]:
        with closing(self.project(charts, settings, writes=writes)) as project:
            sources = project.sources()
            policy = MemoryPolicy(**asdict(project.policy(sources)), stores_of=self.store)
            run = Run(policy=policy, options=project.options, listener=Listener(), progress=Silent())
            return {chart.name: chart for chart in stages(sources, run)}

    def project(self, charts: Sequence[str], settings: Mapping[str, Any], *, writes: bool) -> Project:
        given = {"registries": (REGISTRY,), "jobs": 2, "offline": True, **self.settings, **settings}
        given.pop("tags", None)
        values = {key.replace("_", "-"): value for key, value in given.items()}
        environment = {**ENV, "OCI_CHART_CACHE": str(self.home / "layout")}
        origin = Origin("test", {**values, "charts": tuple(charts) or values.get("charts", ())})
        return open_project(self.git.root, origin, environment, writes=writes)

    def store(self, repository: str) -> MemoryStore:
        return self.registries.setdefault(repository, MemoryStore(repository))

    def packed(self, name: str, version: str, *, registry: str = REGISTRY) -> Chart:
        """Return a chart as it was published."""
        store = self.store(f"{registry}/{name}")
        manifest = store.manifest(version)
        assert manifest is not None, f"{name} {version} is not published: {sorted(store.names)}"
        return load_archive(store.blob(manifest.layers[0]), title=name)


def web(folder: Path, *, plain: bool = False) -> Web:
    """Return an empty repository below a folder."""
    return Web(git=GitRepo(folder / "repo", init=not plain), home=folder / "home", plain=plain)


def shown(charts: Mapping[str, document.Chart]) -> dict[str, str]:
    """Return version and status of each chart: ``1.0.1 published``."""
    return {name: f"{chart.version} {chart.status}" for name, chart in sorted(charts.items())}
