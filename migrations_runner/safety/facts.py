"""The foreign keys of a target, read from its catalog. A partition stands for its whole table."""

from __future__ import annotations

import json
from typing import Any

from migrations_runner.ledger import Connection
from migrations_runner.safety.graph import Column, ForeignKey, Table

_OLDEST_NOT_ENFORCED = 180000

_TABLES = """
SELECT c.oid::bigint, n.nspname, c.relname, c.relkind = 'p',
    (SELECT json_agg(a.attname ORDER BY k.place)
     FROM pg_index i
     CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, place)
     JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum
     WHERE i.indrelid = c.oid AND i.indisprimary)::text
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid IN (SELECT conrelid FROM pg_constraint WHERE contype = 'f'
                UNION SELECT confrelid FROM pg_constraint WHERE contype = 'f')
"""

_KEYS = """
SELECT k.oid::bigint, k.conname, k.conrelid::bigint, k.confrelid::bigint,
    k.convalidated AND {enforced} AND NOT EXISTS (
        SELECT FROM pg_trigger g WHERE g.tgconstraint = k.oid AND g.tgenabled = 'D'),
    (SELECT json_agg(json_build_array(a.attnum, a.attname, a.atttypid::bigint, p.attname,
                                      pn.nspname, po.oprname, fn.nspname, fo.oprname)
                     ORDER BY p.attnum)
     FROM unnest(k.conkey, k.confkey, k.conpfeqop, k.conffeqop)
        AS x (child, parent, points, same)
     JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = x.child
     JOIN pg_attribute p ON p.attrelid = k.confrelid AND p.attnum = x.parent
     JOIN pg_operator po ON po.oid = x.points JOIN pg_namespace pn ON pn.oid = po.oprnamespace
     JOIN pg_operator fo ON fo.oid = x.same JOIN pg_namespace fn ON fn.oid = fo.oprnamespace
    )::text,
    (SELECT bool_and(a.attnotnull) FROM pg_attribute a
     WHERE a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey))
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
WHERE k.contype = 'f' AND k.conparentid = 0 AND c.relpersistence <> 't'
"""

_ROOTS = """
SELECT DISTINCT coalesce(r.relid::bigint, w.oid)
FROM unnest(%s::bigint[]) AS w (oid)
LEFT JOIN LATERAL pg_partition_ancestors(w.oid::oid) AS r ON true
"""


def read(connection: Connection) -> tuple[ForeignKey, ...]:
    """Every foreign key as this session sees it now."""
    tables = {
        int(str(oid)): Table(int(str(oid)), str(schema), str(name), bool(parted), _names(key))
        for oid, schema, name, parted, key in connection.execute(_TABLES).fetchall()
    }
    knows = connection.info.server_version >= _OLDEST_NOT_ENFORCED
    question = _KEYS.format(enforced="k.conenforced" if knows else "true")
    found = connection.execute(question.encode()).fetchall()
    return tuple(_key(tables, *row) for row in found if row[5] is not None)


def whole_tables(connection: Connection, oids: list[int]) -> frozenset[int]:
    """These tables and, for a partition, the tables that it is a part of."""
    rows = connection.execute(_ROOTS, [oids]).fetchall()
    return frozenset({*oids, *(int(str(row[0])) for row in rows)})


def _names(text: object) -> tuple[str, ...]:
    return tuple(json.loads(str(text))) if text is not None else ()


def _key(tables: dict[int, Table], *row: Any) -> ForeignKey:
    oid, name, child, parent, held, columns, required = row
    return ForeignKey(
        int(oid),
        str(name),
        tables[int(child)],
        tables[int(parent)],
        tuple(_column(*each) for each in json.loads(columns)),
        bool(held),
        bool(required),
    )


def _column(*facts: Any) -> Column:
    number, name, of_type, points_at, p_schema, p_name, s_schema, s_name = facts
    return Column(number, name, of_type, points_at, (p_schema, p_name), (s_schema, s_name))
