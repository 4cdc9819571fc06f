"""Where old rows are kept: three tables beside the ledger, readable by their owner alone.

A *capture* is one transaction of one script. It has *tables* (with the columns as they were), and
each table has *rows*: the row's text before and after, NULL where there was none. A row's text is
PostgreSQL's own text form of a row under fixed settings, which every type reads back exactly.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from psycopg import sql

from migrations_runner import session
from migrations_runner.ledger import MAKE_SCHEMA, Connection, Key

_CREATE = (
    MAKE_SCHEMA
    + """
CREATE TABLE IF NOT EXISTS release_control.undo_captures (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id bigint NOT NULL,
    release text NOT NULL,
    name text NOT NULL,
    variables text NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    undone_by bigint,
    undone_at timestamptz,
    outcome text
);
CREATE INDEX IF NOT EXISTS undo_captures_by_run ON release_control.undo_captures (run_id);
CREATE TABLE IF NOT EXISTS release_control.undo_tables (
    capture bigint NOT NULL REFERENCES release_control.undo_captures ON DELETE CASCADE,
    number integer NOT NULL,
    schema_name text NOT NULL,
    table_name text NOT NULL,
    shape text NOT NULL,
    PRIMARY KEY (capture, number)
);
CREATE TABLE IF NOT EXISTS release_control.undo_rows (
    capture bigint NOT NULL,
    number integer NOT NULL,
    key text NOT NULL,
    old text,
    new text,
    FOREIGN KEY (capture, number) REFERENCES release_control.undo_tables ON DELETE CASCADE
);
CREATE INDEX IF NOT EXISTS undo_rows_by_table ON release_control.undo_rows (capture, number);
COMMENT ON TABLE release_control.undo_rows IS
    'Written by Release Control: rows as they were before a script that asked for it. A copy of'
    ' data: removed after UNDO_KEEP_DAYS.';
"""
)

# Default privileges of the schema's owner may have given them to somebody.
_KEEP_TO_OWNER = """
DO $$
DECLARE given record;
BEGIN
    FOR given IN
        SELECT DISTINCT c.oid::regclass AS kept, a.grantee
        FROM pg_class c, aclexplode(c.relacl) AS a
        WHERE c.oid = ANY (ARRAY['release_control.undo_captures', 'release_control.undo_tables',
                                 'release_control.undo_rows']::regclass[])
            AND a.grantee <> c.relowner
    LOOP
        EXECUTE format('REVOKE ALL ON %s FROM %s', given.kept,
            CASE WHEN given.grantee = 0 THEN 'PUBLIC' ELSE given.grantee::regrole::text END);
    END LOOP;
