"""For every test: the guards, the real registries, and the stand-in of the code host."""

from __future__ import annotations

from tests import guards
from tests.fakes.fixtures import github
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
    "github",
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
