"""The time that data-safety checks of one run may take, all together, and what ends them early.

A check that can't finish has no answer: CannotTell. It is never a pass and stops nothing.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql

from migrations_runner import attempts
from migrations_runner.failures import is_gone, told
from migrations_runner.ledger import Connection
from migrations_runner.undo import store
from migrations_runner.work import RunAtWork

_LOCK_MS = 500


class CannotTell(Exception):
    """A check had no answer; the words say why."""


class Budget:
    """Milliseconds left. `spent` is what earlier checks of the same run took."""

    def __init__(self, milliseconds: float) -> None:
        self._whole, self._until = milliseconds, time.monotonic() + milliseconds / 1000

    @property
    def left(self) -> int:
        return round((self._until - time.monotonic()) * 1000)

    def limit(self, connection: Connection) -> None:
        """Until the open part of a transaction ends. Raises CannotTell where nothing is left."""
        left = self.left
        if left < 1:
            raise CannotTell("the time for checks was used up")
        connection.execute(
            "SELECT set_config('statement_timeout', %s, true),"
            " set_config('lock_timeout', %s, true)",
            [f"{left}ms", f"{min(left, _LOCK_MS)}ms"],
        )


@contextmanager
def aside(connection: Connection) -> Iterator[None]:
    """Look, inside whatever transaction is open, and leave it as it was, settings included."""
    with connection.transaction(force_rollback=True):
        # A role of the script may not be allowed to see every row.
        connection.execute("RESET ROLE; RESET SESSION AUTHORIZATION; SET LOCAL jit = off")
        store.pin(connection)
        yield


def ask(
    connection: Connection,
    budget: Budget,
    question: sql.SQL | sql.Composed,
    values: list[object] | None = None,
    *,
    run: RunAtWork | None = None,
) -> list[tuple[object, ...]]:
    """Put a question within the budget. Raises CannotTell where the server gave no answer.

    `run`: its wishes (a stop, a stall) go before; a session that is gone raises psycopg.Error.
    """
    try:
        with connection.transaction():
            budget.limit(connection)
            return connection.execute(question, values).fetchall()
    except psycopg.Error as error:
        if run is not None and connection is run.connection:
            if is_gone(connection):
                raise
            attempts.refuse_if_interrupted(run, "the data-safety checks")
        raise CannotTell(_why(error)) from None


def _why(error: psycopg.Error) -> str:
    if isinstance(error, psycopg.errors.QueryCanceled):
        return "the time for checks was used up"
    if isinstance(error, psycopg.errors.LockNotAvailable):
        return "a table is locked, by the script itself or by others"
    return told(error)
