"""Fixtures for every test: the real registries."""

from __future__ import annotations

from tests.real.fixtures import (
    crane_registry,
    htpasswd_registry,
    olareg,
    olareg_no_referrers,
    plain_registry,
    readonly_registry,
    tls_registry,
    token_registry,
)

__all__ = (
    "crane_registry",
    "htpasswd_registry",
    "olareg",
    "olareg_no_referrers",
    "plain_registry",
    "readonly_registry",
    "tls_registry",
    "token_registry",
)
