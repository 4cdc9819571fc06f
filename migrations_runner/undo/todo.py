"""What an undo has to do, worked out on the target: each kept row, typed, and whether it is ours.

A row is *ours* while it still holds the value that the run gave it; one that the run deleted is
ours while its key is free. Everything else is left, and listed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from psycopg import sql

from migrations_runner.ledger import Connection
from migrations_runner.undo import store
from migrations_runner.undo.refusals import NotUndone
from migrations_runner.undo.store import Shape

SAMPLE = 5

_OWN = sql.SQL("pg_temp.rc_undo_held")

_REFERENCES = """
SELECT k.conname, k.conrelid::bigint,
    format('%%I.%%I', n.nspname, c.relname), c.relkind = 'p',
    (SELECT json_agg(a.attname ORDER BY x.place) FROM unnest(k.conkey) WITH ORDINALITY AS
        x (attnum, place) JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = x.attnum),
    (SELECT json_agg(a.attname ORDER BY x.place) FROM unnest(k.confkey) WITH ORDINALITY AS
        x (attnum, place) JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = x.attnum)
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE k.contype = 'f' AND k.confrelid = %s::oid AND NOT c.relispartition
ORDER BY 1
"""


@dataclass(frozen=True, slots=True)
class Table:
    """One table of a capture, found again on the target."""

    number: int
    oid: int
    shape: Shape

    @property
    def todo(self) -> sql.Composed:
        return sql.SQL("pg_temp.{}").format(sql.Identifier(f"rc_undo_todo_{self.number}"))


@dataclass
class Count:
    """Of one table: how many rows go back, and how many are no longer ours and are left."""

    table: str
    restored: int = 0
    deleted: int = 0
    inserted: int = 0
    left: int = 0
    sample: list[str] = field(default_factory=list)

    @property
    def ours(self) -> int:
        return self.restored + self.deleted + self.inserted


def find(connection: Connection, capture: int) -> list[Table]:
    """The tables of a capture. Raises NotUndone where one no longer has the columns it had."""
    rows = connection.execute(
        "SELECT number, shape, to_regclass(format('%%I.%%I', schema_name, table_name))::oid::bigint"
        " FROM release_control.undo_tables WHERE capture = %s ORDER BY number",
        [capture],
    ).fetchall()
    return [_found(connection, *row) for row in rows]


def prepare(
    connection: Connection, capture: int, tables: list[Table], *, lock: bool, run_id: int
) -> None:
    """Write down, in temporary tables, what is to be done and which rows are still ours.

    With `lock` those rows are locked first and compared then, so nobody changes them any more.
    """
    connection.execute(
        "CREATE TEMPORARY TABLE IF NOT EXISTS rc_undo_held"
        " (number integer, key text, act text, at_table oid, at_row tid) ON COMMIT DROP"
    )
    connection.execute("TRUNCATE pg_temp.rc_undo_held")
    for table in tables:
        _type_rows(connection, capture, table)
        _hold(connection, table, lock=lock)
        if not lock:
            _hold_what_later_captures_give_back(connection, capture, table, run_id)
    connection.execute("ANALYZE pg_temp.rc_undo_held")


def drop(connection: Connection, tables: list[Table]) -> None:
    for table in tables:
        connection.execute(sql.SQL("DROP TABLE {}, {}").format(table.todo, _typed(table)))


def counts(connection: Connection, table: Table) -> Count:
    rows = connection.execute(
        sql.SQL(
            "SELECT coalesce(h.act, 'left'), count(*) FROM {} d"
            " LEFT JOIN {} h ON h.number = %s AND h.key = d.key GROUP BY 1"
        ).format(table.todo, _OWN),
        [table.number],
    ).fetchall()
    found: dict[str, int] = {str(act): int(str(number)) for act, number in rows}
    return Count(
        table.shape.words,
        restored=found.get("update", 0),
        deleted=found.get("delete", 0),
        inserted=found.get("insert", 0),
        left=found.get("left", 0),
        sample=_sample(connection, table) if found.get("left") else [],
    )


def dependents(connection: Connection, tables: list[Table]) -> list[str]:
    """In words: rows that are not ours and refer to rows that the undo would delete."""
    return [
        f"{number} rows of {reference.child} ({reference.constraint})"
        for table in tables
        for reference in _references(connection, table)
        if (number := _dependents_of(connection, reference, table, tables))
    ]


@dataclass(frozen=True, slots=True)
class _Reference:
    """A foreign key: `child` is quoted by the server; the columns stand in pairs."""

    constraint: str
    child_oid: int
    child: str
    partitioned: bool
    columns: list[str]
    referred: list[str]


def _references(connection: Connection, table: Table) -> list[_Reference]:
    rows: list[Any] = connection.execute(_REFERENCES, [table.oid]).fetchall()
    return [_Reference(*row) for row in rows]


def _found(connection: Connection, number: object, text: object, oid: object) -> Table:
    was = Shape.read(str(text))
    if oid is None:
        raise NotUndone(f"The table {was.words} is no longer there.")
    now = {column.name: column for column in store.shape_of(connection, oid).columns}
    for column in was.columns:
        if column.name not in now:
            raise NotUndone(f"{was.words} has no column {column.name} any more.")
        if now[column.name].type != column.type:
            raise NotUndone(
                f"{column.name} of {was.words} was {column.type} and is {now[column.name].type}."
            )
    return Table(int(str(number)), int(str(oid)), was)


def _typed(table: Table) -> sql.Composed:
    return sql.SQL("pg_temp.{}").format(sql.Identifier(f"rc_undo_row_{table.number}"))


def _type_rows(connection: Connection, capture: int, table: Table) -> None:
    """The kept texts as rows of a type with the columns of then, whatever was added since."""
    connection.execute(
        sql.SQL(
            "CREATE TEMPORARY TABLE {} ON COMMIT DROP AS SELECT {} FROM ONLY {} WITH NO DATA"
        ).format(
            sql.Identifier(f"rc_undo_row_{table.number}"),
            sql.SQL(", ").join(sql.Identifier(column.name) for column in table.shape.columns),
            table.shape.name,
        )
    )
    connection.execute(
        sql.SQL(
            "CREATE TEMPORARY TABLE {} ON COMMIT DROP AS"
            " SELECT key, CASE WHEN old IS NULL THEN 'delete' WHEN new IS NULL THEN 'insert'"
            " ELSE 'update' END AS act, old::{row} AS was, new::{row} AS became, old, new"
            " FROM release_control.undo_rows WHERE capture = {} AND number = {}"
        ).format(
            sql.Identifier(f"rc_undo_todo_{table.number}"),
            sql.Literal(capture),
            sql.Literal(table.number),
            row=_typed(table),
        )
    )
    connection.execute(sql.SQL("ANALYZE {}").format(table.todo))


def _hold(connection: Connection, table: Table, *, lock: bool) -> None:
    facts = {
        "held": _OWN,
        "number": sql.Literal(table.number),
        "todo": table.todo,
        "table": table.shape.name,
        "now": table.shape.row_text("t"),
        "same": table.shape.same_key("t", row="d.became"),
        "free": table.shape.same_key("t", row="d.was"),
        "lock": sql.SQL("FOR UPDATE OF t" if lock else ""),
    }
    connection.execute(
        sql.SQL(
            "INSERT INTO {held} SELECT {number}, d.key, d.act, t.tableoid, t.ctid"
            " FROM {todo} d JOIN ONLY {table} t ON {same}"
            " WHERE d.new IS NOT NULL AND {now} = d.new {lock}"
        ).format(**facts)
    )
    connection.execute(
        sql.SQL(
            "INSERT INTO {held} SELECT {number}, d.key, d.act FROM {todo} d"
            " WHERE d.new IS NULL AND NOT EXISTS (SELECT FROM ONLY {table} t WHERE {free})"
        ).format(**facts)
    )


def _hold_what_later_captures_give_back(
    connection: Connection, capture: int, table: Table, run_id: int
) -> None:
    """For a preview: a later script of the run changed the row on, and gives it back first."""
    connection.execute(
        sql.SQL(
            "INSERT INTO {held} SELECT {number}, d.key, d.act FROM {todo} d WHERE EXISTS ("
            " SELECT FROM release_control.undo_rows l"
            " JOIN release_control.undo_tables n USING (capture, number)"
            " JOIN release_control.undo_captures c ON c.id = l.capture"
            " WHERE c.run_id = {run} AND l.capture > {capture} AND l.key = d.key"
            "  AND (n.schema_name, n.table_name) = ({schema}, {name})"
            "  AND l.old IS NOT DISTINCT FROM d.new)"
            " AND NOT EXISTS (SELECT FROM {held} h WHERE h.number = {number} AND h.key = d.key)"
        ).format(
            held=_OWN,
            number=sql.Literal(table.number),
            todo=table.todo,
            run=sql.Literal(run_id),
            capture=sql.Literal(capture),
            schema=sql.Literal(table.shape.schema),
            name=sql.Literal(table.shape.table),
        )
    )


def _sample(connection: Connection, table: Table) -> list[str]:
    rows = connection.execute(
        sql.SQL(
            "SELECT d.key FROM {} d WHERE NOT EXISTS ("
            "SELECT FROM {} h WHERE h.number = %s AND h.key = d.key) ORDER BY d.key LIMIT %s"
        ).format(table.todo, _OWN),
        [table.number, SAMPLE],
    ).fetchall()
    return [masked(str(row[0])) for row in rows]


def masked(key: str) -> str:
    """A key as people may see it: its ends, enough to find it again for who has the database.

    >>> masked("(1234567)")
    '12…67'
    >>> masked("(ana@example.org)")
    'an…rg'
    >>> masked("(7)")
    '7'
    """
    inner = key.removeprefix("(").removesuffix(")").strip('"')
    return inner if len(inner) <= 4 and inner.isdigit() else f"{inner[:2]}…{inner[-2:]}"  # noqa: PLR2004


def _dependents_of(
    connection: Connection, reference: _Reference, table: Table, tables: list[Table]
) -> int:
    columns = reference.columns
    pairs = [
        sql.SQL("c.{} = (d.became).{}").format(sql.Identifier(mine), sql.Identifier(theirs))
        for mine, theirs in zip(columns, reference.referred, strict=True)
    ]
    family = connection.execute(_FAMILY, [reference.child_oid]).fetchall()
    theirs = {str(row[0]) for row in family}
    going = [_goes_away(each, columns) for each in tables if str(each.oid) in theirs]
    row = connection.execute(
        sql.SQL(
            "SELECT count(*) FROM {only} {child} c JOIN {todo} d ON {pairs}"
            " JOIN {held} p ON p.number = {number} AND p.key = d.key AND p.act = 'delete'"
            " WHERE {going}"
        ).format(
            only=sql.SQL("" if reference.partitioned else "ONLY"),
            child=sql.SQL(reference.child),
            todo=table.todo,
            pairs=sql.SQL(" AND ").join(pairs),
            held=_OWN,
            number=sql.Literal(table.number),
            going=sql.SQL(" AND ").join([sql.SQL("true"), *going]),
        )
    ).fetchone()
    return int(str(row[0])) if row else 0


_FAMILY = """
WITH RECURSIVE family (oid) AS (
    SELECT %s::bigint::oid UNION SELECT i.inhrelid FROM pg_inherits i JOIN family
        ON i.inhparent = family.oid
) SELECT oid::bigint FROM family
"""


def _goes_away(child: Table, columns: list[str]) -> sql.Composed:
    """The referring row `c` does not stay: the undo deletes it, or gives it another parent."""
    was = sql.SQL(", ").join(sql.SQL("(w.was).{}").format(sql.Identifier(n)) for n in columns)
    now = sql.SQL(", ").join(sql.SQL("c.{}").format(sql.Identifier(n)) for n in columns)
    return sql.SQL(
        "NOT EXISTS (SELECT FROM {held} g JOIN {todo} w ON w.key = g.key"
        " WHERE g.number = {number} AND g.at_table = c.tableoid AND g.at_row = c.ctid"
        " AND (g.act = 'delete' OR ROW({was}) IS DISTINCT FROM ROW({now})))"
    ).format(held=_OWN, todo=child.todo, number=sql.Literal(child.number), was=was, now=now)
