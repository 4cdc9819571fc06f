"""Trying again: a lock that was not granted in time, somebody who had waited too long, a pause.

A savepoint would not help: locks that a transaction took stay until its end. So what is tried
again is always a whole transaction, or a statement that is one by itself. Never without an end.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg
from django.conf import settings
from psycopg.pq import TransactionStatus

from migrations_runner.failures import (
    CannotBeInTransaction,
    HeldUsersTooLong,
    Interrupted,
    LockMissed,
    LockNotGranted,
    PauseAsked,
    StalledOthers,
    StatementFailed,
    Stopped,
    TookTooLong,
    is_gone,
    told,
)
from migrations_runner.stalls import in_words
from migrations_runner.work import RunAtWork

MOST_STALLS = 3
_FIRST_PAUSE, _GROWTH, _LONGEST_PAUSE = 0.1, 1.6, 10.0
_RETRIED = (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected)

_NO_TRANSACTION = (
    psycopg.errors.ActiveSqlTransaction,
    psycopg.errors.InvalidTransactionTermination,
)


def until_done(run: RunAtWork, attempt: Callable[[], None], *, where: str) -> None:
    """Call `attempt`, which leaves nothing open when it fails, until it went through.

    Raises Stopped, LockNotGranted, HeldUsersTooLong, and whatever `attempt` raises else;
    psycopg.Error where the server is gone.
    """
    ladder = _Ladder(run, where)
    while True:
        run.keeper.rest()
        try:
            _once(run, attempt, where)
        except PauseAsked:
            continue
        except Interrupted as missed:
            ladder.climb(missed)
        else:
            return


def just_once(run: RunAtWork, attempt: Callable[[], None], *, where: str) -> None:
    """Call an `attempt` that may have had an effect although it failed: only a cancel ends it.

    Raises Stopped, and whatever `attempt` raises else; psycopg.Error where the server is gone.
    """
    run.keeper.rest()
    with patient(run, where):
        attempt()


@contextmanager
def patient(run: RunAtWork, where: str) -> Iterator[None]:
    """Only a cancel of the run interrupts what is done in here.

    Raises Stopped, StatementFailed where the server said no, psycopg.Error where it is gone.
    """
    try:
        with run.keeper.interruptible(only_to_stop=True):
            yield
    except psycopg.Error as error:
        raise told_apart(run, error, where) from None


def told_apart(run: RunAtWork, error: psycopg.Error, where: str) -> Exception:
    """What an error of the server means: a wish of ours, a try that missed, or a failure.

    The error itself where there was no answer.
    """
    if is_gone(run.connection):
        return error
    if isinstance(error, _RETRIED) and not run.keeper.only_to_stop:
        return LockMissed(f"{where}: {told(error)}")
    if isinstance(error, _NO_TRANSACTION):
        return CannotBeInTransaction(f"{where}: {told(error)}")
    if isinstance(error, psycopg.errors.QueryCanceled):
        return _who_cancelled(run, where) or StatementFailed(f"{where}: {told(error)}")
    return StatementFailed(f"{where}: {told(error)}")


def refuse_if_stopped(run: RunAtWork, where: str) -> None:
    """Raises Stopped when a cancel was asked for."""
    if run.keeper.stop.is_set():
        raise Stopped(f"It was stopped before {where}.")


def refuse_if_interrupted(run: RunAtWork, where: str) -> None:
    """Between two statements: raise what an interrupt that came too late would have."""
    wish = _who_cancelled(run, where)
    if wish is not None:
        raise wish


def _who_cancelled(run: RunAtWork, where: str) -> Exception | None:
    if run.keeper.stop.is_set():
        return Stopped(f"It was stopped at {where}.")
    if run.keeper.only_to_stop:
        return None
    if run.keeper.paused:
        return PauseAsked(where)
    if run.watch.overrun is not None:
        return TookTooLong(f"{where}: it was allowed {run.watch.overrun:.0f} ms.")
    if run.watch.stall is not None:
        return StalledOthers(where)
    return None


def _once(run: RunAtWork, attempt: Callable[[], None], where: str) -> None:
    try:
        with run.keeper.interruptible(), run.watch.over():
            attempt()
    except psycopg.Error as error:
        raise told_apart(run, error, where) from None
    finally:
        if run.keeper.interrupted:
            _let_it_arrive(run)


def _let_it_arrive(run: RunAtWork) -> None:
    """A cancel that was sent may hit a little later; here it hurts nothing."""
    connection = run.connection
    if not connection.closed and connection.info.transaction_status == TransactionStatus.IDLE:
        try:
            connection.execute("SELECT pg_sleep(0.02)")
        except psycopg.errors.QueryCanceled:
            return


@dataclass
class _Ladder:
    """How often and how long to try again."""

    run: RunAtWork
    where: str
    began: float = field(default_factory=time.monotonic)
    tries: int = 0
    stalls: int = 0

    def climb(self, missed: Interrupted) -> None:
        """Wait a little, with jitter, then let the caller try again. Raises when it is enough."""
        self.tries += 1
        if isinstance(missed, StalledOthers):
            self._count_stall()
        elif time.monotonic() - self.began > settings.RUN_LOCK_SECONDS:
            raise LockNotGranted(
                f"{missed} {self.tries} tries in {time.monotonic() - self.began:.0f} s."
                f" In the way: {in_words(self.run.watch.blockers) or 'nobody could be seen'}."
            )
        height = min(_LONGEST_PAUSE, _FIRST_PAUSE * _GROWTH ** min(self.tries, 20))
        if self.run.keeper.nap(height * random.uniform(0.5, 1.5)):  # noqa: S311  (jitter)
            raise Stopped(f"It waited for a lock at {self.where}; nothing of this try stands.")

    def _count_stall(self) -> None:
        self.stalls += 1
        stall = self.run.watch.stall
        if self.stalls >= MOST_STALLS and stall is not None:
            raise HeldUsersTooLong(
                f"{self.where}: somebody waited {stall.milliseconds} ms for the locks held at line"
                f" {stall.line}, in each of {self.stalls} tries; the budget is"
                f" {self.run.target.stall_budget_ms} ms. Run it as a backfill, split it, or raise"
                " the target's stall budget."
            )
