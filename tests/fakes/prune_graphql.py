"""Cut GitHub's GraphQL schema down to the types that the stand-in answers with, their plain fields and their arguments.

    python tests/fakes/prune_graphql.py package/schema.graphql tests/fakes/github-schema.graphql

README.md beside this file says where the input comes from. A field of a kept type stays where its own type does:
scalars, enumerations and the types of ``KEPT``. So whatever a document may ask of these types is judged as GitHub
would; of the rest, only the way there is missing.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from graphql import (
    DefinitionNode,
    DirectiveNode,
    DocumentNode,
    EnumTypeDefinitionNode,
    EnumValueDefinitionNode,
    FieldDefinitionNode,
    InputObjectTypeDefinitionNode,
    InputValueDefinitionNode,
    InterfaceTypeDefinitionNode,
    ListTypeNode,
    NamedTypeNode,
    NonNullTypeNode,
    ObjectTypeDefinitionNode,
    ScalarTypeDefinitionNode,
    TypeDefinitionNode,
    TypeNode,
    parse,
    print_ast,
    specified_scalar_types,
)

ROOTS: Mapping[str, tuple[str, ...]] = {
    "Query": ("rateLimit", "repository", "viewer"),
    "Mutation": ("createCommitOnBranch",),
}
KEPT = (
    "Actor",
    "Blob",
    "Bot",
    "Commit",
    "CreateCommitOnBranchPayload",
    "EnterpriseUserAccount",
    "GitActor",
    "GitObject",
    "Label",
    "LabelConnection",
    "LabelEdge",
    "Mannequin",
    "Organization",
    "PageInfo",
    "PullRequest",
    "PullRequestConnection",
    "PullRequestEdge",
    "RateLimit",
    "Ref",
    "RefConnection",
    "RefEdge",
    "Repository",
    "RepositoryOwner",
    "Tag",
    "Tree",
    "User",
)
"""The types with fields, every member of each kept interface among them."""

Composite = ObjectTypeDefinitionNode | InterfaceTypeDefinitionNode
Leaf = ScalarTypeDefinitionNode | EnumTypeDefinitionNode


def prune(document: DocumentNode) -> DocumentNode:
    """Return the schema of ROOTS and KEPT with the input types that they take, without its prose."""
    known = {one.name.value: one for one in document.definitions if isinstance(one, TypeDefinitionNode)}
    kept: dict[str, DefinitionNode] = {}
    waiting = [*ROOTS, *KEPT]
    while waiting:
        name = waiting.pop()
        if name in kept or name in specified_scalar_types:
            continue
        kept[name] = _plain(known[name], known)
        waiting += _inputs(kept[name])
    return DocumentNode(definitions=tuple(kept[name] for name in sorted(kept)))


def _plain(node: DefinitionNode, known: Mapping[str, DefinitionNode]) -> DefinitionNode:
    if isinstance(node, Composite):
        return type(node)(
            name=node.name,
            interfaces=tuple(one for one in node.interfaces if one.name.value in KEPT),
            fields=tuple(_field(one) for one in node.fields if _stays(node.name.value, one, known)),
        )
    if isinstance(node, InputObjectTypeDefinitionNode):
        return InputObjectTypeDefinitionNode(name=node.name, fields=tuple(map(_input, node.fields)))
    if isinstance(node, EnumTypeDefinitionNode):
        return EnumTypeDefinitionNode(name=node.name, values=tuple(map(_value, node.values)))
    assert isinstance(node, ScalarTypeDefinitionNode), node.kind
    return ScalarTypeDefinitionNode(name=node.name)


def _stays(owner: str, field: FieldDefinitionNode, known: Mapping[str, DefinitionNode]) -> bool:
    if owner in ROOTS:
        return field.name.value in ROOTS[owner]
    name = _named(field.type)
    return name in KEPT or name in specified_scalar_types or isinstance(known[name], Leaf)


def _field(node: FieldDefinitionNode) -> FieldDefinitionNode:
    return FieldDefinitionNode(
        name=node.name,
        arguments=tuple(map(_input, node.arguments)),
        type=node.type,
        directives=_deprecated(node.directives),
    )


def _input(node: InputValueDefinitionNode) -> InputValueDefinitionNode:
    return InputValueDefinitionNode(
        name=node.name,
        type=node.type,
        default_value=node.default_value,
        directives=_deprecated(node.directives),
    )


def _value(node: EnumValueDefinitionNode) -> EnumValueDefinitionNode:
    return EnumValueDefinitionNode(name=node.name, directives=_deprecated(node.directives))


def _deprecated(directives: tuple[DirectiveNode, ...]) -> tuple[DirectiveNode, ...]:
    return tuple(one for one in directives if one.name.value == "deprecated")


def _inputs(node: DefinitionNode) -> Iterator[str]:
    """Yield the names of the types that a kept one needs besides the types of its kept fields in KEPT."""
    if isinstance(node, Composite):
        for field in node.fields:
            yield _named(field.type)
            yield from (_named(one.type) for one in field.arguments)
    elif isinstance(node, InputObjectTypeDefinitionNode):
        yield from (_named(one.type) for one in node.fields)


def _named(node: TypeNode) -> str:
    while isinstance(node, ListTypeNode | NonNullTypeNode):
        node = node.type
    assert isinstance(node, NamedTypeNode)
    return str(node.name.value)


def main(source: str, target: str) -> None:
    """Read ``source``, beside which its package.json lies; write ``target``."""
    pruned = prune(parse(Path(source).read_text(encoding="utf-8"), no_location=True))
    package = json.loads(Path(source).with_name("package.json").read_bytes())
    head = f"# {package['name']} {package['version']} (MIT, GitHub), cut by prune_graphql.py; README.md has the rest."
    Path(target).write_text(f"{head}\n\n{print_ast(pruned)}\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