END $$
"""

# How values are written as text depends on these.
_AS_ALWAYS = {
    "search_path": "pg_catalog",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "xmloption": "content",
    "quote_all_identifiers": "off",
    "row_security": "off",  # rather an error than a row that is not seen
}

_SHAPE = """
SELECT n.nspname, c.relname,
    (SELECT json_agg(json_build_array(a.attname, format_type(a.atttypid, a.atttypmod),
                                      a.attgenerated <> '', a.attidentity = 'a')
                     ORDER BY a.attnum)
     FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)::text,
    (SELECT json_agg(json_build_array(a.attname, on_.nspname, o.oprname) ORDER BY k.place)
     FROM pg_index i
     CROSS JOIN LATERAL unnest(i.indkey::int2[], i.indclass::oid[])
        WITH ORDINALITY AS k (attnum, opclass, place)
     JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum
     JOIN pg_opclass p ON p.oid = k.opclass
     JOIN pg_amop m ON m.amopfamily = p.opcfamily AND m.amopmethod = 403 AND m.amopstrategy = 3
        AND m.amoplefttype = p.opcintype AND m.amoprighttype = p.opcintype
     JOIN pg_operator o ON o.oid = m.amopopr JOIN pg_namespace on_ ON on_.oid = o.oprnamespace
     WHERE i.indrelid = c.oid AND i.indisprimary)::text
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = %s::oid
"""


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    type: str
    generated: bool
    identity_always: bool


@dataclass(frozen=True, slots=True)
class KeyColumn:
    """A column of the primary key, and the operator by which that key is unique."""

    name: str
    operator_schema: str
    operator: str


@dataclass(frozen=True, slots=True)
class Shape:
    """A table and its columns. `key` is empty where there is no primary key that we can use."""

    schema: str
    table: str
    columns: tuple[Column, ...]
    key: tuple[KeyColumn, ...]

    @property
    def words(self) -> str:
        return self.table if self.schema == "public" else f"{self.schema}.{self.table}"

    @property
    def name(self) -> sql.Identifier:
        return sql.Identifier(self.schema, self.table)

    def row_text(self, alias: str) -> sql.Composed:
        """The row's text with exactly these columns, in this order."""
        return sql.SQL("ROW({})::text").format(
            sql.SQL(", ").join(sql.Identifier(alias, column.name) for column in self.columns)
        )

    def key_text(self, alias: str) -> sql.Composed:
        return sql.SQL("ROW({})::text").format(
            sql.SQL(", ").join(sql.Identifier(alias, column.name) for column in self.key)
        )

    def same_key(self, alias: str, *, row: str) -> sql.Composed:
        """`alias`'s key is that of the typed row expression `row`, such as ``d.was``."""
        return sql.SQL(" AND ").join(
            sql.SQL("{} OPERATOR({}.{}) ({}).{}").format(
                sql.Identifier(alias, column.name),
                sql.Identifier(column.operator_schema),
                sql.SQL(column.operator),  # an operator's name has no quotes and no letters
                sql.SQL(row),
                sql.Identifier(column.name),
            )
            for column in self.key
        )

    def written(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, text: str) -> Shape:
        facts: dict[str, Any] = json.loads(text)
        return cls(
            facts["schema"],
            facts["table"],
            tuple(Column(**each) for each in facts["columns"]),
            tuple(KeyColumn(**each) for each in facts["key"]),
        )


def shape_of(connection: Connection, oid: object) -> Shape:
    """A table as this session sees it now; inside `as_always`, so that types are qualified."""
    row = connection.execute(_SHAPE, [oid]).fetchone()
    assert row is not None  # noqa: S101  (the caller has just read the oid from pg_class)
    schema, table, columns, key = (str(each) if each is not None else "[]" for each in row)
    return Shape(
        schema,
        table,
        tuple(Column(*each) for each in json.loads(columns)),
        tuple(KeyColumn(*each) for each in json.loads(key)),
    )


def exists(connection: Connection) -> bool:
    row = connection.execute(
        "SELECT to_regclass('release_control.undo_rows') IS NOT NULL"
    ).fetchone()
    return bool(row and row[0])


def prepare(connection: Connection) -> None:
    """Make the tables where they are missing. Raises psycopg.Error where the role may not."""
    if not exists(connection):
        with connection.transaction():
            connection.execute(_CREATE)
            connection.execute(_KEEP_TO_OWNER)


@contextmanager
def as_always(connection: Connection) -> Iterator[None]:
    """A transaction, or a part of one, in which values are written the same way everywhere."""
    with connection.transaction():
        pin(connection)
        yield


def pin(connection: Connection) -> None:
    """The same until the end of the transaction that is open."""
    session.pin(connection, _AS_ALWAYS)


def begin_capture(connection: Connection, key: Key, run_id: int) -> int:
    row = connection.execute(
        "INSERT INTO release_control.undo_captures (run_id, release, name, variables)"
        " VALUES (%s, %s, %s, %s) RETURNING id",
        [run_id, key.release, key.name, key.variables],
    ).fetchone()
    return int(str(row[0])) if row else 0


def add_table(connection: Connection, capture: int, number: int, shape: Shape) -> None:
    connection.execute(
        "INSERT INTO release_control.undo_tables (capture, number, schema_name, table_name, shape)"
        " VALUES (%s, %s, %s, %s, %s)",
        [capture, number, shape.schema, shape.table, shape.written()],
    )
