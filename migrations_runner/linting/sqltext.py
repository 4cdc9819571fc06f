"""Parts of a statement as SQL again, with the variables of the source put back. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from migrations_runner.kinds import Node
from migrations_runner.linting.nodes import children, kind
from migrations_runner.parsing import deparse, parse_tree
from migrations_runner.psql.marks import Variable
from migrations_runner.quoting import quote_identifier

_PLAIN_NAME = re.compile(r"[a-z_][a-z0-9_]*\Z")


def expression(node: Node, renamed: Mapping[int, tuple[str, ...]] | None = None) -> str:
    """An expression's text; `renamed` gives other names to the columns at these places."""
    tree = parse_tree("SELECT 1")
    target = tree.stmts[0].stmt.select_stmt.target_list[0].res_target
    wrapped = _wrap(target.val, node)
    _rename(wrapped, renamed or {})
    return deparse(tree).removeprefix("SELECT ")


def relation(node: Node) -> str:
    """A table's name as FROM has it, with its schema and alias."""
    tree = parse_tree("SELECT 1 FROM t")
    tree.stmts[0].stmt.select_stmt.from_clause[0].range_var.CopyFrom(node)
    return deparse(tree).removeprefix("SELECT 1 FROM ")


def name(*names: str) -> str:
    """A name as SQL writes it, in quotes only where it must be.

    >>> name("projects", "Title")
    'projects."Title"'
    """
    return ".".join(n if _PLAIN_NAME.match(n) else quote_identifier(n) for n in names)


def with_variables(text: str, variables: Iterable[Variable]) -> str:
    """Stand-ins as variables again; one that was written bare comes back in quotes."""
    for variable in {each.name: each for each in variables if each.form != "test"}.values():
        quoted = f":'{variable.name}'"
        bare = f':"{variable.name}"' if variable.form == "identifier" else quoted
        there = f"_{variable.name}"
        text = text.replace(f"'{there}'", quoted)
        text = bare.join(re.split(rf"(?<![\w.:'\"]){re.escape(there)}(?![\w'\"])", text))
    return text


def _wrap(place: Node, node: Node) -> Node:
    field = next(f for f in place.DESCRIPTOR.fields if f.message_type.name == kind(node))
    held = getattr(place, field.name)
    held.CopyFrom(node)
    return held


def _rename(node: Node, renamed: Mapping[int, tuple[str, ...]]) -> None:
    for each in (node, *_all(node)):
        if kind(each) == "ColumnRef" and each.location in renamed:
            del each.fields[:]
            for part in renamed[each.location]:
                each.fields.add().string.sval = part


def _all(node: Node) -> Iterable[Node]:
    for child in children(node):
        yield child
        yield from _all(child)
