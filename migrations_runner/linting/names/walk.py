"""The way through a statement: which scope each of its parts is read in. Pure.

Follows the server's parse analysis (transformStmt and below): WITH first, then FROM, then the rest.
"""

from __future__ import annotations

from collections.abc import Callable

from migrations_runner.kinds import Node
from migrations_runner.linting.catalog import Catalog
from migrations_runner.linting.names.record import Query, Walked
from migrations_runner.linting.names.scopes import Columns, Scope
from migrations_runner.linting.names.writes import Writes
from migrations_runner.linting.nodes import kind, part

#: Statements that hold another one to walk, and the field it is in.
_HOLDERS = {
    "CopyStmt": "query",
    "CreateTableAsStmt": "query",
    "DeclareCursorStmt": "query",
    "ExplainStmt": "query",
    "PrepareStmt": "query",
    "ViewStmt": "query",
}


def walk(node: Node, catalog: Catalog, *, skip: Callable[[int], bool] = lambda _: False) -> Walked:
    """Everything that a statement names, and what it means with these tables.

    `skip` says of a place in the text that something else stands there, a variable's value.
    """
    walker = Writes(catalog, skip)
    held = _held(node)
    if held is not None:
        walker.statement(held, Scope(), None, "")
    return walker.walked


def columns_of(query: Node, catalog: Catalog) -> Columns:
    """What the columns of a query are called, for a table or view that is made from it."""
    return Writes(catalog, lambda _: False).statement(query, Scope(), None, "")


def _held(node: Node) -> Node | None:
    while kind(node) in _HOLDERS:
        found = part(node, _HOLDERS[kind(node)])
        if found is None:
            return None
        node = found
    return node


__all__ = ["Query", "columns_of", "walk"]
