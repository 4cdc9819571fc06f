"""Ways through the parser's nodes, and what a statement names. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from migrations_runner.kinds import Node

#: A table or a function as the script writes it: (schema or "", name).
Name = tuple[str, str]


def inner(node: Node) -> Node:
    """What a wrapping ``Node`` holds; the node itself where it wraps nothing."""
    if type(node).__name__ != "Node":
        return node
    field = node.WhichOneof("node")
    return getattr(node, field) if field else node


def kind(node: Node) -> str:
    return type(node).__name__


def children(node: Node) -> Iterator[Node]:
    """The nodes right below a node, unwrapped, in the order of the text's grammar."""
    for field, value in node.ListFields():
        if field.message_type is None:
            continue
        each = value if field.is_repeated else (value,)
        yield from (inner(one) for one in each)


def below(node: Node) -> Iterator[Node]:
    """A node and everything below it."""
    stack = [inner(node)]
    while stack:
        one = stack.pop()
        yield one
        stack.extend(children(one))


def of_kind(node: Node, *kinds: str) -> Iterator[Node]:
    return (one for one in below(node) if kind(one) in kinds)


def strings(nodes: Iterator[Node] | list[Node]) -> tuple[str, ...]:
    """The texts of a list of String nodes, such as a function's qualified name."""
    return tuple(inner(node).sval for node in nodes)


def table_name(range_var: Node) -> Name:
    return (range_var.schemaname, range_var.relname)


def function_name(call: Node) -> Name:
    words = strings(list(call.funcname))
    return (words[-2] if len(words) > 1 else "", words[-1])


def alias_of(range_var: Node) -> str:
    """The name by which a statement calls a table's rows."""
    return str(range_var.alias.aliasname if range_var.HasField("alias") else range_var.relname)


def shown(name: Name) -> str:
    """A name for people.

    >>> shown(("", "books")), shown(("app", "books"))
    ('books', 'app.books')
    """
    return ".".join(part for part in name if part)


@dataclass(frozen=True, slots=True)
class Named:
    """Everything that statements name and a catalog knows."""

    tables: frozenset[Name]
    functions: frozenset[Name]
    operators: frozenset[str]


def named(nodes: list[Node]) -> Named:
    """What to ask the catalog about before a proof."""
    tables, functions, operators = set(), set(), set()
    for node in nodes:
        tables |= {table_name(one) for one in of_kind(node, "RangeVar")}
        functions |= {function_name(one) for one in of_kind(node, "FuncCall")}
        operators |= {strings(list(one.name))[-1] for one in of_kind(node, "A_Expr") if one.name}
    return Named(frozenset(tables), frozenset(functions), frozenset(operators))
