"""A GraphQL document: what a schema has against it, and all that it asks for. Pure; knows nothing of the stand-in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    NamedTypeNode,
    OperationDefinitionNode,
    SelectionSetNode,
    get_named_type,
    specified_rules,
    validate,
)
from graphql.execution.values import get_argument_values

Owner = GraphQLObjectType | GraphQLInterfaceType
CODES: Mapping[str, str] = {
    "FieldsOnCorrectTypeRule": "undefinedField",
    "KnownArgumentNamesRule": "argumentNotAccepted",
    "KnownFragmentNamesRule": "useAndDefineFragment",
    "KnownTypeNamesRule": "undefinedType",
    "NoUndefinedVariablesRule": "variableNotDefined",
    "NoUnusedFragmentsRule": "useAndDefineFragment",
    "NoUnusedVariablesRule": "variableNotUsed",
    "PossibleFragmentSpreadsRule": "cannotSpreadFragment",
    "ProvidedRequiredArgumentsRule": "missingRequiredArguments",
    "ScalarLeafsRule": "selectionMismatch",
    "ValuesOfCorrectTypeRule": "argumentLiteralsIncompatible",
    "VariablesInAllowedPositionRule": "variableMismatch",
}
"""GitHub's code (graphql-ruby's) for what a rule finds; the words of the messages are graphql-core's."""


class Asked(NamedTuple):
    """A field that a document asks for: ``Commit.oid``; of a connection, how many nodes that may be in all."""

    name: str
    node: FieldNode
    nodes: int


def plain(error: GraphQLError) -> dict[str, Any]:
    """Return an error as GitHub writes one that no field of the answer has."""
    places = [{"line": place.line, "column": place.column} for place in error.locations or ()]
    return {**({"locations": places} if places else {}), "message": error.message}


def judge(schema: GraphQLSchema, document: DocumentNode) -> list[dict[str, Any]]:
    """Return what the schema has against a document, each with GitHub's code."""
    if not validate(schema, document):
        return []
    return [
        {**plain(error), "extensions": {"code": CODES.get(rule.__name__, rule.__name__)}}
        for rule in specified_rules
        for error in validate(schema, document, [rule])
    ]


def fragments_of(document: DocumentNode) -> dict[str, FragmentDefinitionNode]:
    """Return the fragments of a document by name."""
    return {one.name.value: one for one in document.definitions if isinstance(one, FragmentDefinitionNode)}


def selected(
    schema: GraphQLSchema,
    owner: Owner,
    selection: SelectionSetNode,
    fragments: Mapping[str, FragmentDefinitionNode],
) -> Iterator[tuple[Owner, FieldNode]]:
    """Yield the fields selected on a type, those of fragments among them, each with the type that it is of."""
    for node in selection.selections:
        if isinstance(node, FieldNode):
            if not node.name.value.startswith("__"):
                yield owner, node
            continue
        assert isinstance(node, InlineFragmentNode | FragmentSpreadNode)
        inner = node if isinstance(node, InlineFragmentNode) else fragments[node.name.value]
        named: NamedTypeNode | None = inner.type_condition  # an inline fragment may have none
        kind = schema.type_map[named.name.value] if named else owner
        assert isinstance(kind, Owner)
        yield from selected(schema, kind, inner.selection_set, fragments)


def asked(
    schema: GraphQLSchema,
    document: DocumentNode,
    operation: OperationDefinitionNode,
    values: Mapping[str, Any],
) -> Iterator[Asked]:
    """Yield all that a valid document asks for, with these values of its variables."""
    fragments = fragments_of(document)

    def walk(owner: Owner, selection: SelectionSetNode, times: int) -> Iterator[Asked]:
        for kind, node in selected(schema, owner, selection, fragments):
            field = kind.fields[node.name.value]
            below = get_named_type(field.type)
            size = 0
            if below.name.endswith("Connection"):
                arguments = get_argument_values(field, node, dict(values))
                size = arguments.get("first") or arguments.get("last") or 0
            yield Asked(f"{kind.name}.{node.name.value}", node, times * size)
            if node.selection_set:
                assert isinstance(below, Owner)
                yield from walk(below, node.selection_set, times * (size or 1))

    root = schema.get_root_type(operation.operation)
    assert root is not None
    return walk(root, operation.selection_set, 1)
