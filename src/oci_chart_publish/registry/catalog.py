"""The catalog: the repositories of a registry. It is docker's; the distribution specification has no such list."""

from __future__ import annotations

from oci_chart_publish.errors import RegistryError
from oci_chart_publish.oci.manifest import MANIFEST_LIMIT
from oci_chart_publish.oci.reference import Repository
from oci_chart_publish.registry import faults
from oci_chart_publish.registry.address import redact
from oci_chart_publish.registry.answer import Answer
from oci_chart_publish.registry.auth import Authorizer
from oci_chart_publish.registry.host import Call, Host
from oci_chart_publish.registry.listing import listed, pages
from oci_chart_publish.registry.tokens import CATALOG

_NONE = frozenset({400, 401, 403, 404, 405, 501})


def below(place: Repository, host: Host, auth: Authorizer) -> tuple[str, ...] | None:
    """Return the names one level below a place, sorted; None where the registry lists none to us."""

    def page(target: str) -> Answer | None:
        headers = {"Accept": "application/json"}
        call = Call(method="GET", target=target, scope=CATALOG, headers=headers, limit=MANIFEST_LIMIT)
        answer = host.request(call, auth)
        if answer.status == 200:
            return answer
        if answer.status in _NONE:
            return None
        raise faults.refusal(answer, kind=host.kind, path=place.path)

    prefix = f"{place.path}/" if place.path else ""
    found: set[str] | None = None
    for answer in pages(page, "/v2/_catalog?n=1000"):
        names = listed(answer).get("repositories") or []
        if not isinstance(names, list):
            raise RegistryError(f"GET {redact(answer.url)}: 'repositories' is not a list")
        ours = [name.removeprefix(prefix) for name in map(str, names) if name.startswith(prefix)]
        found = {*(found or ()), *(name for name in ours if name and "/" not in name)}
    return None if found is None else tuple(sorted(found))
