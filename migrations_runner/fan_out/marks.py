"""Which keys of a fan-out are done: rows on the target, marked in each key's own transaction.

The values are the target's own data and stay there; we keep digests and masked labels.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from psycopg import sql
from psycopg.types.json import Jsonb

from migrations_runner.fan_out.driver import Row
from migrations_runner.ledger import Connection, Key

OPEN, APPLIED, FAILED = "open", "applied", "failed"

_CREATE = """
CREATE TABLE IF NOT EXISTS release_control.fan_out (
    release text NOT NULL,
    name text NOT NULL,
    variables text NOT NULL,
    position integer NOT NULL,
    key text NOT NULL,
    given jsonb NOT NULL,
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'applied', 'failed')),
    sha256 text NOT NULL DEFAULT '',
    error text NOT NULL DEFAULT '',
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (release, name, variables, key)
);
COMMENT ON TABLE release_control.fan_out IS
    'Written by Release Control: for which keys a script is done.';
"""

_OF_SCRIPT = sql.SQL("(release, name, variables) = (%(release)s, %(name)s, %(variables)s)")


@dataclass(slots=True)
class Mark:
    """One key and where it stands."""

    position: int
    key: str
    values: dict[str, str] = field(repr=False)
    state: str
    error: str


class MarkedByAnother(Exception):
    """Another session did this key meanwhile: its transaction must not be committed."""


def prepare(connection: Connection) -> None:
    """Make the table where it is missing; the schema is the ledger's."""
    row = connection.execute("SELECT to_regclass('release_control.fan_out') IS NULL").fetchone()
    if row and row[0]:
        with connection.transaction():
            connection.execute(_CREATE)


def begin(connection: Connection, key: Key, rows: list[Row]) -> None:
    """In the transaction that begins a script: its keys, fixed from here on."""
    connection.execute(
        sql.SQL("DELETE FROM release_control.fan_out WHERE {}").format(_OF_SCRIPT), _named(key)
    )
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO release_control.fan_out (release, name, variables, position, key, given)"
            " VALUES (%(release)s, %(name)s, %(variables)s, %(position)s, %(key)s, %(given)s)",
            [
                _named(key, position=at, key=row.key, given=Jsonb(row.values))
                for at, row in enumerate(rows)
            ],
        )


def marks(connection: Connection, key: Key) -> list[Mark]:
    """The keys of a script in the order of the driver query."""
    rows: list[Any] = connection.execute(
        sql.SQL(
            "SELECT position, key, given, state, error FROM release_control.fan_out"
            " WHERE {} ORDER BY position"
        ).format(_OF_SCRIPT),
        _named(key),
    ).fetchall()
    return [Mark(*row) for row in rows]


def applied(connection: Connection, key: Key, mark: Mark) -> None:
    """In a key's transaction: it is done, if the commit happens. Raises MarkedByAnother."""
    _write(connection, key, mark, APPLIED, "")


def failed(connection: Connection, key: Key, mark: Mark, error: str) -> None:
    """After a key's transaction was rolled back. Raises MarkedByAnother."""
    _write(connection, key, mark, FAILED, error)


def _write(connection: Connection, key: Key, mark: Mark, state: str, error: str) -> None:
    written = connection.execute(
        sql.SQL(
            "UPDATE release_control.fan_out SET state = %(state)s, error = %(error)s,"
            " sha256 = %(sha256)s, at = clock_timestamp()"
            " WHERE {} AND key = %(key)s AND state <> 'applied'"
        ).format(_OF_SCRIPT),
        _named(key, key=mark.key, state=state, error=error, sha256=key.sha256),
    )
    if written.rowcount != 1:
        raise MarkedByAnother


def _named(of: Key, **more: Any) -> dict[str, Any]:
    return {"release": of.release, "name": of.name, "variables": of.variables, **more}
