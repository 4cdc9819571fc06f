"""Walking the parser's nodes without knowing the parser: a node knows its own description. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from migrations_runner.kinds import Node


def inner(wrapped: Any) -> Node | None:
    """What is in one of the parser's wrappers (`Node` holds one of all kinds); None if nothing.

    Anything else is answered as it came.
    """
    if wrapped is None or kind(wrapped) != "Node":
        return wrapped
    held = wrapped.WhichOneof("node")
    return getattr(wrapped, held) if held else None


def kind(node: Any) -> str:
    return type(node).__name__


def part(node: Node, name: str) -> Node | None:
    """A single child, taken out of its wrapper; None where it is not set."""
    return inner(getattr(node, name)) if node.HasField(name) else None


def parts(node: Node, name: str) -> list[Node]:
    """The children in a list, each out of its wrapper; empty places are left out."""
    return [each for wrapped in getattr(node, name) if (each := inner(wrapped)) is not None]


def children(node: Node) -> Iterator[Node]:
    """Every node right below, in the order of the description."""
    for description, value in node.ListFields():
        if description.message_type is None:
            continue
        for each in value if description.is_repeated else (value,):
            found = inner(each)
            if found is not None:
                yield found


def below(node: Node) -> Iterator[Node]:
    """The node and all below it; a query inside is answered but not entered."""
    yield node
    for child in children(node):
        if kind(child) == "SelectStmt":
            yield child
        else:
            yield from below(child)


def strings(node: Node, name: str) -> tuple[str, ...]:
    """A list of names: ``funcname``, ``using_clause``, ``colnames``."""
    return tuple(each.sval for each in parts(node, name) if kind(each) == "String")


def name_of(reference: Node) -> tuple[str, ...]:
    """A ColumnRef's parts; ``*`` stands for all columns."""
    return tuple(
        each.sval if kind(each) == "String" else "*" for each in parts(reference, "fields")
    )


def literal(node: Node | None) -> str | None:
    """The value of a string or number constant, casts around it left out; None for all else.

    A number, true and false come as they are written.
    """
    while node is not None and kind(node) == "TypeCast":
        node = part(node, "arg")
    if node is None or kind(node) != "A_Const" or node.isnull:
        return None
    held = node.WhichOneof("val")
    value = getattr(node, held) if held else None
    if held == "ival":
        return str(value.ival)  # type: ignore[union-attr]
    if held == "boolval":
        return "true" if value.boolval else "false"  # type: ignore[union-attr]
    return str(getattr(value, held)) if held else None


def conjuncts(node: Node | None) -> list[Node]:
    """The conditions that must all hold: `a AND b AND c` is three."""
    if node is None:
        return []
    if kind(node) == "BoolExpr" and node.boolop == 1:
        return [each for arg in parts(node, "args") for each in conjuncts(arg)]
    return [node]


def operator(node: Node) -> str:
    """An A_Expr's operator, such as ``=``, if it is an ordinary one; empty for all else."""
    names = strings(node, "name") if kind(node) == "A_Expr" else ()
    return names[-1] if names and node.kind == 1 else ""
