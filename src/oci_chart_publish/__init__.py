"""Publish a repository of Helm charts to OCI registries."""

from __future__ import annotations

__version__ = "0.1.0"
