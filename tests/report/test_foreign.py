"""A report that a stranger's run saved: fields that refuse, and a rendering that is a plan and says whose."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from tests.report.work import lines_run

from oci_chart_publish.outcomes import Status
from oci_chart_publish.report import document
from oci_chart_publish.report.detail import embedded
from oci_chart_publish.report.foreign import as_plan
from oci_chart_publish.report.markdown import render

DIGEST = "sha256:" + "a" * 64
REVISION = "0123456789abcdef0123456789abcdef01234567"


def chart(status: Status, registry: str = "ghcr.io/acme/charts", **more: Any) -> document.Chart:
    target = document.Target(
        registry=registry, reference=f"{registry}/web:1.0.0", status=status, digest=DIGEST
    )
    return document.Chart(
        name="web",
        path="charts/web",
        version="1.0.0",
        status=status,
        digest=DIGEST,
        targets=(target,),
        **more,
    )


def report(*charts: document.Chart, **more: Any) -> document.Report:
    return document.Report(
        command="publish", dry_run=False, conclusion="success", exit_code=0, charts=charts, **more
    )


WHOLE = report(
    chart(
        "published",
        previous_version="0.9.0",
        next_version="1.0.1",
        git_tag="web-1.0.0",
        release_url="https://github.com/acme/charts/releases/tag/web-1.0.0",
        preview="ghcr.io/acme/previews/web:0.0.0-pr.7.gabcdef0",
        config=document.Descriptor(media_type="application/json", digest=DIGEST, size=3),
        error=document.Problem(kind="chart", message="m", path="charts/web/Chart.yaml", line=3),
    ),
    repository="acme/charts",
    revision=REVISION,
    ref="refs/pull/7/merge",
    pull_request=document.PullRequest(number=7, head=REVISION, head_repository="mallory/charts"),
)


def test_what_we_write_is_read_back() -> None:
    assert document.decode(document.encode(WHOLE)) == WHOLE


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("revision",), "--upload-pack=touch /tmp/x"),
        (("revision",), "+refs/heads/x:refs/tags/y"),
        (("revision",), "HEAD"),
        (("revision",), REVISION + "\n"),
        (("revision",), REVISION[:-1]),
        (("repository",), "../charts"),
        (("repository",), "acme/.."),
        (("repository",), "acme/charts?x"),
        (("ref",), "--all"),
        (("ref",), "refs/heads/a b"),
        (("command",), "publish; id"),
        (("exit_code",), 256),
        (("pull_request", "head"), "--exec=x"),
        (("pull_request", "head_repository"), "mallory"),
        (("pull_request", "number"), -1),
        (("pull_request", "number"), 10**30),
        (("totals", "charts"), 10**400),
        (("totals", "size"), 2**60),
        (("charts", 0, "name"), "web\nDANGER"),
        (("charts", 0, "name"), "x" * 256),
        (("charts", 0, "path"), "/etc"),
        (("charts", 0, "path"), "../../etc"),
        (("charts", 0, "path"), "charts/.."),
        (("charts", 0, "path"), "charts/x\u0000"),
        (("charts", 0, "version"), "--version"),
        (("charts", 0, "version"), "1.0.0 --untar"),
        (("charts", 0, "version"), "1" * 300),
        (("charts", 0, "previous_version"), "$(id)"),
        (("charts", 0, "next_version"), "-1"),
        (("charts", 0, "digest"), "sha256:zz"),
        (("charts", 0, "digest"), DIGEST + "\n"),
        (("charts", 0, "config", "digest"), "md5:" + "a" * 32),
        (("charts", 0, "config", "media_type"), "a b"),
        (("charts", 0, "git_tag"), "-d"),
        (("charts", 0, "release_url"), "javascript:alert(1)"),
        (("charts", 0, "release_url"), "http://evil.example/"),
        (("charts", 0, "release_url"), 'https://x/" onclick="'),
        (("charts", 0, "preview"), "-x/y:1"),
        (("charts", 0, "targets", 0, "registry"), "https://ghcr.io/x"),
        (("charts", 0, "targets", 0, "registry"), "ghcr.io/../x"),
        (("charts", 0, "targets", 0, "reference"), "ghcr.io/Acme/web:1"),
        (("charts", 0, "targets", 0, "reference"), "ghcr.io/acme/web:1 --untar"),
        (("charts", 0, "targets", 0, "digest"), "latest"),
        (("charts", 0, "error", "path"), "/etc/passwd"),
        (("charts", 0, "error", "line"), -3),
    ],
    ids=lambda value: ".".join(map(str, value)) if isinstance(value, tuple) else ascii(value)[:20],
)
def test_what_could_be_taken_for_something_else_is_refused_at_its_place(
    place: tuple[str | int, ...], value: object
) -> None:
    written = json.loads(document.encode(WHOLE))
    inner: Any = written
    for key in place[:-1]:
        inner = inner[key]
    assert place[-1] in inner
    inner[place[-1]] = value
    with pytest.raises(msgspec.ValidationError, match=r"at `\$\." + str(place[0])):
        document.decode(json.dumps(written).encode())


def test_a_report_of_another_repository_is_its_plan_below_our_registries() -> None:
    forged = replace(
        WHOLE,
        charts=(*WHOLE.charts, chart("published", "evil.example/charts"), chart("saved")),
        failures=("x",),
    )
    planned = as_plan(forged, "mallory/charts", ("oci://ghcr.io/acme/charts/", "ghcr.io/acme/other"))
    assert (planned.command, planned.dry_run, planned.repository) == ("plan", True, "mallory/charts")
    assert planned.failures == ()
    assert [one.status for one in planned.charts] == ["would-publish"] * 3
    assert [[target.registry for target in one.targets] for one in planned.charts] == [
        ["ghcr.io/acme/charts"],
        [],
        ["ghcr.io/acme/charts"],
    ]
    first = planned.charts[0]
    assert (first.git_tag, first.release_url, first.released, first.preview) == (None, None, False, None)
    assert planned.totals.would_publish == 3
    text = render(planned, source="mallory/charts", home="https://github.com/acme/charts")
    assert text.startswith("### Helm charts, the plan of `mallory/charts`: 3 to publish\n")
    assert "nothing of it was checked here" in text
    assert "published" not in text.replace("Once it is published", "").replace("After the merge", "")
    assert "evil.example" not in text
    assert "releases/tag" not in text


def test_a_registry_whose_name_only_begins_like_ours_is_not_below_it() -> None:
    near = chart("published", "ghcr.io/acme/charts-evil")
    elsewhere = replace(
        chart("published"),
        targets=(
            document.Target(registry="ghcr.io/acme/charts", reference="evil.io/x:1", status="published"),
        ),
    )
    planned = as_plan(report(near, elsewhere), "mallory/charts", ("ghcr.io/acme/charts",))
    assert [one.targets for one in planned.charts] == [(), ()]


def web(number: int) -> document.Report:
    """Charts that all depend on each other."""
    names = tuple(f"chart-{i}" for i in range(number))
    bump = document.Bump(level="patch", reason="a fix")
    return report(
        *(
            replace(chart("would-publish", bump=bump, dependencies=names), name=name, path=f"charts/{name}")
            for name in names
        )
    )


def test_the_work_for_charts_that_depend_on_each_other_is_linear() -> None:
    some, more = (lines_run(partial(embedded, web(number))) for number in (200, 400))
    assert more < 2.1 * some
    assert set(embedded(web(200)).values()) == {("",)}
    text = render(web(200))
    assert "oci-chart-publish verify --registry ghcr.io/acme/charts --bump auto" in text
    few = embedded(web(5))
    assert few["chart-0"] == tuple(f"charts/chart-{i}" for i in range(1, 5))
