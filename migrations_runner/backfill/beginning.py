"""How a statement's backfill begins: proven on the target as it is now, and laid out in parts."""

from __future__ import annotations

import hashlib
from typing import Any, LiteralString

from psycopg import sql

from migrations_runner.backfill import cursors, rewriting
from migrations_runner.backfill.cursors import Part, Place, RowKey
from migrations_runner.backfill.locality import Plan
from migrations_runner.backfill.refusals import AnotherTextBefore
from migrations_runner.backfill.rewriting import Batched
from migrations_runner.ledger import Connection

#: Below this a table is one part: two sessions would have nothing to share.
ROWS_TO_SHARE = 20_000
_SAMPLED_ROWS = 20_000
_SAMPLE: LiteralString = (
    "SELECT {texts} FROM {table} AS walked TABLESAMPLE SYSTEM (%s) ORDER BY {columns}"
)


def digest_of(sql: Batched) -> str:
    return hashlib.sha256(sql.change.encode()).hexdigest()


def laid_out(
    connection: Connection, place: Place, plan: Plan, sql: Batched, *, wanted: int
) -> list[Part]:
    """The statement's parts: as they stand on the target, else made now up to today's last key.

    Rows that come later behind that key are not looked at, as the one statement would not have
    seen them. Raises AnotherTextBefore.
    """
    standing = cursors.parts(connection, place)
    if standing:
        _same_text(standing, digest_of(sql))
        return standing
    bounds = _bounds(connection, plan, wanted)
    return cursors.lay_out(connection, place, bounds, digest_of(sql))


def estimate(connection: Connection, plan: Plan) -> int:
    """How many rows there are, as the planner knows; counted where it knows nothing."""
    if plan.relation.estimate:
        return plan.relation.estimate
    row: Any = connection.execute(_of(plan, "SELECT count(*) FROM {table}")).fetchone()
    return int(row[0])


def _same_text(standing: list[Part], digest: str) -> None:
    """A mended text may do the rows that failed; rows that wait in a part go on as it was begun."""
    if all(part.digest == digest for part in standing) or all(part.done for part in standing):
        return
    done = sum(part.seen for part in standing)
    raise AnotherTextBefore(
        f"{done:,} rows were done with it. Queue the former text, or take those back first."
    )


def _bounds(connection: Connection, plan: Plan, wanted: int) -> list[RowKey]:
    """The last key of each part, ascending; none for an empty table."""
    sampled = _sample(connection, plan) if wanted > 1 else []
    inner = [sampled[at * len(sampled) // wanted] for at in range(1, wanted)] if sampled else []
    last = connection.execute(
        _of(plan, "SELECT {texts} FROM {table} AS walked ORDER BY {backwards} LIMIT 1")
    ).fetchone()
    bounds: list[RowKey] = []
    for bound in [*inner, *([list(map(str, last))] if last else [])]:
        if bound not in bounds:
            bounds.append(bound)
    return bounds if last else []


def _sample(connection: Connection, plan: Plan) -> list[RowKey]:
    """Some keys in their order, from some of the table's pages."""
    share = min(100.0, 100.0 * _SAMPLED_ROWS / max(plan.relation.estimate, 1))
    query = _of(plan, _SAMPLE)
    rows: list[Any] = connection.execute(query, [share]).fetchall()
    return [list(map(str, row)) for row in rows]


def _of(plan: Plan, query: LiteralString) -> sql.Composed:
    """A query with the walked table's names put in, which `rewriting` has quoted."""
    names = {
        "table": rewriting.table(plan),
        "texts": rewriting.texts(plan),
        "columns": rewriting.columns(plan, of="walked"),
        "backwards": rewriting.columns(plan, of="walked", suffix=" DESC"),
    }
    put_in = {name: sql.SQL(text) for name, text in names.items()}
    return sql.SQL(query).format(**put_in)
