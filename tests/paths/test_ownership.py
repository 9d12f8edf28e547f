from __future__ import annotations

import pytest

from oci_chart_publish.paths.globs import covers
from oci_chart_publish.paths.ownership import Belonging, nested_in

WEB = Belonging(
    folder="charts/web",
    nested=("charts/web/addons/db",),
    extra=("lib/", "./values.yaml"),
    ignore=("README.md", "docs/", "/ci/*.yaml"),
    dependencies=(Belonging(folder="charts/common", ignore=("README.md",)),),
)


@pytest.mark.parametrize(
    ("path", "belongs"),
    [
        ("charts/web/values.yaml", True),
        ("charts/web/addons/x.yaml", True),
        ("charts/web/addons/db/values.yaml", False),
        ("charts/web2/values.yaml", False),
        ("charts/README.md", False),
        ("charts/web/README.md", False),
        ("charts/web/sub/README.md", False),
        ("charts/web/docs/a/b.md", False),
        ("charts/web/ci/test-values.yaml", False),
        ("charts/web/ci/deep/x.yaml", True),
        ("lib/templates.tpl", True),
        ("lib2/x", False),
        ("values.yaml", True),
        ("charts/common/values.yaml", True),
        ("charts/common/README.md", False),
    ],
)
def test_a_file_belongs_to_the_chart_with_the_longest_path(path: str, belongs: bool) -> None:  # noqa: FBT001
    assert (path in WEB) is belongs


def test_a_pointer_that_moved_is_a_change_of_what_lies_in_the_submodule() -> None:
    modules = ("vendor/charts", "shared")
    inside = Belonging(folder="vendor/charts/web", submodules=modules)
    linking = Belonging(folder="charts/web", extra=("shared/lib",), submodules=modules)
    around = Belonging(folder="shared/..", dependencies=(inside,))
    assert [chart.changed_by(["vendor/charts"]) for chart in (inside, linking, around)] == [True, False, True]
    assert [chart.changed_by(["shared"]) for chart in (inside, linking, around)] == [False, True, False]
    assert not inside.changed_by(["vendor", "vendor/charts/db/values.yaml"])
    assert inside.paths == ("vendor/charts/web", "vendor/charts")
    assert linking.paths == ("charts/web", "shared/lib", "shared")


def test_git_is_asked_about_the_folders_of_a_chart() -> None:
    assert WEB.paths == ("charts/web", "lib", "values.yaml", "charts/common")
    assert Belonging(folder="", nested=("charts/db",)).paths == ()
    assert Belonging(folder="charts/web", extra=(".",)).paths == ()


def test_the_chart_at_the_root_has_what_no_other_chart_has() -> None:
    root = Belonging(folder="", nested=nested_in("", ["", "charts/db"]), ignore=(".github/",))
    assert [
        path in root for path in ("values.yaml", "charts/db/values.yaml", ".github/workflows/ci.yaml")
    ] == [
        True,
        False,
        False,
    ]


@pytest.mark.parametrize(
    ("glob", "fits", "others"),
    [
        ("README.md", ["README.md", "sub/README.md"], ["README.md.txt", "xREADME.md"]),
        ("/README.md", ["README.md"], ["sub/README.md"]),
        ("*.md", ["a.md", "x/b.md"], ["a.mdx"]),
        ("docs/*.md", ["docs/a.md"], ["docs/x/a.md", "x/docs/a.md"]),
        ("docs/**", ["docs/a", "docs/x/y"], ["docs", "docs2/a"]),
        ("**/ci", ["ci", "a/ci/x", "a/b/ci"], ["cix"]),
        ("docs/**/a.md", ["docs/a.md", "docs/x/y/a.md"], ["docs/xa.md"]),
        ("docs", ["docs/a", "x/docs/a"], ["docs2"]),
        ("v?.yaml", ["v1.yaml"], ["v12.yaml", "v/.yaml"]),
        ("v[0-9].yaml", ["v1.yaml"], ["vx.yaml"]),
        ("v[!0-9].yaml", ["vx.yaml"], ["v1.yaml"]),
        ("a+b.(md)", ["a+b.(md)"], ["aab.md"]),
    ],
)
def test_globs_are_read_as_git_reads_them(glob: str, fits: list[str], others: list[str]) -> None:
    assert [path for path in [*fits, *others] if covers([glob], path)] == fits
