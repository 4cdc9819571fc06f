"""The ledger: a table on the target itself that says which content stands there.

A transactional script's row is written in the script's own transaction, so "applied" and
"recorded" are one fact. A script that can't be one transaction has its row written before its first
statement (``started``), with the number of statements that are done and the one that is under way,
so that a crash leaves a question with a name and never a guess.

The runner holds the target's session lock while it uses this module, so nobody races it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

Connection = psycopg.Connection[tuple[object, ...]]

STARTED, APPLIED, UNDONE = "started", "applied", "undone"

#: How a script was begun that is not one transaction; it goes on in the same way.
STATEMENTS, BACKFILL, FAN_OUT = "statements", "backfill", "fan_out"

#: PostgreSQL asks for the right to make schemas before it sees that this one is there.
MAKE_SCHEMA = """
DO $$ BEGIN
    IF to_regnamespace('release_control') IS NULL THEN CREATE SCHEMA release_control; END IF;
END $$;
"""

_CREATE = (
    MAKE_SCHEMA
    + """
CREATE TABLE IF NOT EXISTS release_control.ledger (
    release text NOT NULL,
    name text NOT NULL,
    variables text NOT NULL DEFAULT '',
    sha256 text NOT NULL,
    role text NOT NULL,
    state text NOT NULL CHECK (state IN ('started', 'applied', 'undone')),
    run_id bigint NOT NULL,
    done integer NOT NULL DEFAULT 0,
    doing integer,
    begun text NOT NULL DEFAULT '',
    intent jsonb,
    way text NOT NULL DEFAULT '',
    reverts text NOT NULL DEFAULT '',
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (release, name, variables)
);
COMMENT ON TABLE release_control.ledger IS
    'Written by Release Control: which script content stands on this database.';
"""
)

_WRITE = """
INSERT INTO release_control.ledger AS standing
    (release, name, variables, sha256, role, state, run_id, way, reverts)
VALUES
    (%(release)s, %(name)s, %(variables)s, %(sha256)s, %(role)s, %(state)s, %(run_id)s, %(way)s,
        %(reverts)s)
ON CONFLICT (release, name, variables) DO UPDATE
    SET sha256 = excluded.sha256, role = excluded.role, state = excluded.state,
        run_id = excluded.run_id, way = excluded.way, reverts = excluded.reverts,
        done = 0, doing = NULL, begun = '', intent = NULL,
        at = clock_timestamp()
    WHERE standing.state <> 'applied'
"""

# A rollback script takes back what its release did, or the one script that it reverts; doing that
# again takes back the rollback: each makes the other side runnable again, in the same transaction.
_TURN_BACK = """
UPDATE release_control.ledger SET state = 'undone', at = clock_timestamp()
WHERE release = %(release)s AND state = 'applied' AND CASE WHEN %(role)s = 'rollback'
    THEN role <> 'rollback' AND %(reverts)s IN ('', name)
    ELSE role = 'rollback' AND reverts IN ('', %(name)s) END
"""


#: A ledger of the first release knew no intents and no ways.
_ENTRY = (
    "sha256, state, run_id, done, doing, begun, to_jsonb(ledger) -> 'intent',"
    " coalesce(to_jsonb(ledger) ->> 'way', '')"
)


class AlreadyOnLedger(Exception):
    """Another session recorded this script first; the script's transaction must not commit."""


@dataclass(frozen=True)
class Entry:
    """One row: `done` statements are finished, `doing` is the index under way, if known.

    `begun` is a digest of the finished statements: a mended text may go on behind them.
    """

    sha256: str
    state: str
    run_id: int
    done: int
    doing: int | None
    begun: str
    intent: dict[str, Any] | None = None
    """What stood before the statement under way, for a probe; see `probes`."""
    way: str = ""
    """How it was begun; the ledgers of the first release knew only statement by statement."""


@dataclass(frozen=True)
class Key:
    """Which script with which values: unique on a target by release, name and variables.

    `variables` is a digest of the values that the script uses, empty where it uses none: the same
    script with another user's id is another application.
    """

    release: str
    name: str
    variables: str
    sha256: str
    role: str
    reverts: str = ""
    """Of a rollback: the one script that it takes back, by name; empty for all of its release."""


def prepare(connection: Connection) -> None:
    """Make the ledger where it is missing. A role without CREATE may use one made for it."""
    found = connection.execute("SELECT to_regclass('release_control.ledger')").fetchone()
    if found is None or found[0] is None:
        with connection.transaction():
            connection.execute(_CREATE)
    elif not _is_of_today(connection):
        connection.execute(
            "ALTER TABLE release_control.ledger ADD COLUMN IF NOT EXISTS intent jsonb,"
            " ADD COLUMN IF NOT EXISTS way text NOT NULL DEFAULT '',"
            " ADD COLUMN IF NOT EXISTS reverts text NOT NULL DEFAULT ''"
        )


def _is_of_today(connection: Connection) -> bool:
    """Ledgers of earlier releases knew no intents, no ways, no single scripts taken back."""
    row = connection.execute(
        "SELECT count(*) FROM pg_attribute WHERE attrelid = 'release_control.ledger'::regclass"
        " AND attname IN ('intent', 'way', 'reverts') AND NOT attisdropped"
    ).fetchone()
    return row is not None and row[0] == len(("intent", "way", "reverts"))


