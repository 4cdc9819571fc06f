"""What the schema of a database is, as one digest and one for each object that has a name.

Two databases with the same schema have the same fingerprint whatever their OIDs, the order in which
columns were made and dropped, and the reader's settings. Owners, grants and comments are no part of
it: they differ between a database and its copy, and no statement reads them. Neither is the schema
of our own ledger. Objects of an extension are told by the extension's version.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from migrations_runner import session
from migrations_runner.ledger import Connection

_DIGITS = 16

# A list of varchar that a dump and its restore write in another way, each word by itself.
_WORD = r"'(?:[^']|'')*'::character varying"
_LIST_AS_TEXT = re.compile(rf"\(ARRAY\[({_WORD}(?:, {_WORD})*)\]\)::text\[\]")

# How PostgreSQL writes a definition depends on these.
_AS_ALWAYS = {
    "search_path": "pg_catalog",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "quote_all_identifiers": "off",
}

# Each row: kind, the table it belongs to or '', name, definition. `ours` are the schemas that
# count, `lent` what belongs to an extension.
_QUESTION = r"""
WITH ours AS MATERIALIZED (
    SELECT oid, nspname FROM pg_namespace
    WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'release_control')
), lent AS MATERIALIZED (
    SELECT classid, objid FROM pg_depend WHERE deptype = 'e'
), relations AS MATERIALIZED (
    SELECT c.*, format('%I.%I', n.nspname, c.relname) AS called
    FROM pg_class c JOIN ours n ON n.oid = c.relnamespace
    WHERE NOT EXISTS (
        SELECT FROM lent WHERE lent.classid = 'pg_class'::regclass AND lent.objid = c.oid)
), tables AS MATERIALIZED (
    SELECT * FROM relations WHERE relkind IN ('r', 'p', 'f', 'v', 'm')
)
SELECT 'schema', '', quote_ident(nspname), '' FROM ours
WHERE NOT EXISTS (
    SELECT FROM lent WHERE lent.classid = 'pg_namespace'::regclass AND lent.objid = ours.oid)
UNION ALL
SELECT 'extension', '', quote_ident(extname), extversion || ' ' || extnamespace::regnamespace::text
FROM pg_extension
UNION ALL
SELECT CASE t.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view'
                      WHEN 'f' THEN 'foreign table' ELSE 'table' END,
    '', t.called,
    concat_ws('|', t.relkind, t.relpersistence, t.relrowsecurity, t.relforcerowsecurity,
        t.relreplident, t.relispartition, am.amname,
        (SELECT string_agg(o, ',' ORDER BY o) FROM unnest(t.reloptions) AS o),
        CASE WHEN t.relkind = 'p' THEN pg_get_partkeydef(t.oid) END,
        pg_get_expr(t.relpartbound, t.oid),
        (SELECT string_agg(i.inhparent::regclass::text, ',' ORDER BY i.inhseqno)
         FROM pg_inherits i WHERE i.inhrelid = t.oid),
        CASE WHEN t.reloftype <> 0 THEN t.reloftype::regtype::text END,
        (SELECT concat_ws(' ', s.srvname, f.ftoptions::text) FROM pg_foreign_table f
         JOIN pg_foreign_server s ON s.oid = f.ftserver WHERE f.ftrelid = t.oid),
        CASE WHEN t.relkind IN ('v', 'm') THEN pg_get_viewdef(t.oid) END)
FROM tables t LEFT JOIN pg_am am ON am.oid = t.relam
UNION ALL
SELECT 'column', t.called, quote_ident(a.attname),
    concat_ws('|', format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity,
        a.attgenerated, a.attstorage, pg_get_expr(d.adbin, d.adrelid),
        CASE WHEN a.attcollation <> y.typcollation THEN a.attcollation::regcollation::text END,
        a.attfdwoptions::text)
FROM tables t
JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_type y ON y.oid = a.atttypid
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
UNION ALL
-- A column says by itself that it is not null; those of foreign keys' parts follow their parent.
SELECT 'constraint', t.called, quote_ident(k.conname), pg_get_constraintdef(k.oid)
FROM tables t JOIN pg_constraint k ON k.conrelid = t.oid
WHERE (k.contype <> 'n' OR NOT k.convalidated) AND k.contype <> 't'
    AND NOT (k.contype = 'f' AND k.conparentid <> 0)
UNION ALL
SELECT 'index', t.called, quote_ident(i.relname),
    concat_ws('|', pg_get_indexdef(x.indexrelid), x.indisvalid, x.indisready, x.indisclustered,
        x.indisreplident, x.indimmediate,
        (SELECT h.inhparent::regclass::text FROM pg_inherits h WHERE h.inhrelid = i.oid))
