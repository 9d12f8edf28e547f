"""The policy of a run over a real layout, for tests of stages as functions: no settings, no git, no event."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from oci_chart_publish.build.build import ArtifactOptions
from oci_chart_publish.build.dependencies import Fetcher
from oci_chart_publish.layout.layout import ImageLayout
from oci_chart_publish.layout.memo import Memo
from oci_chart_publish.oci.reference import Repository
from oci_chart_publish.oci.store import Target
from oci_chart_publish.progress import Silent
from oci_chart_publish.push.attach import Signer
from oci_chart_publish.push.reconcile import Plan
from oci_chart_publish.run.policy import Outcomes, PublishOptions, Run, VersionPolicy
from oci_chart_publish.tree.tree import FolderTree, Tree


class FolderDependencies(msgspec.Struct, frozen=True, kw_only=True):
    """Dependencies that lie in folders below ``root`` alone: no aliases, and nothing is fetched."""

    root: Path
    aliases: Mapping[str, str] = msgspec.field(default_factory=dict)

    def is_own(self, url: str) -> bool:  # noqa: ARG002  (the interface)
        return False

    def tree(self, folder: str) -> Tree | None:
        return FolderTree(self.root / folder) if (self.root / folder / "Chart.yaml").is_file() else None

    def folders_of(self, name: str) -> Sequence[str]:  # noqa: ARG002  (the interface)
        return ()

    def fetcher(self) -> Fetcher | None:
        return None

    def save_lock(self, path: str, data: bytes) -> None:
        raise AssertionError(f"{path} is written: {data!r}")


class LayoutPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Charts below ``root`` go to ``registries``, or into the layout; charts that are ``refused`` break the plan."""

    root: Path
    layout: ImageLayout
    memo: Memo
    stores: Mapping[str, Target] = msgspec.field(default_factory=dict)
    registries: tuple[str, ...] = ()
    versions: VersionPolicy | None = None
    refused: Mapping[str, Exception] = msgspec.field(default_factory=dict)
    signers: tuple[Signer, ...] = ()

    @property
    def dependencies(self) -> FolderDependencies:
        return FolderDependencies(root=self.root)

    def store(self, repository: Repository) -> Target:
        return self.stores[str(repository)]

    def destinations(self, chart: str) -> tuple[str, ...]:  # noqa: ARG002  (all go to one place)
        return self.registries

    def artifact_options(self, folder: str) -> ArtifactOptions:  # noqa: ARG002  (all are made alike)
        return ArtifactOptions()

    def ignored_changes(self, chart: str) -> Callable[[str], bool] | None:  # noqa: ARG002  (none is exempt)
        return None

    def app_version(self, chart: str, version: str) -> str:  # noqa: ARG002  (Chart.yaml has it)
        return ""

    def check_names(self, charts: Sequence[str]) -> None:
        """Nothing is tagged, so no tags collide."""

    def check_plan(self, plan: Plan) -> None:
        if plan.artifact.name in self.refused:
            raise self.refused[plan.artifact.name]


class Listener(msgspec.Struct, frozen=True, kw_only=True):
    """Keeps all that it is told, in order; ``stopping`` is for the test to set."""

    stopping: threading.Event = msgspec.field(default_factory=threading.Event)
    told: list[Outcomes] = msgspec.field(default_factory=list)

    def on_outcomes(self, outcomes: Outcomes) -> None:
        self.told.append(outcomes)


OPTIONS = PublishOptions(
    jobs=2,
    overwrite=False,
    tags_suffice=True,
    exact=False,
    update_dependencies=False,
    rewrite_dependencies="",
    details=False,
    size_budget=0,
)


def layout_policy(
    folder: Path, *, versions: VersionPolicy | None = None, refused: Mapping[str, Exception] | None = None
) -> LayoutPolicy:
    """Return the policy for the charts below a folder; the layout is made beside them."""
    layout = ImageLayout.create(folder / "layout")
    return LayoutPolicy(
        root=folder,
        layout=layout,
        memo=Memo(folder / "layout" / "memo"),
        versions=versions,
        refused=refused or {},
    )


def run_of(
    policy: LayoutPolicy, *, options: PublishOptions = OPTIONS, listener: Listener | None = None
) -> Run:
    return Run(policy=policy, options=options, listener=listener or Listener(), progress=Silent())
