"""One batch: the rows, their cursor and whatever guards them, in one transaction on the target."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from typing import Any

import psycopg

from migrations_runner.backfill import cursors
from migrations_runner.backfill.cursors import Part, Place, Poison, RowKey
from migrations_runner.backfill.rewriting import Batched
from migrations_runner.ledger import Connection
from migrations_runner.work import Work

#: Entered in each batch's transaction before its rows change, left before it is committed.
BatchGuard = Callable[[Work, Connection], AbstractContextManager[None]]


@dataclass(frozen=True, slots=True)
class Job:
    """What every session of one statement's backfill knows."""

    work: Work
    place: Place
    sql: Batched
    columns: tuple[str, ...]
    guards: Sequence[BatchGuard] = ()


@dataclass(frozen=True, slots=True)
class Done:
    """A batch that stands. `seconds` is how long its locks were held, at most."""

    seen: int
    changed: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Stretch:
    """The rows that a batch would take: up to `upper`, so many."""

    upper: RowKey = field(repr=False)
    seen: int


def find(connection: Connection, job: Job, part: Part, rows: int) -> Stretch | None:
    """Where the next batch of a part ends; None where no row is left in it."""
    step = job.sql.first_step if part.cursor is None else job.sql.step
    found = _raw(connection, step, [*part.upper, rows, *(part.cursor or [])]).fetchone()
    return None if found is None else Stretch([str(each) for each in found[:-1]], int(found[-1]))


def carry_out(connection: Connection, job: Job, part: Part, stretch: Stretch) -> Done:
    """Do one batch and move the part's cursor. Raises MovedByAnother, and what the server says."""
    change = job.sql.first_change if part.cursor is None else job.sql.change
    began = time.perf_counter()
    with connection.transaction():
        changed = change_rows(connection, job, change, [*stretch.upper, *(part.cursor or [])])
        cursors.advance(
            connection, job.place, part, to=stretch.upper, seen=stretch.seen, changed=changed
        )
    moved(part, stretch, changed)
    return Done(stretch.seen, changed, time.perf_counter() - began)


def pass_by(connection: Connection, job: Job, part: Part, stretch: Stretch, error: str) -> None:
    """Write down that the one row of a stretch failed by itself, and go on behind it."""
    with connection.transaction():
        cursors.poison(connection, job.place, stretch.upper, error)
        cursors.advance(connection, job.place, part, to=stretch.upper, seen=1, changed=0)
    moved(part, stretch, 0)


def try_again(connection: Connection, job: Job, bad: Poison) -> None:
    """Do a single row that failed in an earlier run, and strike it off. Raises as `carry_out`."""
    with connection.transaction():
        changed = change_rows(connection, job, job.sql.single, bad.row_key)
        cursors.cure(connection, job.place, bad.row_key, changed=changed)


def change_rows(connection: Connection, job: Job, sql: str, values: Sequence[Any]) -> int:
    """The statement itself on a range of rows; answers how many it changed."""
    with ExitStack() as guarded:
        for guard in job.guards:
            guarded.enter_context(guard(job.work, connection))
        return max(0, _raw(connection, sql, values).rowcount)


def moved(part: Part, stretch: Stretch, changed: int) -> None:
    """Keep our copy of a part's row as the commit left it."""
    part.cursor = stretch.upper
    part.seen += stretch.seen
    part.changed += changed
    part.batches += 1


def _raw(connection: Connection, sql: str, values: Sequence[Any]) -> psycopg.Cursor[Any]:
    """PostgreSQL's own ``$1``, so that no percent sign of the script means anything."""
    return psycopg.RawCursor(connection).execute(sql.encode(), values)
