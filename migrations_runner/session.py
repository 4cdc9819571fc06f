"""A session on a target: its lock, its limits, and what other sessions of a run are left.

One runner at a time works on a target: a session-level advisory lock, tried in a loop (waiting in
`pg_advisory_lock` would deadlock with CREATE INDEX CONCURRENTLY). The server itself ends the
session when our process is gone, because it is told to look at the socket every half second.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import psycopg
from psycopg import sql

from migrations_runner import poolers
from migrations_runner.ledger import Connection
from releases import targets
from releases.models import TargetDatabase
from releases.refusals import Refused

#: The advisory lock of Release Control, the same on every target.
LOCK = (7316, 2)
LOCK_WAIT_SECONDS = 30.0
POLL_SECONDS = 0.2
_FORGET: Final = (
    "RESET ROLE; RESET SESSION AUTHORIZATION; RESET ALL; CLOSE ALL; UNLISTEN *; DISCARD TEMP"
)
_LOCKED: Final = (
    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted"
    " AND pid = pg_backend_pid() AND classid = 7316 AND objid = 2 AND objsubid = 2"
)
_POSTGRES_14 = 140000


class TargetBusy(Refused):
    """Another session holds the target's lock, so nothing was run."""


class LockLost(Refused):
    """The target's lock is not held by this session, so nothing further was run."""


def application_name(run_id: int) -> str:
    """How a run's sessions are called in pg_stat_activity."""
    return f"rc-run-{run_id}"


@contextmanager
def opened(
    target: TargetDatabase, run_id: int, *, wait: Callable[[float], bool]
) -> Iterator[Connection]:
    """A locked session on the target it is supposed to be, in autocommit mode.

    `wait(seconds)` pauses and answers True when the run is to stop. Raises TargetNotConfigured,
    TargetUnreachable, BehindTransactionPooler, NotTheExpectedDatabase, TargetBusy, LockLost.
    """
    connection = targets.connect(target, application_name=application_name(run_id), autocommit=True)
    try:
        poolers.refuse_shared_session(connection, lambda: another(target, run_id))
        targets.check_identity(target, targets.identify(connection))
        _lock(connection, wait)
        require_lock(connection)
        yield connection
    finally:
        connection.close()


def another(target: TargetDatabase, run_id: int) -> Connection:
    """A further session of a run, without the lock, in autocommit mode. Raises as `opened`."""
    return targets.connect(target, application_name=application_name(run_id), autocommit=True)


@contextmanager
def clerk(target: TargetDatabase, run_id: int) -> Iterator[Connection]:
    """A second session for notes in the ledger, which no SET of the script can reach."""
    connection = another(target, run_id)
    try:
        yield connection
    finally:
        connection.close()


def refresh(connection: Connection, target: TargetDatabase) -> None:
    """Give a script the session that psql would: nothing left over, plus the target's limits.

    Not DISCARD ALL, which would also give up the lock. Raises LockLost.
    """
    limits = _limits(connection, target)
    try:
        _renew(connection, limits | _watching_the_client(connection))
    except psycopg.errors.InvalidParameterValue:
        _renew(connection, limits)  # the server's platform can't; the reaper ends such a session


def _limits(connection: Connection, target: TargetDatabase) -> dict[str, str]:
    limits = {
        "standard_conforming_strings": "on",  # as the text was read
        "lock_timeout": f"{target.stall_budget_ms}ms",
        "statement_timeout": f"{target.statement_timeout_ms}ms",
        "idle_in_transaction_session_timeout": "0",
    }
    if connection.info.server_version >= _POSTGRES_14:
        limits["idle_session_timeout"] = "0"  # a paused run keeps its session
    return limits


def _watching_the_client(connection: Connection) -> dict[str, str]:
    """Have the server end our session soon after our process died. PostgreSQL 14 and newer."""
    if connection.info.server_version < _POSTGRES_14:
        return {}
    return {"client_connection_check_interval": "500ms"}


def _renew(connection: Connection, values: dict[str, str]) -> None:
    """All in one message: a round trip for each would cost a far target a second a run."""
    answer = connection.execute(
        sql.SQL("; ").join([sql.SQL(_FORGET), _settings(values), sql.SQL(_LOCKED)])
    )
    while answer.nextset():
        pass  # the last one tells of the lock
    _require(answer.fetchone())


def watch_the_client(connection: Connection) -> None:
    """The same for a session that runs no script."""
    try:
        connection.execute(_settings(_watching_the_client(connection)))
    except psycopg.errors.InvalidParameterValue:
        return


def pin(connection: Connection, values: Mapping[str, str]) -> None:
    """Settings until the end of the transaction that is open, in one round trip."""
    each = sql.SQL("set_config({}, {}, true)")
    said = [each.format(sql.Literal(name), sql.Literal(to)) for name, to in values.items()]
    connection.execute(sql.SQL("SELECT {}").format(sql.SQL(", ").join(said)))


def pid(connection: Connection) -> int:
    """The server's process behind this session; a pooler's greeting names another."""
    row = connection.execute("SELECT pg_backend_pid()").fetchone()
    return int(str(row[0])) if row is not None else 0


def end_sessions(connection: Connection, run_id: int, *, seconds: float) -> bool:
    """End every other session of a run; True once none is left. Never guesses: False if unsure.

    On this database alone: elsewhere on the server another Release Control may work, and count its
    runs as we do.
    """
    deadline = time.monotonic() + seconds
    while True:
        left = connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = %s AND datname = current_database()"
            " AND pid <> pg_backend_pid()",
            [application_name(run_id)],
        ).fetchall()
        if not left:
            return True
        if time.monotonic() > deadline:
            return False
        connection.execute("SELECT pg_sleep(0.01)")


def try_lock(connection: Connection) -> bool:
    row = connection.execute("SELECT pg_try_advisory_lock(%s, %s)", LOCK).fetchone()
    return bool(row and row[0])


def require_lock(connection: Connection) -> None:
    """Raises LockLost unless the server process that answers holds the lock itself."""
    _require(connection.execute(_LOCKED.encode()).fetchone())


def _require(row: tuple[object, ...] | None) -> None:
    if row is None or not row[0]:
        raise LockLost


def _lock(connection: Connection, wait: Callable[[float], bool]) -> None:
    deadline = time.monotonic() + LOCK_WAIT_SECONDS
    while not try_lock(connection):
        if time.monotonic() > deadline or wait(POLL_SECONDS):
            raise TargetBusy(f"It is held by {_holder(connection)}.")


def _holder(connection: Connection) -> str:
    row = connection.execute(
        "SELECT a.application_name, a.pid FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
        " WHERE l.locktype = 'advisory' AND l.classid = %s AND l.objid = %s AND l.granted",
        LOCK,
    ).fetchone()
    return f"{row[0] or 'a session'} (pid {row[1]})" if row else "a session that has just ended"


def _settings(values: dict[str, str]) -> sql.Composed:
    each = sql.SQL("SET {} = {}")
    said = [each.format(sql.Identifier(name), sql.Literal(to)) for name, to in values.items()]
    return sql.SQL("; ").join(said)
