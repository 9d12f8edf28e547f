"""The code host, as far as this run may speak to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

from oci_chart_publish.github.event import Event
from oci_chart_publish.lazy import lazy
from oci_chart_publish.progress import Progress

if TYPE_CHECKING:
    from oci_chart_publish.github import api, gateway
    from oci_chart_publish.github.gateway import GitHub
else:
    gateway = lazy("oci_chart_publish.github.gateway")
    api = lazy("oci_chart_publish.github.api")


class Authorities(Protocol):
    """Who is trusted."""

    def ca_bundle(self) -> str:
        """Return where the PEM file of all that is trusted is; see ``http.authorities.bundle``."""


class CodeHost(msgspec.Struct, frozen=True, kw_only=True):
    """Token and repository, with which a gateway is opened where it is needed."""

    token: str
    """Empty: nobody is asked."""
    event: Event
    progress: Progress
    """Told of waits."""
    authorities: Authorities

    @property
    def missing(self) -> str:
        """Why nobody is asked, empty where somebody is."""
        if not self.token:
            return "github-token is empty"
        if not self.event.repository:
            return "no repository of a code host is known"
        if self.event.is_gitea:
            # Tags, uploads and questions have other addresses there, and half a release is worse than none.
            return "the API of Gitea and Forgejo is not GitHub's: set `release: off` and `comment: off`"
        return ""

    def connect(self) -> GitHub | None:
        """Return a gateway to the repository of the event; None where nobody is to be asked (``missing``)."""
        if self.missing:
            return None

        options = api.Options(
            token=self.token,
            api_url=self.event.api_url or api.API_URL,
            ca_bundle=self.authorities.ca_bundle(),
        )
        return gateway.GitHub(self.event.repository, options, say=self.progress.say)
