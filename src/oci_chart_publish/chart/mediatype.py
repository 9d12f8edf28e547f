"""Helm's media types (``pkg/registry/constants.go``)."""

from __future__ import annotations

HELM_CONFIG = "application/vnd.cncf.helm.config.v1+json"
CHART_LAYER = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
PROVENANCE_LAYER = "application/vnd.cncf.helm.chart.provenance.v1.prov"

# The layer type of Helm 3.0 to 3.6 (`helm chart save`); Helm 3.7.1 and later still read it.
LEGACY_LAYER = "application/tar+gzip"
CHART_LAYERS = (CHART_LAYER, LEGACY_LAYER)
