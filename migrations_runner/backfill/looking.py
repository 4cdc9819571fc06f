"""Asks a target for what a proof needs to know. Reads the catalog only, never rows."""

from __future__ import annotations

from typing import Any

from migrations_runner.backfill.facts import (
    Facts,
    Function,
    Key,
    KeyColumn,
    Relation,
    Trigger,
)
from migrations_runner.backfill.walking import Name, named
from migrations_runner.kinds import Node
from migrations_runner.ledger import Connection
from migrations_runner.quoting import quote_identifier

_RELATION = """
SELECT c.oid, n.nspname, c.relname, c.relkind, c.relhasrules,
    EXISTS (SELECT FROM pg_inherits WHERE inhparent = c.oid),
    (SELECT coalesce(sum(greatest(part.reltuples, 0)), 0)::bigint FROM pg_class part
     WHERE part.relkind = 'r' AND (part.oid = c.oid
        OR part.oid IN (SELECT relid FROM pg_partition_tree(c.oid)))),
    c.relpages
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = to_regclass(%s)
"""

# Rows may be seen through views (by what their rules depend on), parents, children, partitions.
_SEEN = """
WITH RECURSIVE seen(oid) AS (
    SELECT %s::oid
    UNION
    SELECT other.oid FROM seen, LATERAL (
        SELECT d.refobjid AS oid FROM pg_rewrite r JOIN pg_depend d ON d.objid = r.oid
            AND d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass
        WHERE r.ev_class = seen.oid
        UNION ALL SELECT inhrelid FROM pg_inherits WHERE inhparent = seen.oid
        UNION ALL SELECT inhparent FROM pg_inherits WHERE inhrelid = seen.oid
    ) AS other
)
SELECT DISTINCT oid FROM seen
"""

# Only what is ready, checked at once, over all rows, in B-tree order and without nulls.
_KEYS = """
SELECT x.relname, i.indisprimary, array_agg(a.attname ORDER BY k.place),
    array_agg(format_type(a.atttypid, -1) ORDER BY k.place)
FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid
    JOIN pg_am m ON m.oid = x.relam AND m.amname = 'btree'
    CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k(number, place)
    JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number
WHERE i.indrelid = %s AND i.indisunique AND i.indisvalid AND i.indimmediate
    AND i.indpred IS NULL AND i.indexprs IS NULL AND k.place <= i.indnkeyatts
GROUP BY x.relname, i.indisprimary, i.indnkeyatts
HAVING bool_and(a.attnotnull) AND count(*) = i.indnkeyatts
ORDER BY i.indisprimary DESC, i.indnkeyatts, x.relname
"""

_TRIGGERS = """
SELECT tgname, (tgtype & 1) = 1, (tgtype & 4) > 0, (tgtype & 16) > 0, (tgtype & 8) > 0,
    tgoldtable IS NOT NULL OR tgnewtable IS NOT NULL
FROM pg_trigger WHERE tgrelid = %s AND NOT tgisinternal AND tgenabled <> 'D'
"""

_LATE = """
SELECT DISTINCT a.attname FROM pg_constraint c
    JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey)
WHERE c.conrelid = %s AND (c.contype = 'x' OR (c.contype IN ('u', 'p') AND c.condeferrable))
"""

_OWN_REFERENCES = """
SELECT DISTINCT a.attname FROM pg_constraint c
    JOIN pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = ANY (c.confkey)
WHERE c.contype = 'f' AND c.conrelid = %(oid)s AND c.confrelid = %(oid)s
"""

# Which tables a deleted row may reach: who refers to it, and from there on who is changed with it.
_REACHED = """
WITH RECURSIVE reached(oid, changes) AS (
    SELECT conrelid, confdeltype IN ('c', 'n', 'd') FROM pg_constraint
    WHERE contype = 'f' AND confrelid = %(oid)s
    UNION
    SELECT c.conrelid, c.confdeltype IN ('c', 'n', 'd') FROM pg_constraint c
        JOIN reached r ON r.oid = c.confrelid AND r.changes
    WHERE c.contype = 'f'
)
SELECT EXISTS (SELECT FROM reached WHERE oid = %(oid)s)
"""

