"""GitHub's GraphQL: a document is judged by GitHub's own schema and carried out on the state, all by graphql-core.

Errors have the shape of GitHub's, with status 200. Some of them only a wrong document can get: what the schema or a
limit of the documentation forbids. These are violations too, and so are two things that GitHub would pass over in
silence: a variable that the document does not declare, and a field that GitHub says it will remove.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    GraphQLScalarType,
    GraphQLSchema,
    NoDeprecatedCustomRule,
    OperationDefinitionNode,
    build_schema,
    execute,
    get_operation_ast,
    parse,
    validate,
)
from graphql.execution.values import get_variable_values
from tests.fakes.github_contract import ContractError
from tests.fakes.github_fields import FIELDS, Denied, kind, resolve
from tests.fakes.github_routes import Call
from tests.fakes.graphql_document import Asked, asked, judge, plain

SCHEMA = Path(__file__).with_name("github-schema.graphql")
MOST_NODES = 500_000
"""How many nodes a document may ask for (docs, "Rate limits and query limits for the GraphQL API")."""
INCLUDED = {"repo": ("public_repo",)}
"""The scopes that a scope includes."""


class Answer(NamedTuple):
    """What GitHub would say, and what the client should not have asked."""

    data: dict[str, Any]
    violations: Sequence[str] = ()


def graphql(call: Call) -> Answer:
    """Answer the document of a request; ContractError where the stand-in cannot."""
    body = call.body if isinstance(call.body, dict) else {}
    if not isinstance(text := body.get("query"), str):
        return _refused([{"message": "A query attribute must be specified and must be a string."}])
    document, errors = _judged(text)
    operation = get_operation_ast(document, body.get("operationName")) if document else None
    if errors or document is None or operation is None:
        return _refused(
            errors or [{"message": "An operation name is required, and must be one of the document's"}]
        )
    given = body.get("variables") or {}
    values = get_variable_values(schema(), operation.variable_definitions, given)
    if isinstance(values, list):
        return _refused([plain(error) for error in values])
    everything = tuple(asked(schema(), document, operation, values))
    if (nodes := sum(one.nodes for one in everything)) > MOST_NODES:
        said = (
            f"This query requests up to {nodes:,} possible nodes which exceeds the maximum limit of 500,000."
        )
        return _refused([{"type": "MAX_NODE_LIMIT_EXCEEDED", "message": said}])
    if beyond := _beyond_scopes(call, everything):
        return Answer({"errors": beyond})
    done = execute(
        schema(),
        document,
        context_value=call,
        variable_values=given,
        operation_name=body.get("operationName"),
        field_resolver=resolve,
        type_resolver=lambda value, *_: kind(value),
    )
    assert isinstance(done, ExecutionResult)
    return _answered(done, tuple(_overlooked(document, operation, body)))


def _refused(errors: list[dict[str, Any]]) -> Answer:
    return Answer({"errors": errors}, [error["message"] for error in errors])


def _answered(done: ExecutionResult, overlooked: Sequence[str]) -> Answer:
    errors, wrong = [], list(overlooked)
    for error in done.errors or ():
        denied = error.original_error
        if not isinstance(denied, Denied):
            raise ContractError(f"{error.path}: {error.message}") from denied
        forbidden = {"extensions": {"saml_failure": False}} if denied.kind == "FORBIDDEN" else {}
        errors.append({"type": denied.kind, "path": error.path, **forbidden, **plain(error)})
        wrong += [denied.message] if denied.wrong else []
    return Answer({"data": done.data, **({"errors": errors} if errors else {})}, wrong)


@lru_cache(maxsize=64)
def _judged(text: str) -> tuple[DocumentNode | None, list[dict[str, Any]]]:
    """Return a document, None where it is none, and what the schema has against it."""
    try:
        document = parse(text)
    except GraphQLError as error:
        return None, [plain(error)]
    return document, judge(schema(), document)


def _overlooked(
    document: DocumentNode, operation: OperationDefinitionNode, body: Mapping[str, Any]
) -> Iterator[str]:
    """Yield what GitHub does not mind, and we do."""
    declared = {one.variable.name.value for one in operation.variable_definitions}
    if unknown := set(body.get("variables") or ()) - declared:
        yield f"variables that the document does not declare: {sorted(unknown)}"
    if unknown := set(body) - {"query", "variables", "operationName"}:
        yield f"unknown properties {sorted(unknown)}"
    for error in validate(schema(), document, [NoDeprecatedCustomRule]):
        yield error.message


def _beyond_scopes(call: Call, everything: Sequence[Asked]) -> list[dict[str, Any]]:
    """Return an error for each field out of reach of a classic token's scopes: nothing is carried out then."""
    assert call.token is not None
    if call.token.scopes is None:
        return []
    granted = sorted(call.token.scopes)
    reached = {inner for scope in granted for inner in (scope, *INCLUDED.get(scope, ()))}
    found = []
    for one in everything:
        wanted = FIELDS[one.name].scopes if one.name in FIELDS else ()
        if wanted and not reached.intersection(wanted):
            said = (
                "Your token has not been granted the required scopes to execute this query. "
                f"The '{one.node.name.value}' field requires one of the following scopes: {list(wanted)}, but "
                f"your token has only been granted the: {granted or ['']} scopes. "
                "Please modify your token's scopes at: https://github.com/settings/tokens."
            )
            found.append({"type": "INSUFFICIENT_SCOPES", **plain(GraphQLError(said, one.node))})
    return found


@cache
def schema() -> GraphQLSchema:
    """Return GitHub's schema, read once a process, with what its scalars may be."""
    built = build_schema(SCHEMA.read_text(encoding="utf-8"))
    for name, check in SCALARS.items():
        scalar = built.type_map[name]
        assert isinstance(scalar, GraphQLScalarType)
        scalar.parse_value = scalar.serialize = check  # type: ignore[assignment, method-assign]
    return built


def _matching(name: str, pattern: str) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise ValueError(f"{value!r} is not a {name}")
        return value

    return check


def _base64(value: Any) -> str:
    try:
        base64.b64decode(value, validate=True)
    except (binascii.Error, TypeError, ValueError) as error:
        raise ValueError(f"{value!r} is not a Base64String") from error
    return str(value)


SCALARS: Mapping[str, Callable[[Any], str]] = {
    "Base64String": _base64,
    "GitObjectID": _matching("GitObjectID", "[0-9a-f]{40}"),
    "URI": _matching("URI", r"https?://\S+"),
}
