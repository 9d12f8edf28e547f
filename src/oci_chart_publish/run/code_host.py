"""The code host, as far as this run may speak to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from oci_chart_publish.github.event import Event

if TYPE_CHECKING:
    from oci_chart_publish.github import GitHub


class CodeHost(msgspec.Struct, frozen=True, kw_only=True):
    """Token and repository, with which a gateway is opened where it is needed."""

    token: str
    """Empty: nobody is asked."""
    event: Event
    say: Callable[[str], None]
    """Told of waits."""

    def connect(self) -> GitHub | None:
        """Return a gateway to the repository of the event; None without a token or a repository there."""
        if not self.token or not self.event.repository:
            return None
        from oci_chart_publish.github import GitHub  # noqa: PLC0415  (only where there is somebody to tell)
        from oci_chart_publish.github.api import API_URL, Options  # noqa: PLC0415

        options = Options(token=self.token, api_url=self.event.api_url or API_URL)
        return GitHub(self.event.repository, options, say=self.say)