_TIMED = """
SELECT a.attname FROM pg_attrdef d JOIN pg_attribute a
    ON a.attrelid = d.adrelid AND a.attnum = d.adnum
WHERE d.adrelid = %s AND a.attgenerated = ''
    AND pg_get_expr(d.adbin, d.adrelid) ~* '\\m(now|current_(date|time|timestamp)|localtime'
        '|localtimestamp|transaction_timestamp|statement_timestamp)\\M'
"""

_FUNCTIONS = """
SELECT max(CASE provolatile WHEN 'v' THEN 2 WHEN 's' THEN 1 ELSE 0 END),
    bool_and(n.nspname = 'pg_catalog'), bool_or(prokind = 'a')
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE proname = %(name)s AND (n.nspname = %(schema)s OR %(schema)s = '') HAVING count(*) > 0
"""

_OPERATORS = """
SELECT DISTINCT oprname FROM pg_operator o JOIN pg_proc p ON p.oid = o.oprcode
    JOIN pg_namespace n ON n.oid = o.oprnamespace
WHERE n.nspname <> 'pg_catalog' AND p.provolatile <> 'i' AND oprname = ANY (%s)
"""


def look(connection: Connection, nodes: list[Node]) -> Facts:
    """The facts about everything that the parsed statements name."""
    wanted = named(nodes)
    relations = {name: _relation(connection, name) for name in wanted.tables}
    functions = {name: _function(connection, name) for name in wanted.functions}
    operators = connection.execute(_OPERATORS, [sorted(wanted.operators)]).fetchall()
    return Facts(
        {name: found for name, found in relations.items() if found},
        {name: found for name, found in functions.items() if found},
        frozenset(str(row[0]) for row in operators),
    )


def _relation(connection: Connection, name: Name) -> Relation | None:
    written = ".".join(quote_identifier(part) for part in name if part)
    row: Any = connection.execute(_RELATION, [written]).fetchone()
    if row is None:
        return None
    oid = row[0]
    return Relation(
        oid=oid,
        schema=row[1],
        name=row[2],
        kind=row[3],
        oids=_set(connection, _SEEN, [oid]),
        keys=_keys(connection, oid),
        triggers=_triggers(connection, oid),
        has_rules=row[4] and row[3] in {"r", "p"},
        has_children=row[5],
        checked_late=_set(connection, _LATE, [oid]),
        refers_to_itself=_set(connection, _OWN_REFERENCES, {"oid": oid}),
        deletes_reach_back=True in _set(connection, _REACHED, {"oid": oid}),
        timed_defaults=_set(connection, _TIMED, [oid]),
        estimate=row[6],
    )


def _set(connection: Connection, query: str, values: Any) -> frozenset[Any]:
    return frozenset(row[0] for row in connection.execute(query.encode(), values).fetchall())


def _keys(connection: Connection, oid: int) -> tuple[Key, ...]:
    rows: list[Any] = connection.execute(_KEYS, [oid]).fetchall()
    return tuple(
        Key(name, tuple(map(KeyColumn, columns, types)), primary)
        for name, primary, columns, types in rows
    )


def _triggers(connection: Connection, oid: int) -> tuple[Trigger, ...]:
    rows: list[Any] = connection.execute(_TRIGGERS, [oid]).fetchall()
    return tuple(
        Trigger(
            name,
            per_row and not sees_all,
            frozenset(
                event
                for event, fires in zip(("INSERT", "UPDATE", "DELETE"), fired, strict=True)
                if fires
            ),
        )
        for name, per_row, *fired, sees_all in rows
    )


def _function(connection: Connection, name: Name) -> Function | None:
    row: Any = connection.execute(_FUNCTIONS, {"schema": name[0], "name": name[1]}).fetchone()
    return row and Function("isv"[row[0]], row[1], row[2])
