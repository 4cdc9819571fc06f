"""One session that takes part after part, batch after batch, until none is left."""

from __future__ import annotations

import queue
import random
from dataclasses import dataclass

import psycopg
from django.db import connections

from migrations_runner import session
from migrations_runner.backfill import batching, cursors
from migrations_runner.backfill.batching import Job, Stretch
from migrations_runner.backfill.cursors import Part
from migrations_runner.backfill.gate import Gate
from migrations_runner.backfill.masking import error_of_a_row
from migrations_runner.backfill.pace import Pace
from migrations_runner.backfill.refusals import RowsNotGranted, TooManyBadRows
from migrations_runner.failures import StatementFailed, TargetGone, is_gone, told
from migrations_runner.ledger import Connection
from releases.models import TargetDatabase

MOST_TRIES = 12
MOST_BAD_ROWS = 100
_LONGEST_REST = 2.0

#: Another moment or fewer rows may do: canceled by a timeout, lock not granted, deadlock, conflict.
_PASSES = (
    psycopg.errors.QueryCanceled,
    psycopg.errors.LockNotAvailable,
    psycopg.errors.DeadlockDetected,
    psycopg.errors.SerializationFailure,
)
#: The rows are to blame: data, constraints, a trigger's or function's RAISE, a view's check.
_CLASSES_OF_ROWS = frozenset({"21", "22", "23", "44", "P0"})


@dataclass
class Lane:
    """`tries` counts failures in a row that may pass by themselves."""

    job: Job
    connection: Connection
    gate: Gate
    pace: Pace
    tries: int = 0
    waits_for: str = ""

    def walk(self, waiting: queue.SimpleQueue[Part]) -> None:
        """Take parts until none waits.

        Raises Halted, RowsNotGranted, TooManyBadRows, StatementFailed, a guard's refusal;
        TargetGone where nobody knows.
        """
        try:
            while True:
                self._part(waiting.get_nowait())
        except queue.Empty:
            return
        except psycopg.Error as error:
            raise _ended(self.connection, error) from None
        finally:
            connections.close_all()  # this thread's, which a guard may have opened

    def _part(self, part: Part) -> None:
        self._limit(self.pace.limit)
        while True:
            self.gate.pass_through()
            stretch = batching.find(self.connection, self.job, part, self.pace.take)
            if stretch is None:
                cursors.finish(self.connection, self.job.place, part)
                part.done = True
                return
            self._batch(part, stretch)

    def _batch(self, part: Part, stretch: Stretch) -> None:
        try:
            if stretch.seen == 1:  # it can't be cut any more, so it may take the target's own time
                self._limit(self.job.work.run.target.statement_timeout_ms / 1000)
            done = batching.carry_out(self.connection, self.job, part, stretch)
        except _PASSES as error:
            self._rest(error, stretch)
        except psycopg.Error as error:
            self._blame(part, stretch, error)
        else:
            self.tries, self.waits_for = 0, ""
            self.pace.went_well(done.seen, done.seconds)
        if stretch.seen == 1 and not self.connection.closed:
            self._limit(self.pace.limit)

    def _rest(self, error: psycopg.Error, stretch: Stretch) -> None:
        """Try again a little later with fewer rows; a single row only so many times."""
        self.gate.refuse_if_halted()
        if is_gone(self.connection):
            raise error
        self.pace.was_too_much()
        if stretch.seen > 1 and isinstance(error, psycopg.errors.QueryCanceled):
            return  # it only was too large
        self.tries += 1
        if self.tries >= MOST_TRIES:
            raise RowsNotGranted(f"After {self.tries} tries: {told(error)}")
        self.waits_for = f"rows that others hold (try {self.tries} of {MOST_TRIES})"
        longest = min(_LONGEST_REST, 0.05 * 2**self.tries)
        self.gate.rest(random.uniform(longest / 2, longest))  # noqa: S311  (jitter, not a secret)

    def _blame(self, part: Part, stretch: Stretch, error: psycopg.Error) -> None:
        """Search a bad row by halves; write it down once it stands alone."""
        if is_gone(self.connection) or (error.sqlstate or "")[:2] not in _CLASSES_OF_ROWS:
            raise error
        if not self.pace.holds_a_bad_row(stretch.seen):
            return
        words = error_of_a_row(error.diag.message_primary or "", error.sqlstate or "")
        batching.pass_by(self.connection, self.job, part, stretch, words)
        if self.gate.count_bad_row() > MOST_BAD_ROWS:
            raise TooManyBadRows(f"The last of more than {MOST_BAD_ROWS}: {words}")

    def _limit(self, seconds: float) -> None:
        milliseconds = max(1, int(seconds * 1000))
        self.connection.execute(f"SET statement_timeout = {milliseconds}".encode())


def opened(job: Job, gate: Gate) -> Lane:
    """A lane with a session of its own, which the reaper knows by the run's name."""
    target = job.work.run.target
    connection = session.another(target, job.work.run.run.pk)
    _limit_waits(connection, target)
    return Lane(job, connection, gate, Pace(budget=target.stall_budget_ms / 1000))


def _limit_waits(connection: Connection, target: TargetDatabase) -> None:
    """The session's own limits; new as it is, there is nothing of a script's to reset."""
    connection.execute(
        "SELECT set_config('standard_conforming_strings', 'on', false),"  # as the text was read
        " set_config('lock_timeout', %s, false),"
        " set_config('idle_in_transaction_session_timeout', '0', false)",
        [f"{target.stall_budget_ms}ms"],
    )
    session.watch_the_client(connection)


def _ended(connection: Connection, error: psycopg.Error) -> Exception:
    """A server that said no, or one that is gone."""
    return TargetGone(told(error)) if is_gone(connection) else StatementFailed(told(error))
