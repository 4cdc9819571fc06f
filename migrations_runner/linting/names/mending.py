"""Corrected SQL, where the tables' keys leave only one way to read what was meant. Pure.

Nothing is guessed: with two columns that could be meant there is no correction.
"""

from __future__ import annotations

from migrations_runner.linting import sqltext
from migrations_runner.linting.catalog import Table
from migrations_runner.linting.names.joining import as_join
from migrations_runner.linting.names.owners import per_owner
from migrations_runner.linting.names.record import Reference, Write
from migrations_runner.linting.names.view import Seen
from migrations_runner.linting.nodes import literal, part, parts


def mend_capture(seen: Seen, captured: Reference) -> str | None:
    """The statement with the column that was meant: the one that leads to the same owner."""
    meant = _meant(captured)
    if meant is None:
        return None
    return as_join(seen, captured, meant) or _renamed(seen, captured, meant)


def _meant(captured: Reference) -> tuple[str, str] | None:
    """FROM name and column in the subquery with a key to where the captured one has a key."""
    outer = captured.field.origin if captured.field else None
    if outer is None or len(captured.names) > 1:
        return None
    found = [
        (source.name, column)
        for source in captured.query.scope.sources
        if source.table is not None and source.table.columns_known
        for column in source.table.names
        if _lead_together(source.table, column, *outer)
    ]
    return found[0] if len(found) == 1 else None


def _lead_together(inner: Table, column: str, outer: Table, captured: str) -> bool:
    """Both name the same row of a third table, or one names the other."""
    there, here = outer.leads_to(captured), inner.leads_to(column)
    return bool(
        there & here
        or (outer.schema, outer.name, captured) in here
        or (inner.schema, inner.name, column) in there
    )


def _renamed(seen: Seen, captured: Reference, meant: tuple[str, str]) -> str | None:
    """The statement as it was written, with this one name replaced."""
    written = captured.names[0]
    text, place = seen.source, seen.view.source_offset(captured.location) - seen.view.begin
    if not text.startswith(written, place):
        return None
    return text[:place] + sqltext.name(*meant) + text[place + len(written) :] + ";"


def mend_insert(seen: Seen, unknown: Reference) -> str | None:
    """One row for each owner instead of ``VALUES (user_id, …)``, which no table gives a value."""
    return per_owner(seen, unknown)


def mend_insert_key(seen: Seen, write: Write) -> str | None:
    """The INSERT with the conflict key that its table has, or asking first whether it is there."""
    unknown = next((r for r in seen.walked.references if r.verdict == "no-column"), None)
    if unknown is not None:
        return per_owner(seen, unknown)
    if write.table is None or write.query.node is not seen.node:
        return None
    if seen.node.HasField("returning_clause") or seen.node.HasField("with_clause"):
        return None
    return _with_conflict(seen, write, write.table) or _asking_first(seen, write, write.table)


def _with_conflict(seen: Seen, write: Write, table: Table) -> str | None:
    fed = set(write.columns or table.names)
    partial = (i for i in table.indexes if i.unique and i.valid and i.predicate)
    key = next((i for i in partial if all(i.columns) and set(i.columns) <= fed), None)
    if key is None:
        return None
    columns = ", ".join(sqltext.name(column) for column in key.columns)
    return f"{seen.source}\nON CONFLICT ({columns}) WHERE {key.predicate} DO NOTHING;"


def _asking_first(seen: Seen, write: Write, table: Table) -> str | None:
    """One row of VALUES becomes a SELECT that looks for a row with the same constants."""
    select = part(seen.node, "select_stmt")
    rows = parts(select, "values_lists") if select is not None else []
    if len(rows) != 1 or not write.columns:
        return None
    values = parts(rows[0], "items")
    same = [
        f"{sqltext.name(column)} = {sqltext.expression(value)}"
        for column, value in zip(write.columns, values, strict=False)
        if literal(value) is not None
    ]
    if not same:
        return None
    columns = ", ".join(sqltext.name(column) for column in write.columns)
    written = ", ".join(sqltext.expression(value) for value in values)
    text = (
        f"INSERT INTO {sqltext.relation(write.relation)} ({columns})\nSELECT {written}\n"
        f"WHERE NOT EXISTS (\n  SELECT FROM {sqltext.name(*table.path)}\n"
        f"  WHERE {' AND '.join(same)});"
    )
    return sqltext.with_variables(text, seen.variables)
