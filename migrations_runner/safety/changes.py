"""How many rows of which table a transaction added, changed and removed: the server's own count.

It counts what a part that was rolled back did as well, so it says "up to".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from migrations_runner.ledger import Connection
from migrations_runner.touched import NO_START, Start

_COUNTS = """
SELECT current_setting('track_counts'), pg_current_snapshot()::text,
    array_agg(oid), array_agg(relname::text),
    array_agg(added), array_agg(changed), array_agg(removed)
FROM (
    SELECT c.oid::bigint, c.relname, pg_stat_get_xact_tuples_inserted(c.oid) AS added,
        pg_stat_get_xact_tuples_updated(c.oid) AS changed,
        pg_stat_get_xact_tuples_deleted(c.oid) AS removed
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname !~ '^pg_'
        AND n.nspname NOT IN ('information_schema', 'release_control')
) AS counted WHERE added <> 0 OR changed <> 0 OR removed <> 0
"""


@dataclass(frozen=True, slots=True)
class Change:
    """Of one table, in rows."""

    table: str
    added: int = 0
    changed: int = 0
    removed: int = 0

    @property
    def any(self) -> bool:
        return bool(self.added or self.changed or self.removed)


Counts = dict[int, Change]


def count(connection: Connection) -> Counts | None:
    """What this session counted so far; None where the server does not count."""
    return look(connection)[0]


def look(connection: Connection) -> tuple[Counts | None, Start]:
    """As `count`, and what is committed just now: in one question, it is asked of each script."""
    row: tuple[Any, ...] | None = connection.execute(_COUNTS).fetchone()
    if row is None:
        return None, NO_START
    tracked, snapshot, *columns = row
    if tracked != "on":
        return None, Start(snapshot)
    listed = zip(*(column or [] for column in columns), strict=True)
    return {oid: Change(name, *numbers) for oid, name, *numbers in listed}, Start(snapshot)


def since(before: Counts | None, now: Counts | None) -> Counts | None:
    """What came in between; the counters of an earlier transaction may not be sent off yet."""
    if before is None or now is None:
        return None
    zero = Change("")
    found = {}
    for oid, each in now.items():
        old = before.get(oid, zero)
        found[oid] = Change(
            each.table,
            each.added - old.added,
            each.changed - old.changed,
            each.removed - old.removed,
        )
    return {oid: each for oid, each in found.items() if each.any}
