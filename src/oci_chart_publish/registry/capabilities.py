"""What has been learned of a host while talking to it; shared by all its repositories."""

from __future__ import annotations

import threading


class Capabilities:
    """What has been learned of a host. None: not known yet.

    ``heads``: a HEAD of a manifest says what a GET says. ``held``: it has shown a manifest. ``words``: it has said
    "not there" as the specification has it, ``marks`` with a header that only registries send. ``chunk``: the bytes of
    a part that it takes where it refuses a whole blob.
    """

    def __init__(self) -> None:
        self.single_post: bool | None = None
        self.referrers: bool | None = None
        self.speaks = False
        self.heads: bool | None = None
        self.held = False
        self.words = False
        self.marks = False
        self.chunk = 0
        self._lock = threading.Lock()
        self._trying = False

    def claim_trial(self) -> bool:
        """Return True to the one caller that may find out whether a single POST works."""
        with self._lock:
            if self.single_post is not None or self._trying:
                return False
            self._trying = True
            return True

    def settle_trial(self, *, works: bool | None) -> None:
        """Say what the trial showed; None for nothing."""
        with self._lock:
            self._trying = False
            self.single_post = works