FROM tables t JOIN pg_index x ON x.indrelid = t.oid JOIN relations i ON i.oid = x.indexrelid
UNION ALL
SELECT 'trigger', t.called, quote_ident(g.tgname), concat(pg_get_triggerdef(g.oid), g.tgenabled)
FROM tables t JOIN pg_trigger g ON g.tgrelid = t.oid
WHERE NOT g.tgisinternal AND g.tgparentid = 0
UNION ALL
SELECT 'policy', t.called, quote_ident(p.polname),
    concat_ws('|', p.polcmd, p.polpermissive, pg_get_expr(p.polqual, p.polrelid),
        'check', pg_get_expr(p.polwithcheck, p.polrelid),
        (SELECT string_agg(CASE WHEN r = 0 THEN 'public' ELSE r::regrole::text END, ','
                           ORDER BY r = 0, r::regrole::text)
         FROM unnest(p.polroles) AS r))
FROM tables t JOIN pg_policy p ON p.polrelid = t.oid
UNION ALL
SELECT 'rule', t.called, quote_ident(w.rulename), concat(pg_get_ruledef(w.oid), w.ev_enabled)
FROM tables t JOIN pg_rewrite w ON w.ev_class = t.oid WHERE w.rulename <> '_RETURN'
UNION ALL
SELECT 'statistics', t.called, quote_ident(s.stxname), pg_get_statisticsobjdef(s.oid)
FROM tables t JOIN pg_statistic_ext s ON s.stxrelid = t.oid
UNION ALL
SELECT 'sequence', '', c.called,
    concat_ws('|', format_type(s.seqtypid, NULL), s.seqstart, s.seqincrement, s.seqmin, s.seqmax,
        s.seqcache, s.seqcycle, c.relpersistence,
        (SELECT string_agg(concat(d.deptype, d.refobjid::regclass, '.', a.attname), ',')
         FROM pg_depend d JOIN pg_attribute a
            ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
         WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
            AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')))
FROM relations c JOIN pg_sequence s ON s.seqrelid = c.oid
UNION ALL
SELECT CASE p.prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate' ELSE 'function' END, '',
    format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)),
    CASE WHEN p.prokind = 'a' THEN (
        SELECT concat_ws('|', a.aggtransfn, a.aggfinalfn, a.aggtranstype::regtype, a.agginitval)
        FROM pg_aggregate a WHERE a.aggfnoid = p.oid)
    ELSE pg_get_functiondef(p.oid) END
FROM pg_proc p JOIN ours n ON n.oid = p.pronamespace
WHERE NOT EXISTS (
    SELECT FROM lent WHERE lent.classid = 'pg_proc'::regclass AND lent.objid = p.oid)
UNION ALL
SELECT CASE y.typtype WHEN 'd' THEN 'domain' WHEN 'e' THEN 'enum' ELSE 'type' END, '',
    format('%I.%I', n.nspname, y.typname),
    concat_ws('|', y.typtype,
        (SELECT string_agg(quote_literal(e.enumlabel), ',' ORDER BY e.enumsortorder)
         FROM pg_enum e WHERE e.enumtypid = y.oid),
        (SELECT string_agg(concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod),
                                     nullif(a.attcollation, 0)::regcollation), ','
                           ORDER BY a.attnum)
         FROM pg_attribute a
         WHERE a.attrelid = y.typrelid AND a.attnum > 0 AND NOT a.attisdropped),
        (SELECT r.rngsubtype::regtype::text FROM pg_range r WHERE r.rngtypid = y.oid),
        CASE WHEN y.typtype = 'd' THEN concat_ws('|', format_type(y.typbasetype, y.typtypmod),
            y.typnotnull, y.typdefault,
            (SELECT string_agg(concat_ws(' ', k.conname, pg_get_constraintdef(k.oid)), ','
                               ORDER BY k.conname)
             FROM pg_constraint k WHERE k.contypid = y.oid AND k.contype <> 'n')) END)
FROM pg_type y JOIN ours n ON n.oid = y.typnamespace
LEFT JOIN pg_class c ON c.oid = y.typrelid
WHERE y.typtype IN ('d', 'e', 'r', 'c') AND (c.oid IS NULL OR c.relkind = 'c')
    AND NOT EXISTS (
        SELECT FROM lent WHERE lent.classid = 'pg_type'::regclass AND lent.objid = y.oid)
