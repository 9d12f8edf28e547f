"""Inject every fault of a list at every request of publish, promote, verify and prune, and print what came of it.

``make campaign``. The table is kept in docs/registries.md; the exit code is 1 where anything was lost, left in a wrong
state, shown to another host, or ended in an error that is not ours.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.registry.campaign import main

sys.exit(main())
