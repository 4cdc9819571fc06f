"""A sample of a target's rows in a clone that has no keys yet, closed over its foreign keys.

Each table gives up to so many rows. Then, again and again until nothing is missing, the rows that
a foreign key of the sample points to are fetched by their key. The clone itself says which are
missing, so the original is only read: one read-only snapshot, whatever goes on meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psycopg
from django.conf import settings
from psycopg import sql

from migrations_runner.ledger import Connection
from releases import targets
from releases.models import TargetDatabase
from releases.refusals import Refused

_KEYS_AT_ONCE = 1000
_MOST_NOTED = 50
_SMALL = 50_000


class SamplingStopped(Refused):
    """The sample was not taken to its end, because somebody cancelled."""


Name = tuple[str, str]


@dataclass(frozen=True)
class Table:
    """A table with rows of its own."""

    schema: str
    name: str
    estimate: int
    columns: tuple[str, ...]

    @property
    def called(self) -> Name:
        return self.schema, self.name


@dataclass(frozen=True)
class Reference:
    """A foreign key: `columns` of `child` point to `keys` of `parent`; `types` are the keys'."""

    child: Name
    columns: tuple[str, ...]
    parent: Name
    keys: tuple[str, ...]
    types: tuple[str, ...]


_TABLES = """
SELECT n.nspname, c.relname, greatest(c.reltuples, 0)::bigint,
    array_agg(a.attname::text ORDER BY a.attnum)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
    AND NOT a.attisdropped AND a.attgenerated = ''
WHERE c.relkind = 'r' AND c.relpersistence <> 't'
    AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass
                    AND d.objid = c.oid AND d.deptype = 'e')
GROUP BY 1, 2, 3 ORDER BY 1, 2
"""

_REFERENCES = """
SELECT cn.nspname, cc.relname, pn.nspname, pc.relname,
    array_agg(ca.attname::text ORDER BY k.place), array_agg(pa.attname::text ORDER BY k.place),
    array_agg(format_type(pa.atttypid, pa.atttypmod) ORDER BY k.place)
FROM pg_constraint f
CROSS JOIN LATERAL unnest(f.conkey, f.confkey) WITH ORDINALITY AS k(mine, theirs, place)
JOIN pg_class cc ON cc.oid = f.conrelid JOIN pg_namespace cn ON cn.oid = cc.relnamespace
JOIN pg_class pc ON pc.oid = f.confrelid JOIN pg_namespace pn ON pn.oid = pc.relnamespace
JOIN pg_attribute ca ON ca.attrelid = f.conrelid AND ca.attnum = k.mine
JOIN pg_attribute pa ON pa.attrelid = f.confrelid AND pa.attnum = k.theirs
WHERE f.contype = 'f' AND f.conparentid = 0
GROUP BY f.oid, 1, 2, 3, 4 ORDER BY f.oid
"""


def rows_wanted() -> int:
    """How many rows a table gives: setting REHEARSAL_SAMPLE_ROWS."""
    return int(settings.REHEARSAL_SAMPLE_ROWS)


def fill(
    target: TargetDatabase,
    clone: Connection,
    application_name: str,
    wait: Callable[[float], bool],
) -> list[str]:
    """Copy the sample; answers in words what was taken. Raises SamplingStopped."""
    with targets.connect(target, application_name=application_name) as original:
        original.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        return _Sample(original, clone, wait).fill()


def settle(clone: Connection) -> list[str]:
    """After keys and indexes: fill materialized views, count rows. Answers what stayed empty."""
    views = [
        str(row[0])
        for row in clone.execute(
            "SELECT format('%I.%I', schemaname, matviewname) FROM pg_matviews ORDER BY 1"
        ).fetchall()
    ]
    empty = _refresh(clone, views)
    clone.execute("ANALYZE")
    return [f"Materialized views without rows here: {', '.join(empty)}."] if empty else []


