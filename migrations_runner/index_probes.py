"""Indexes built CONCURRENTLY: which one was meant, is it there, and what a failed try left.

A failed CREATE INDEX CONCURRENTLY leaves an invalid index under the wanted name: it costs every
write, helps no reader, enforces nothing if it is unique, and with IF NOT EXISTS it even passes for
the real one. A failed REINDEX CONCURRENTLY leaves invalid twins called ``…_ccnew`` or ``…_ccold``.
"""

from __future__ import annotations

from typing import Any

from psycopg import sql

from migrations_runner.catalog_facts import Seen, one, relation
from migrations_runner.kinds import Node
from migrations_runner.ledger import Connection

# Indexes of a table that a run may have begun. An index on a partitioned table (relkind I) is
# invalid by design until all its parts are attached, so it is none of them.
_INDEXES = """
SELECT c.oid::bigint, n.nspname, c.relname, i.indisvalid AND i.indisready AND i.indislive,
    i.indisunique, m.amname, i.indpred IS NOT NULL, i.indnkeyatts,
    ARRAY(SELECT coalesce(a.attname, '')
        FROM unnest(i.indkey::int2[]) WITH ORDINALITY k (number, place)
        LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number AND k.number > 0
        WHERE k.place <= i.indnkeyatts ORDER BY k.place)::text[]
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_am m ON m.oid = c.relam
WHERE i.indrelid = %s AND c.relkind = 'i'
"""

_LEFTOVERS = """
SELECT c.oid::bigint, n.nspname, c.relname
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE NOT i.indisvalid AND c.relname ~ '_cc(new|old)[0-9]*$'
    AND NOT EXISTS (SELECT FROM pg_stat_progress_create_index p
        WHERE p.index_relid = c.oid OR p.relid = i.indrelid)
"""

_BEING_BUILT = """
SELECT pid FROM pg_stat_progress_create_index WHERE relid = %s AND pid <> pg_backend_pid() LIMIT 1
"""

_Row = tuple[Any, ...]
_OID, _SCHEMA, _NAME, _VALID, _SHAPE = 0, 1, 2, 3, slice(4, None)


def wanted(connection: Connection, node: Node) -> dict[str, Any]:
    """What a CREATE INDEX CONCURRENTLY is to make, and which indexes its table has before."""
    table = relation(connection, [node.relation.schemaname, node.relation.relname])
    before = _indexes(connection, table)
    return {
        "table": table,
        "name": node.idxname,
        "before": [row[_OID] for row in before if row[_VALID]],
        "valid_before": any(row[_NAME] == node.idxname and row[_VALID] for row in before),
        "shape": _shape(node),
    }


def look(connection: Connection, intent: dict[str, Any]) -> Seen:
    """DONE where exactly the wanted index stands, valid, that was not there before."""
    if intent["valid_before"]:
        return Seen.OPEN  # with IF NOT EXISTS nothing happens, else the server says so
    found = _candidates(connection, intent)
    valid = [row for row in found if row[_VALID]]
    if not valid:
        return Seen.OPEN
    alike = [row for row in valid if list(row[_SHAPE]) == intent["shape"]]
    return Seen.DONE if len(valid) == len(alike) == 1 else Seen.UNSURE


def clear(connection: Connection, intent: dict[str, Any]) -> list[str]:
    """Drop the invalid index that a failed try left, or that stood in the way before it."""
    if one(connection, _BEING_BUILT, [intent["table"]]) is not None:
        return []  # somebody else builds one right now; the server has them wait for each other
    invalid = [row for row in _candidates(connection, intent) if not row[_VALID]]
    if not intent["name"]:
        invalid = [row for row in invalid if list(row[_SHAPE]) == intent["shape"]]
    return [_drop(connection, row) for row in invalid]


def leftovers(connection: Connection) -> list[int]:
    """Invalid twins that a REINDEX CONCURRENTLY left, those being made right now not counted."""
    return [int(str(row[0])) for row in connection.execute(_LEFTOVERS.encode()).fetchall()]


def clear_leftovers(connection: Connection, intent: dict[str, Any]) -> list[str]:
    """Drop the twins that were not there before our REINDEX."""
    rows = connection.execute(_LEFTOVERS.encode()).fetchall()
    return [_drop(connection, row) for row in rows if row[0] not in intent["before"]]


def _candidates(connection: Connection, intent: dict[str, Any]) -> list[_Row]:
    """By name where it was given; else every index that the table did not have before."""
    rows = _indexes(connection, intent["table"])
    if intent["name"]:
        return [row for row in rows if row[_NAME] == intent["name"]]
    return [row for row in rows if row[_OID] not in intent["before"]]


def _indexes(connection: Connection, table: int | None) -> list[_Row]:
    return connection.execute(_INDEXES.encode(), [table]).fetchall() if table else []


def _shape(node: Node) -> list[Any]:
    """What can be compared without guessing: as the columns behind `indisvalid` in _INDEXES.

    An expression counts as an unnamed column: PostgreSQL writes it anew, so texts differ.
    """
    columns = [part.index_elem.name for part in node.index_params]
    return [
        node.unique,
        node.access_method or "btree",
        node.HasField("where_clause"),
        len(columns),
        columns,
    ]


def _drop(connection: Connection, row: _Row) -> str:
    name = sql.Identifier(str(row[_SCHEMA]), str(row[_NAME]))
    connection.execute(sql.SQL("DROP INDEX CONCURRENTLY IF EXISTS {}").format(name))
    return f"Dropped the invalid index {row[_SCHEMA]}.{row[_NAME]} that an earlier try left."