def read(connection: Connection, key: Key) -> Entry | None:
    """What the target says of a script; None where it never stood there or was taken back."""
    row = connection.execute(
        f"SELECT {_ENTRY} FROM release_control.ledger"  # noqa: S608  (a constant)
        " WHERE (release, name, variables) = (%s, %s, %s) AND state <> 'undone'",
        [key.release, key.name, key.variables],
    ).fetchone()
    return _entry(row) if row is not None else None


@dataclass(frozen=True, slots=True)
class Standing:
    """What the target says of a script before it is done."""

    key: Key
    entry: Entry | None
    other_form: int | None
    """The run that did it when it used no values, or when it did; None if none did.

    Another value is another application. A text that has come to use values, or uses none any
    more, is the same script mended, and what it did under its other key still stands.
    """


def standing(connection: Connection, key: Key) -> Standing:
    """All that the target says of a script, in one question."""
    entry, other_form = None, None
    for ours, *row in connection.execute(
        f"SELECT variables = %(variables)s, {_ENTRY} FROM release_control.ledger"  # noqa: S608
        " WHERE (release, name) = (%(release)s, %(name)s) AND state <> 'undone'"
        " AND (variables = %(variables)s OR (variables = '') <> (%(variables)s = ''))",
        {"release": key.release, "name": key.name, "variables": key.variables},
    ):
        if ours:
            entry = _entry(row)
        else:
            other_form = _entry(row).run_id
    return Standing(key, entry, other_form)


def applied(connection: Connection, keys: list[Key]) -> set[Key]:
    """Which of these scripts stand there whole, with whatever content."""
    found = connection.execute(
        "SELECT release, name, variables FROM release_control.ledger WHERE state = 'applied'"
        " AND (release, name, variables) IN"
        " (SELECT * FROM unnest(%s::text[], %s::text[], %s::text[]))",
        [[key.release for key in keys], [key.name for key in keys], [k.variables for k in keys]],
    ).fetchall()
    there = set(found)
    return {key for key in keys if (key.release, key.name, key.variables) in there}


def exists(connection: Connection) -> bool:
    row = connection.execute("SELECT to_regclass('release_control.ledger') IS NOT NULL").fetchone()
    return bool(row and row[0])


def record_applied(connection: Connection, key: Key, run_id: int) -> None:
    """Inside the script's transaction: this content stands here, if the commit happens."""
    _write(connection, key, APPLIED, run_id, "")
    _turn_back(connection, key)


def record_started(connection: Connection, key: Key, run_id: int, way: str) -> None:
    """The intent, committed before the first statement of a script without a transaction."""
    _write(connection, key, STARTED, run_id, way)


def note_progress(
    connection: Connection,
    key: Key,
    *,
    done: int,
    begun: str,
    doing: int | None = None,
    intent: dict[str, Any] | None = None,
) -> None:
    """How many statements are done; which is under way outside a transaction, and its intent."""
    connection.execute(
        "UPDATE release_control.ledger SET done = %s, doing = %s, begun = %s, sha256 = %s,"
        " intent = %s WHERE (release, name, variables) = (%s, %s, %s) AND state = 'started'",
        [
            done,
            doing,
            begun,
            key.sha256,
            Jsonb(intent) if intent is not None else None,
            key.release,
            key.name,
            key.variables,
        ],
    )


def settle(connection: Connection, key: Key, *, done: int) -> None:
    """A person looked: `done` statements are done, and none is under way.

    Which statements those were is not known to us any more, so any mended text may follow.
    """
    connection.execute(
        "UPDATE release_control.ledger SET done = %s, doing = NULL, begun = '', intent = NULL"
        " WHERE (release, name, variables) = (%s, %s, %s) AND state = 'started'",
        [done, key.release, key.name, key.variables],
    )


def record_finished(connection: Connection, key: Key) -> None:
    """The last statement of a script without a transaction is done."""
    with connection.transaction():
        connection.execute(
            "UPDATE release_control.ledger SET state = 'applied', doing = NULL, intent = NULL,"
            " sha256 = %s, at = clock_timestamp()"
            " WHERE (release, name, variables) = (%s, %s, %s) AND state = 'started'",
            [key.sha256, key.release, key.name, key.variables],
        )
        _turn_back(connection, key)


def _turn_back(connection: Connection, key: Key) -> None:
    connection.execute(
        _TURN_BACK,
        {"release": key.release, "name": key.name, "role": key.role, "reverts": key.reverts},
    )


def _write(connection: Connection, key: Key, state: str, run_id: int, way: str) -> None:
    written = connection.execute(
        _WRITE,
        {
            "release": key.release,
            "name": key.name,
            "variables": key.variables,
            "sha256": key.sha256,
            "role": key.role,
            "state": state,
            "run_id": run_id,
            "way": way,
            "reverts": key.reverts,
        },
    )
    if written.rowcount != 1:
        raise AlreadyOnLedger(key.name)


def _entry(row: Any) -> Entry:
    return Entry(row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7])
