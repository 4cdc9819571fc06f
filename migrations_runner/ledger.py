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

_CREATE = """
CREATE SCHEMA IF NOT EXISTS release_control;
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
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (release, name, variables)
);
COMMENT ON TABLE release_control.ledger IS
    'Written by Release Control: which script content stands on this database.';
"""

_WRITE = """
INSERT INTO release_control.ledger AS standing
    (release, name, variables, sha256, role, state, run_id)
VALUES (%(release)s, %(name)s, %(variables)s, %(sha256)s, %(role)s, %(state)s, %(run_id)s)
ON CONFLICT (release, name, variables) DO UPDATE
    SET sha256 = excluded.sha256, role = excluded.role, state = excluded.state,
        run_id = excluded.run_id, done = 0, doing = NULL, begun = '', intent = NULL,
        at = clock_timestamp()
    WHERE standing.state <> 'applied'
"""

# A rollback script takes back what its release did, and doing the release again takes back the
# rollback: each makes the other side runnable again, in the same transaction.
_TURN_BACK = """
UPDATE release_control.ledger SET state = 'undone', at = clock_timestamp()
WHERE release = %(release)s AND state = 'applied'
    AND (role = 'rollback') <> (%(role)s = 'rollback')
"""


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


def prepare(connection: Connection) -> None:
    """Make the ledger where it is missing. A role without CREATE may use one made for it."""
    found = connection.execute("SELECT to_regclass('release_control.ledger')").fetchone()
    if found is None or found[0] is None:
        with connection.transaction():
            connection.execute(_CREATE)
    elif not _has_intents(connection):
        connection.execute(
            "ALTER TABLE release_control.ledger ADD COLUMN IF NOT EXISTS intent jsonb"
        )


def _has_intents(connection: Connection) -> bool:
    """A ledger of the first release knew no intents."""
    row = connection.execute(
        "SELECT true FROM pg_attribute WHERE attrelid = 'release_control.ledger'::regclass"
        " AND attname = 'intent' AND NOT attisdropped"
    ).fetchone()
    return row is not None


def read(connection: Connection, key: Key) -> Entry | None:
    """What the target says of a script; None where it never stood there or was taken back."""
    row = connection.execute(
        "SELECT sha256, state, run_id, done, doing, begun, to_jsonb(ledger) -> 'intent'"
        " FROM release_control.ledger"
        " WHERE (release, name, variables) = (%s, %s, %s) AND state <> 'undone'",
        [key.release, key.name, key.variables],
    ).fetchone()
    return _entry(row) if row is not None else None


def exists(connection: Connection) -> bool:
    row = connection.execute("SELECT to_regclass('release_control.ledger') IS NOT NULL").fetchone()
    return bool(row and row[0])


def record_applied(connection: Connection, key: Key, run_id: int) -> None:
    """Inside the script's transaction: this content stands here, if the commit happens."""
    _write(connection, key, APPLIED, run_id)
    connection.execute(_TURN_BACK, {"release": key.release, "role": key.role})


def record_started(connection: Connection, key: Key, run_id: int) -> None:
    """The intent, committed before the first statement of a script without a transaction."""
    _write(connection, key, STARTED, run_id)


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
            " at = clock_timestamp()"
            " WHERE (release, name, variables) = (%s, %s, %s) AND state = 'started'",
            [key.release, key.name, key.variables],
        )
        connection.execute(_TURN_BACK, {"release": key.release, "role": key.role})


def _write(connection: Connection, key: Key, state: str, run_id: int) -> None:
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
        },
    )
    if written.rowcount != 1:
        raise AlreadyOnLedger(key.name)


def _entry(row: Any) -> Entry:
    return Entry(row[0], row[1], row[2], row[3], row[4], row[5], row[6])