UNION ALL
-- Rare kinds, by name: there or not.
SELECT found.type, '', found.identity, ''
FROM (
    SELECT 'pg_operator'::regclass AS class, oid FROM pg_operator
    UNION ALL SELECT 'pg_cast'::regclass, oid FROM pg_cast
    UNION ALL SELECT 'pg_collation'::regclass, oid FROM pg_collation
    UNION ALL SELECT 'pg_opclass'::regclass, oid FROM pg_opclass
    UNION ALL SELECT 'pg_ts_config'::regclass, oid FROM pg_ts_config
    UNION ALL SELECT 'pg_ts_dict'::regclass, oid FROM pg_ts_dict
    UNION ALL SELECT 'pg_event_trigger'::regclass, oid FROM pg_event_trigger
    UNION ALL SELECT 'pg_foreign_server'::regclass, oid FROM pg_foreign_server
) rare, LATERAL pg_identify_object(rare.class, rare.oid, 0) AS found
WHERE rare.oid >= 16384 AND NOT EXISTS (
    SELECT FROM lent WHERE lent.classid = rare.class AND lent.objid = rare.oid)
"""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """`parts` maps an object in words, such as ``table public.projects``, to its own digest."""

    digest: str
    parts: dict[str, str]

    @classmethod
    def of(cls, parts: Mapping[str, str]) -> Fingerprint:
        """The fingerprint with exactly these parts, in any order."""
        whole = hashlib.sha256()
        for name in sorted(parts):
            whole.update(f"{name}\0{parts[name]}\0".encode())
        return cls(whole.hexdigest(), dict(parts))


def take(connection: Connection) -> Fingerprint:
    """The schema as this session sees it now, its own open transaction included; changes nothing.

    One question to the server. Raises psycopg.Error.
    """
    with connection.transaction(force_rollback=True):
        session.pin(connection, _AS_ALWAYS)
        rows: list[Any] = connection.execute(_QUESTION).fetchall()
    kinds = {name: kind for kind, owner, name, _ in rows if not owner}
    return Fingerprint.of(
        {
            f"{kinds[owner]} {owner}: {kind} {name}" if owner else f"{kind} {name}": _digest(text)
            for kind, owner, name, text in rows
        }
    )


def difference(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """What is other in `after`, object by object, in the order of their names.

    A table that came or went takes its columns and indexes along without a word of their own.

    >>> difference({"table a": "1", "table a: column x": "1"}, {"table a": "1"})
    ['table a: column x was removed']
    >>> difference({}, {"table a": "1", "table a: column x": "1"})
    ['table a was added']
    """
    changes = {
        **dict.fromkeys(after.keys() - before.keys(), "was added"),
        **dict.fromkeys(before.keys() - after.keys(), "was removed"),
        **{
            name: "was changed"
            for name in before.keys() & after.keys()
            if before[name] != after[name]
        },
    }
    whole = {name for name, what in changes.items() if what != "was changed"}
    told = (
        f"{name} {what}"
        for name, what in changes.items()
        if name.partition(": ")[0] not in whole or ": " not in name
    )
    return sorted(told)


def patch(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, str | None]:
    """What makes `after` of `before`: the new digest of each object, None for one that went.

    >>> patch({"a": "1", "b": "1"}, {"b": "2"})
    {'a': None, 'b': '2'}
    """
    gone: dict[str, str | None] = dict.fromkeys(sorted(before.keys() - after.keys()))
    return gone | {
        name: digest for name, digest in sorted(after.items()) if before.get(name) != digest
    }


def patched(parts: Mapping[str, str], changes: Mapping[str, str | None]) -> Fingerprint:
    """The fingerprint that `patch` came from, on top of `parts`.

    >>> patched({"a": "1", "b": "1"}, {"a": None, "b": "2"}).parts
    {'b': '2'}
    """
    both = {**parts, **changes}
    return Fingerprint.of({name: digest for name, digest in both.items() if digest is not None})


def _digest(text: object) -> str:
    return hashlib.sha256(_restored(str(text)).encode()).hexdigest()[:_DIGITS]


def _restored(definition: str) -> str:
    """A definition as PostgreSQL writes it once it has been dumped and restored.

    >>> _restored("x = ANY ((ARRAY['a'::character varying, 'b'::character varying])::text[])")
    "x = ANY (ARRAY[('a'::character varying)::text, ('b'::character varying)::text])"
    """
    return _LIST_AS_TEXT.sub(
        lambda found: f"ARRAY[{re.sub(_WORD, _as_text, found[1])}]", definition
    )


def _as_text(word: re.Match[str]) -> str:
    return f"({word[0]})::text"
