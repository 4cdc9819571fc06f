"""Statements that change many rows. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from migrations_runner.kinds import Node
from migrations_runner.linting.context import LARGE, Context
from migrations_runner.linting.findings import Hit
from migrations_runner.linting.hazards.locks import exclusive_before
from migrations_runner.linting.nodes import kind, literal, operator, part, parts, strings

_WORDS = {"DeleteStmt": "Deletes", "UpdateStmt": "Changes"}


def whole_table(at: Context) -> Iterator[Hit]:
    relation = at.node.relation
    if at.is_new(relation) or _is_limited(at.node):
        return
    deletes = kind(at.node) == "DeleteStmt"
    rows = at.rows(relation)
    usual = at.level(relation)
    yield Hit(
        f"{_WORDS[kind(at.node)]} every row of {at.named(relation)}.",
        level="error" if deletes and rows != 0 else usual,
    )


def _is_limited(node: Node) -> bool:
    """A WHERE that says something; a join with another table limits an UPDATE only with one."""
    condition = part(node, "where_clause")
    return condition is not None and not _is_true(condition)


def _is_true(condition: Node) -> bool:
    if literal(condition) == "true":
        return True
    if operator(condition) != "=":
        return False
    left, right = literal(part(condition, "lexpr")), literal(part(condition, "rexpr"))
    return left is not None and left == right


def backfill_with_schema(at: Context) -> Iterator[Hit]:
    """Rows are changed while an exclusive lock of the same transaction stands."""
    if not at.together or at.is_new(at.node.relation) or not _touches_many(at):
        return
    locked = exclusive_before(at)
    if locked is not None:
        yield Hit(
            f"{locked.relname} has been locked since its ALTER TABLE, and stays so until all rows"
            " are done.",
            level=at.level(at.node.relation),
        )


def _touches_many(at: Context) -> bool:
    if kind(at.node) == "InsertStmt":
        query = part(at.node, "select_stmt")
        return query is not None and not query.values_lists and bool(query.from_clause)
    return not _names_one_row(at.node)


def _names_one_row(node: Node) -> bool:
    """WHERE id = 7 and the like."""
    condition = part(node, "where_clause")
    if condition is None or operator(condition) != "=":
        return False
    sides = (part(condition, "lexpr"), part(condition, "rexpr"))
    names = [strings(each, "fields")[-1:] for each in sides if kind(each) == "ColumnRef"]
    return names in ([("id",)], [("uuid",)]) and any(literal(each) is not None for each in sides)


def large_update(at: Context) -> Iterator[Hit]:
    rows = at.rows(at.node.relation)
    if rows is None or rows < LARGE or at.is_new(at.node.relation) or _names_one_row(at.node):
        return
    if at.together and exclusive_before(at) is not None:
        return  # told as a backfill in the schema's transaction
    yield Hit(f"All rows that this changes in {at.named(at.node.relation)} stay locked to its end.")


def duplicate_assignment(at: Context) -> Iterator[Hit]:
    shape = "cols" if kind(at.node) == "InsertStmt" else "target_list"
    seen: set[str] = set()
    for each in parts(at.node, shape):
        if each.indirection:
            continue
        if each.name in seen:
            yield Hit(
                f"{each.name} is given a value twice: the server refuses this.", each.location
            )
        seen.add(each.name)
