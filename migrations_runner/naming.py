"""What the statements of a script say they do to which tables. Pure; names without schemas.

What a function or a trigger does is not said by any statement; a DO block's text is searched for
the name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from migrations_runner.kinds import Node

_ADDS = frozenset({"InsertStmt", "MergeStmt", "CopyStmt"})
_REMOVES = frozenset({"DeleteStmt", "MergeStmt", "TruncateStmt"})
_OPAQUE = frozenset({"DoStmt", "CallStmt", "ExecuteStmt"})
_SWITCHES_OFF = re.compile(
    r"session_replication_role|disable\s+trigger|not\s+enforced", re.IGNORECASE
)


@dataclass
class Named:
    """`texts` are the statements that may do anything to what they name."""

    adds: set[str] = field(default_factory=set)
    removes: set[str] = field(default_factory=set)
    assigns: dict[str, set[str]] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)

    def is_named(self, table: str, among: set[str]) -> bool:
        word = re.compile(rf"\b{re.escape(table)}\b", re.IGNORECASE)
        return table in among or any(word.search(text) for text in self.texts)


def named(statements: Iterable[tuple[Node, str]]) -> Named:
    """`statements`: parsed nodes with their texts."""
    found = Named()
    for node, text in statements:
        for each in within(node):
            _note(found, each, text)
    return found


def keeps_to_itself(statements: Iterable[Node]) -> frozenset[str]:
    """Tables that a script may lock so that nobody else can even read them."""
    nodes = [node for node in statements if type(node).__name__ in {"AlterTableStmt", "LockStmt"}]
    found = {str(node.relation.relname) for node in nodes if type(node).__name__ != "LockStmt"}
    for node in nodes:
        if type(node).__name__ == "LockStmt":
            found.update(str(each.range_var.relname) for each in node.relations)
    return frozenset(found)


def switches_off(texts: Iterable[str]) -> bool:
    """May foreign keys be unheld while this runs? Rather once too often."""
    return any(_SWITCHES_OFF.search(text) for text in texts)


def _note(found: Named, node: Node, text: str) -> None:
    kind = type(node).__name__
    if kind in _OPAQUE:
        found.texts.append(text)
    if kind in _ADDS:
        found.adds.add(str(node.relation.relname))
    if kind == "TruncateStmt":
        found.removes.update(str(each.range_var.relname) for each in node.relations)
    elif kind in _REMOVES:
        found.removes.add(str(node.relation.relname))
    if kind in {"UpdateStmt", "MergeStmt", "InsertStmt"}:
        _note_columns(found, node, kind)


def _note_columns(found: Named, node: Node, kind: str) -> None:
    columns = found.assigns.setdefault(str(node.relation.relname), set())
    # Every assignment in an UPDATE's, ON CONFLICT's or WHEN's own list; an INSERT's are new rows.
    places = {
        "UpdateStmt": [node],
        "InsertStmt": [node.on_conflict_clause] if kind == "InsertStmt" else [],
        "MergeStmt": [w.merge_when_clause for w in getattr(node, "merge_when_clauses", [])],
    }[kind]
    for place in places:
        columns.update(str(target.res_target.name) for target in place.target_list)


def within(node: Node) -> Iterator[Node]:
    """The node and every node in it."""
    yield node
    for described, value in node.ListFields():
        if described.message_type is None:
            continue
        for each in [value] if hasattr(value, "ListFields") else value:
            yield from within(each)
