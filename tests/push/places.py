"""Registries as places to publish to, and the phases of the protocol run on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.fakes.registry import FakeRegistry
from tests.push.packed import WEB

from oci_chart_publish.errors import PublishError
from oci_chart_publish.layout.layout import ImageLayout
from oci_chart_publish.layout.memo import Memo
from oci_chart_publish.model import ChartArtifact
from oci_chart_publish.oci.manifest import Manifest
from oci_chart_publish.oci.store import copy
from oci_chart_publish.push import publish
from oci_chart_publish.push.reconcile import Destination, Plan, decide, look_up

OTHER = {**WEB, "values.yaml": b"replicas: 2\n"}


@dataclass(frozen=True)
class Place:
    """A registry and the chart's site there."""

    fake: FakeRegistry
    site: Destination

    @property
    def tags(self) -> dict[str, str]:
        return dict(self.fake.stores["charts/web"].tags) if "charts/web" in self.fake.stores else {}

    @property
    def writes(self) -> list[str]:
        """The manifests that were written: ``tag 1.0.0`` or ``digest``."""
        return [line for line in self.fake.lines() if line.startswith("PUT") and "/manifests/" in line]

    def put(self, manifest: Manifest, layout: ImageLayout) -> None:
        """Publish something here under the tag."""
        copy(layout, self.site.store, manifest, name="1.0.0")
        self.fake.seen.clear()


Start = Callable[..., Place]


def one_by_one(calls: Sequence[Callable[[], PublishError | None]]) -> list[PublishError | None]:
    return [call() for call in calls]


def planned(artifact: ChartArtifact, here: ImageLayout, *places: Place, overwrite: bool = False) -> Plan:
    memo = Memo(here.root / "memo")
    findings = tuple(look_up(artifact, place.site, here, memo) for place in places)
    return decide(artifact, findings, overwrite=overwrite)


def carried_out(plan: Plan, here: ImageLayout, *, overwrite: bool = False) -> Plan:
    plan = publish.put_manifest(publish.upload(plan, here, one_by_one), one_by_one)
    return publish.confirm_tags(publish.put_tags(plan, one_by_one, overwrite=overwrite), one_by_one)


def statuses(plan: Plan) -> list[str]:
    return [target.status for target in publish.result(plan, wrote=True).targets]