@dataclass
class _Sample:
    original: Connection
    clone: Connection
    wait: Callable[[float], bool]

    def fill(self) -> list[str]:
        rows: list[Any] = self.original.execute(_TABLES).fetchall()
        tables = [Table(row[0], row[1], row[2], tuple(row[3])) for row in rows]
        by_name = {table.called: table for table in tables}
        taken = [self._take(table) for table in tables]
        self._close(by_name)
        self._set_sequences()
        partly = [note for note in taken if note]
        more = len(partly) - _MOST_NOTED
        return partly[:_MOST_NOTED] + ([f"… and {more} more tables."] if more > 0 else [])

    def _take(self, table: Table) -> str:
        """Some rows of a table, the ledger's all; in words when there were more."""
        self._refuse_if_stopped()
        most = rows_wanted()
        whole = table.schema == "release_control"
        sample: sql.Composable = sql.SQL("")
        # Pages are drawn, so a small table could come out empty: it gives its first rows.
        if table.estimate > max(2 * most, _SMALL) and not whole:
            percent = 100 * 1.5 * most / table.estimate
            sample = sql.SQL(" TABLESAMPLE SYSTEM ({})").format(sql.Literal(percent))
        limit = sql.SQL("") if whole else sql.SQL(" LIMIT {}").format(sql.Literal(most))
        taken = self._copy(
            table, sql.SQL("ONLY {}{}{}").format(sql.Identifier(*table.called), sample, limit)
        )
        if whole or (taken < most and not sample.as_string(None)):
            return ""
        of = f"of about {table.estimate:,}" if table.estimate > taken else "(the first)"
        return f"{table.schema}.{table.name}: {taken:,} {of} rows."

    def _copy(self, table: Table, source: sql.Composable) -> int:
        """COPY … TO from the original into the clone; answers the number of rows."""
        columns = sql.SQL(", ").join(map(sql.Identifier, table.columns))
        give = sql.SQL("COPY (SELECT {} FROM {}) TO STDOUT").format(columns, source)
        take = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(*table.called), columns)
        reading, writing = self.original.cursor(), self.clone.cursor()
        with reading.copy(give) as given, writing.copy(take) as taken:
            for block in given:
                taken.write(block)
        return max(writing.rowcount, 0)

    def _close(self, tables: dict[Name, Table]) -> None:
        """Fetch what foreign keys point to, until nothing is missing that the original has."""
        rows: list[Any] = self.original.execute(_REFERENCES).fetchall()
        references = [
            Reference(
                (row[0], row[1]),
                tuple(row[4]),
                (row[2], row[3]),
                tuple(row[5]),
                tuple(row[6]),
            )
            for row in rows
        ]
        while sum(self._fetch(reference, tables) for reference in references):
            self._refuse_if_stopped()

    def _fetch(self, reference: Reference, tables: dict[Name, Table]) -> int:
        """The missing parents of one foreign key; how many were found."""
        missing: list[Any] = self.clone.execute(_missing(reference)).fetchall()
        found = 0
        for begin in range(0, len(missing), _KEYS_AT_ONCE):
            self._refuse_if_stopped()
            keys = list(zip(*missing[begin : begin + _KEYS_AT_ONCE], strict=True))
            found += self._fetch_keys(reference, tables, keys)
        return found

    def _fetch_keys(self, reference: Reference, tables: dict[Name, Table], keys: list[Any]) -> int:
        arrays = sql.SQL(", ").join(
            sql.SQL("{}::text[]::{}[]").format(sql.Literal(list(values)), sql.SQL(kind))
            for values, kind in zip(keys, reference.types, strict=True)
        )
        columns = sql.SQL(", ").join(map(sql.Identifier, reference.keys))
        wanted = sql.SQL("({}) IN (SELECT * FROM unnest({}))").format(columns, arrays)
        parts = [
            table for table in tables.values() if table.called in self._leaves(reference, tables)
        ]
        return sum(
            self._copy(
                part, sql.SQL("ONLY {} WHERE {}").format(sql.Identifier(*part.called), wanted)
            )
            for part in parts
        )

    def _leaves(self, reference: Reference, tables: dict[Name, Table]) -> set[Name]:
        """The parent itself, or the partitions that hold its rows."""
        if reference.parent in tables:
            return {reference.parent}
        rows: list[Any] = self.original.execute(
            "SELECT n.nspname, c.relname FROM pg_partition_tree(%s::regclass) t"
            " JOIN pg_class c ON c.oid = t.relid JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE t.isleaf",
            [sql.Identifier(*reference.parent).as_string(self.original)],
        ).fetchall()
        return {(row[0], row[1]) for row in rows}

    def _set_sequences(self) -> None:
        rows: list[Any] = self.original.execute(
            "SELECT format('%I.%I', schemaname, sequencename), last_value FROM pg_sequences"
            " WHERE last_value IS NOT NULL"
        ).fetchall()
        for name, value in rows:
            self.clone.execute("SELECT setval(%s::regclass, %s)", [name, value])

    def _refuse_if_stopped(self) -> None:
        if self.wait(0):
            raise SamplingStopped


def _missing(reference: Reference) -> sql.Composed:
    """The keys, as texts, that the child has in the clone and the parent has not."""
    pairs = list(zip(reference.columns, reference.keys, strict=True))
    return sql.SQL(
        "SELECT DISTINCT {given} FROM {child} c LEFT JOIN {parent} p ON {same}"
        " WHERE {there} AND {absent} IS NULL"
    ).format(
        given=sql.SQL(", ").join(sql.SQL("c.{}::text").format(sql.Identifier(c)) for c, _ in pairs),
        child=sql.Identifier(*reference.child),
        parent=sql.Identifier(*reference.parent),
        same=sql.SQL(" AND ").join(
            sql.SQL("p.{} = c.{}").format(sql.Identifier(p), sql.Identifier(c)) for c, p in pairs
        ),
        there=sql.SQL(" AND ").join(
            sql.SQL("c.{} IS NOT NULL").format(sql.Identifier(c)) for c, _ in pairs
        ),
        absent=sql.SQL("p.{}").format(sql.Identifier(reference.keys[0])),
    )


def _refresh(clone: Connection, views: list[str]) -> list[str]:
    """Fill views that may read one another; answers those that can't be filled."""
    while views:
        failed = [view for view in views if not _refreshed(clone, view)]
        if len(failed) == len(views):
            return failed
        views = failed
    return []


def _refreshed(clone: Connection, view: str) -> bool:
    try:
        clone.execute(sql.SQL("REFRESH MATERIALIZED VIEW {}").format(sql.SQL(view)))
    except psycopg.Error:
        return False
    return True
