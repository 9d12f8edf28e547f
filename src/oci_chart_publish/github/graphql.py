"""One question about many things of one repository, as one GraphQL document."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from oci_chart_publish.github import response
from oci_chart_publish.github.api import Client
from oci_chart_publish.github.response import Json


def ask(
    client: Client,
    repository: str,
    field: str,
    types: Mapping[str, str],
    mappings: Sequence[Mapping[str, object]],
    *,
    fragment: str = "",
    needs: str,
) -> Sequence[Json | None]:
    """Return what a field of the repository is for each thing, None where there is no such thing.

    ``field`` is GraphQL with variables (``ref(qualifiedName: $ref) { name }``) that ``types`` declares and each thing
    has a value of. GitHub's limits are the caller's to keep. Raises ForgeError.
    """
    owner, _, name = repository.partition("/")
    numbers = range(len(mappings))
    declared = "".join(f", ${key}{number}: {kind}" for number in numbers for key, kind in types.items())
    fields = " ".join(f"n{number}: {_numbered(field, number)}" for number in numbers)
    document = (
        f"query ($owner: String!, $name: String!{declared}) "
        f"{{ repository(owner: $owner, name: $name) {{ {fields} }} }} {fragment}"
    )
    values = {f"{key}{number}": value for number in numbers for key, value in mappings[number].items()}
    data = client.query(document, {"owner": owner, "name": name, **values}, needs=needs)
    answered = response.mapping(data, "repository")
    result = (answered.get(f"n{number}") for number in numbers)
    return [None if item is None else response.whole(item, "repository") for item in result]


def _numbered(field: str, number: int) -> str:
    return re.sub(r"\$(\w+)", rf"$\g<1>{number}", field)
