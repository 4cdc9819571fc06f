"""Where a backfill is: rows on the target itself, moved in the same transaction as its batches.

One row a part of the key's order, and one for each row of the table that failed by itself. The
target's copy decides; what screens show is read from it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from psycopg import sql

from migrations_runner.ledger import Connection, Key

_CREATE = """
CREATE TABLE IF NOT EXISTS release_control.backfill (
    release text NOT NULL,
    name text NOT NULL,
    variables text NOT NULL,
    statement integer NOT NULL,
    part integer NOT NULL,
    digest text NOT NULL,
    lower_key text[],
    upper_key text[] NOT NULL,
    done_key text[],
    seen bigint NOT NULL DEFAULT 0,
    changed bigint NOT NULL DEFAULT 0,
    batches integer NOT NULL DEFAULT 0,
    done boolean NOT NULL DEFAULT false,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (release, name, variables, statement, part)
);
CREATE TABLE IF NOT EXISTS release_control.backfill_poison (
    release text NOT NULL,
    name text NOT NULL,
    variables text NOT NULL,
    statement integer NOT NULL,
    row_key text[] NOT NULL,
    error text NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (release, name, variables, statement, row_key)
);
COMMENT ON TABLE release_control.backfill IS
    'Written by Release Control: how far each backfill is.';
COMMENT ON TABLE release_control.backfill_poison IS
    'Written by Release Control: rows whose backfill failed; tried again when it is queued again.';
"""

_OF_SCRIPT = sql.SQL("(release, name, variables) = (%(release)s, %(name)s, %(variables)s)")
_OF_STATEMENT = sql.SQL("{} AND statement = %(statement)s").format(_OF_SCRIPT)

RowKey = list[str]


class MovedByAnother(Exception):
    """Another session moved this part meanwhile: the batch must not be committed."""


@dataclass(frozen=True, slots=True)
class Place:
    """Which statement of which script."""

    key: Key
    statement: int

    def values(self, **more: Any) -> dict[str, Any]:
        return {
            "release": self.key.release,
            "name": self.key.name,
            "variables": self.key.variables,
            "statement": self.statement,
            **more,
        }


@dataclass(slots=True)
class Part:
    """A stretch of the key's order: above `lower` (None: from the first), up to `upper`."""

    number: int
    upper: RowKey
    digest: str
    cursor: RowKey | None = None
    seen: int = 0
    changed: int = 0
    batches: int = 0
    done: bool = False


@dataclass(frozen=True, slots=True)
class Poison:
    """A row that failed by itself; its key stays on the target."""

    row_key: RowKey = field(repr=False)
    error: str


def prepare(connection: Connection) -> None:
    """Make the tables where they are missing; the schema is the ledger's."""
    row = connection.execute(
        "SELECT to_regclass('release_control.backfill_poison') IS NULL"
    ).fetchone()
    if row and row[0]:
        with connection.transaction():
            connection.execute(_CREATE)


def forget(connection: Connection, key: Key) -> None:
    """In the transaction that begins a script anew: what an undone application left."""
    for table in ("backfill", "backfill_poison"):
        connection.execute(
            sql.SQL("DELETE FROM release_control.{} WHERE {}").format(
                sql.Identifier(table), _OF_SCRIPT
            ),
            Place(key, 0).values(),
        )


def lay_out(connection: Connection, place: Place, bounds: list[RowKey], digest: str) -> list[Part]:
    """Write the parts of a statement, all at once: from each bound up to the next one."""
    lower: RowKey | None = None
    with connection.transaction():
        for number, upper in enumerate(bounds):
            connection.execute(
                "INSERT INTO release_control.backfill (release, name, variables, statement, part,"
                " digest, lower_key, upper_key, done_key) VALUES (%(release)s, %(name)s,"
                " %(variables)s, %(statement)s, %(part)s, %(digest)s, %(lower)s, %(upper)s,"
                " %(lower)s)",
                place.values(part=number, digest=digest, lower=lower, upper=upper),
            )
            lower = upper
    return parts(connection, place)


def parts(connection: Connection, place: Place) -> list[Part]:
    """The parts of a statement in their order; none where it has not begun."""
    rows: list[Any] = connection.execute(
        sql.SQL(
            "SELECT part, upper_key, digest, done_key, seen, changed, batches, done"
            " FROM release_control.backfill WHERE {} ORDER BY part"
        ).format(_OF_STATEMENT),
        place.values(),
    ).fetchall()
    return [Part(*row) for row in rows]


def advance(
    connection: Connection, place: Place, part: Part, *, to: RowKey, seen: int, changed: int
) -> None:
    """In a batch's transaction: `part` is done up to the key `to`. Raises MovedByAnother."""
    moved = connection.execute(
        sql.SQL(
            "UPDATE release_control.backfill SET done_key = %(to)s, seen = seen + %(seen)s,"
            " changed = changed + %(changed)s, batches = batches + 1, at = clock_timestamp()"
            " WHERE {} AND part = %(part)s AND NOT done"
            " AND done_key IS NOT DISTINCT FROM %(cursor)s::text[]"
        ).format(_OF_STATEMENT),
        place.values(part=part.number, to=to, seen=seen, changed=changed, cursor=part.cursor),
    )
    if moved.rowcount != 1:
        raise MovedByAnother


def finish(connection: Connection, place: Place, part: Part) -> None:
    """No row is left in a part."""
    connection.execute(
        sql.SQL(
            "UPDATE release_control.backfill SET done = true WHERE {} AND part = %(part)s"
        ).format(_OF_STATEMENT),
        place.values(part=part.number),
    )


def poisoned(connection: Connection, place: Place) -> list[Poison]:
    rows: list[Any] = connection.execute(
        sql.SQL(
            "SELECT row_key, error FROM release_control.backfill_poison WHERE {}"
            " ORDER BY at, row_key"
        ).format(_OF_STATEMENT),
        place.values(),
    ).fetchall()
    return [Poison(*row) for row in rows]


def poison(connection: Connection, place: Place, row_key: RowKey, error: str) -> None:
    """Write down a row that failed by itself, and why it did the last time."""
    connection.execute(
        "INSERT INTO release_control.backfill_poison (release, name, variables, statement,"
        " row_key, error) VALUES (%(release)s, %(name)s, %(variables)s, %(statement)s,"
        " %(row_key)s, %(error)s) ON CONFLICT (release, name, variables, statement, row_key)"
        " DO UPDATE SET error = excluded.error, at = clock_timestamp()",
        place.values(row_key=row_key, error=error),
    )


def cure(connection: Connection, place: Place, row_key: RowKey, *, changed: int) -> None:
    """In the transaction that did such a row at last. Raises MovedByAnother."""
    gone = connection.execute(
        sql.SQL(
            "DELETE FROM release_control.backfill_poison WHERE {} AND row_key = %(row_key)s::text[]"
        ).format(_OF_STATEMENT),
        place.values(row_key=row_key),
    )
    if gone.rowcount != 1:
        raise MovedByAnother
    connection.execute(
        sql.SQL(
            "UPDATE release_control.backfill SET changed = changed + %(changed)s"
            " WHERE {} AND part = 0"
        ).format(_OF_STATEMENT),
        place.values(changed=changed),
    )
