"""Whether Helm, loading a package, finds each file where it was packed (Helm ``pkg/chart/loader/archive/archive.go``).

The loader splits names at backslashes, refuses some, and takes ``charts/_x`` for no chart, none of which a folder
shows. What it makes of a layer follows from the names alone, so names are judged and nothing is decompressed again;
a test reads random layers back whole and holds them against this.
"""

from __future__ import annotations

from oci_chart_publish.chart.chart import Chart, placed
from oci_chart_publish.chart.members import is_drive
from oci_chart_publish.chart.metadata import CHART_FILE
from oci_chart_publish.chart.walk import CHARTS
from oci_chart_publish.errors import ChartError

_RENAME = "rename it, or name it in .helmignore"


def check_loadable(chart: Chart) -> None:
    """Raise ChartError unless Helm loads from the package what the chart is; the error names the file."""
    if "\\" in chart.name or chart.name == CHART_FILE:
        raise ChartError(
            f"Helm cannot load a package of the name {chart.name!r}",
            path=CHART_FILE,
            key="name",
            hint="name it with letters, digits and -",
        )
    for file in chart.files:
        if file.path.startswith(".."):
            raise ChartError(
                "Helm refuses a package with a path that begins with two dots", path=file.path, hint=_RENAME
            )
        if is_drive(file.path):
            raise ChartError(
                "Helm refuses a package with a path that begins as a Windows drive",
                path=file.path,
                hint=_RENAME,
            )
    _check_below(chart)


def _check_below(chart: Chart) -> None:
    """Check what counts at every level: backslashes, and how subcharts are called."""
    for file in chart.files:
        if "\\" in file.path:
            read = "/".join(file.path.split("\\")[1:])
            raise ChartError(
                f"Helm reads the backslash in a package as a slash: this would be {read!r} to it",
                path=file.path,
                hint=_RENAME,
            )
    for place, subchart in placed(chart.subcharts):
        if place.startswith(("_", ".")) or place.endswith(".tgz") or "\\" in place:
            why = "takes it for an archive" if place.endswith(".tgz") else "does not load it from there"
            raise ChartError(
                f"a subchart called {subchart.name!r} is packed as {CHARTS}{place}/, and Helm {why}",
                path=f"{CHARTS}{place}/{CHART_FILE}",
                key="name",
                hint="give the subchart another name, or take it out of charts/",
            )
        try:
            _check_below(subchart)
        except ChartError as error:
            raise error.within(f"{CHARTS}{place}") from error
