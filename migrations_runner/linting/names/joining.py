"""``SET key = (SELECT … LIMIT 1)`` as a join on the owner: UPDATE … FROM. Pure."""

from __future__ import annotations

from migrations_runner.kinds import Node
from migrations_runner.linting import sqltext
from migrations_runner.linting.catalog import Table
from migrations_runner.linting.names.record import Reference
from migrations_runner.linting.names.scopes import Source
from migrations_runner.linting.names.view import Seen
from migrations_runner.linting.nodes import conjuncts, kind, literal, operator, part, parts

_SCALAR = 5


def as_join(seen: Seen, captured: Reference, meant: tuple[str, str]) -> str | None:
    """The UPDATE that joins on the column that was meant; None where its form is another."""
    node, select = seen.node, captured.query.node
    column = _column_set(node, select)
    if column is None or not _is_plain(select):
        return None
    target, inner = _target(seen), captured.query.scope.sources[0]
    if target is None or target.name == inner.name:
        return None
    names = _qualified(seen) | {captured.location: meant}
    conditions = _conditions(select, node, names)
    value = sqltext.expression(part(parts(select, "target_list")[0], "val"), names)
    text = (
        f"UPDATE {sqltext.relation(node.relation)}\nSET {sqltext.name(column)} = {value}\n"
        f"FROM {sqltext.relation(parts(select, 'from_clause')[0])}\n"
        f"WHERE {f'{chr(10)}  AND '.join(conditions)};"
    )
    return _caution(inner, select, meant) + sqltext.with_variables(text, seen.variables)


def _column_set(node: Node, select: Node) -> str | None:
    """The one column that the UPDATE sets, if it is set to just this subquery."""
    if kind(node) != "UpdateStmt" or node.from_clause or node.HasField("with_clause"):
        return None
    targets = parts(node, "target_list")
    value = part(targets[0], "val")
    if len(targets) != 1 or value is None or kind(value) != "SubLink":
        return None
    is_it = value.sub_link_type == _SCALAR and part(value, "subselect") is select
    plain = not targets[0].indirection and not node.HasField("returning_clause")
    return str(targets[0].name) if is_it and plain else None


def _is_plain(select: Node) -> bool:
    """One table, one column, a condition, perhaps LIMIT: nothing that a join would change."""
    tables = parts(select, "from_clause") if kind(select) == "SelectStmt" else []
    others = ("sort_clause", "group_clause", "window_clause", "distinct_clause", "locking_clause")
    return (
        len(tables) == 1
        and kind(tables[0]) == "RangeVar"
        and len(select.target_list) == 1
        and not any(len(getattr(select, name)) for name in others)
        and not select.HasField("with_clause")
        and not select.HasField("limit_offset")
        and not select.HasField("having_clause")
    )


def _target(seen: Seen) -> Source | None:
    sources = seen.walked.writes[0].query.scope.sources if seen.walked.writes else []
    return sources[0] if sources else None


def _qualified(seen: Seen) -> dict[int, tuple[str, ...]]:
    """Every bare column with its table in front, as a join needs it."""
    return {
        each.location: (each.source.name, each.names[0])
        for each in seen.walked.references
        if each.verdict == "found" and each.source and each.source.name and len(each.names) == 1
    }


def _conditions(select: Node, node: Node, names: dict[int, tuple[str, ...]]) -> list[str]:
    inside = conjuncts(part(select, "where_clause"))
    outside = conjuncts(part(node, "where_clause"))
    return [_bracketed(each, sqltext.expression(each, names)) for each in (*inside, *outside)]


def _bracketed(node: Node, text: str) -> str:
    return f"({text})" if kind(node) == "BoolExpr" and node.boolop == 2 else text  # noqa: PLR2004


def _caution(inner: Source, select: Node, meant: tuple[str, str]) -> str:
    """A line that says what the join still needs, where no key promises one row."""
    table = inner.table
    if table is None or _has_key(table, meant[1]):
        return ""
    constants = [
        sqltext.expression(each)
        for each in conjuncts(part(select, "where_clause"))
        if operator(each) == "=" and literal(part(each, "rexpr")) is not None
    ]
    where = f" WHERE {' AND '.join(constants)}" if constants else ""
    return f"-- Needs a unique key on {table.label} ({meant[1]}){where}: one row for each.\n"


def _has_key(table: Table, column: str) -> bool:
    keys = (*table.row_keys(), *(i.columns for i in table.indexes if i.unique and i.valid))
    return (column,) in keys
