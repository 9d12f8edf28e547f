"""Stage 1, discover: which folders are charts, and which of them a run is about."""

from oci_chart_publish.discover.changed import changed_since
from oci_chart_publish.discover.find import charts
from oci_chart_publish.tree.tree import ChartSource

__all__ = ["ChartSource", "changed_since", "charts"]
