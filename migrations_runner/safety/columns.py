"""Columns that no statement assigns, compared before and after in rows that a script changed.

Only a trigger, a rule or a cascade can have changed one, which its author wanted on some day: it is
told and stops nothing. Tables without those are not looked at, because nothing else can.
"""

from __future__ import annotations

import json
from typing import Any

from psycopg import sql

from migrations_runner.safety.budget import ask
from migrations_runner.safety.checking import Sessions

#: So many rows of a table are looked at.
SAMPLE = 1_000

_FACTS = """
SELECT n.nspname, c.relname,
    (SELECT json_agg(json_build_array(a.attname, t.typname) ORDER BY a.attnum)
     FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
     WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        AND a.attgenerated = '')::text,
    (SELECT json_agg(a.attname ORDER BY k.place)
     FROM pg_index i
     CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, place)
     JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum
     WHERE i.indrelid = c.oid AND i.indisprimary)::text,
    EXISTS (SELECT FROM pg_trigger g WHERE g.tgrelid = c.oid AND NOT g.tgisinternal
            AND g.tgenabled <> 'D' AND (g.tgtype & 18) = 18)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = %s::bigint::oid
"""


def changed_behind(sessions: Sessions, oid: int, assigned: set[str]) -> tuple[list[str], int]:
    """Columns of a table that changed although not assigned, and of how many rows that was seen.

    Columns of time are left out: noting when is what such triggers are for. Raises CannotTell.
    """
    facts = ask(sessions.ours, sessions.budget, sql.SQL(_FACTS), [oid], run=sessions.run)[0]
    schema, name = str(facts[0]), str(facts[1])
    key = json.loads(str(facts[3])) if facts[3] else []
    if not key or (assigned and not facts[4]):
        return [], 0
    columns = [
        column
        for column, kind in json.loads(str(facts[2]))
        if column not in assigned and column not in key and kind not in _TIMES
    ]
    table = sql.Identifier(schema, name)
    after = _values(sessions, table, key, columns, None)
    before = _values(sessions, table, key, columns, list(after))
    differing = {
        column
        for row, values in after.items()
        for column, new, old in zip(columns, values, before.get(row, values), strict=True)
        if new != old
    }
    return sorted(differing), len(before)


_TIMES = frozenset({"timestamp", "timestamptz", "date", "time", "timetz"})


def _values(
    sessions: Sessions,
    table: sql.Identifier,
    key: list[str],
    columns: list[str],
    among: list[str] | None,
) -> dict[str, list[Any]]:
    """By key, a digest of each column: of our rows, or of the committed ones with these keys."""
    texts = [sql.SQL("md5({}::text)").format(sql.Identifier("c", name)) for name in columns]
    names = [sql.SQL("{}::text").format(sql.Identifier("c", name)) for name in key]
    condition = (
        sessions.touched("c.xmin")
        if among is None
        else sql.SQL("w.key = ANY ({}::text[])").format(among)
    )
    question = sql.SQL(
        "SELECT w.key, json_build_array({})::text FROM ONLY {} c"
        " CROSS JOIN LATERAL (SELECT json_build_array({})::text AS key) w WHERE {} LIMIT {}"
    ).format(
        sql.SQL(", ").join(texts), table, sql.SQL(", ").join(names), condition, sql.Literal(SAMPLE)
    )
    if among is None:
        rows = ask(sessions.ours, sessions.budget, question, run=sessions.run)
    else:
        rows = ask(sessions.theirs, sessions.budget, question)
    return {str(row): json.loads(str(values)) for row, values in rows}
