"""For every test: the guards, and the real registries."""

from __future__ import annotations

from tests import guards
from tests.guards import homes, own_home
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
    "homes",
    "htpasswd_registry",
    "olareg",
    "olareg_no_referrers",
    "own_home",
    "plain_registry",
    "readonly_registry",
    "tls_registry",
    "token_registry",
)

guards.install()
