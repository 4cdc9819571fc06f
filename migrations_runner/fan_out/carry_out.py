"""A fan-out: the script once for each key, each time in one transaction with the key's mark.

A key that fails is written down and the others go on. Queued again, only the open and failed ones
run: the keys are those that the driver query gave when the script first began on this target.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import psycopg

from migrations_runner import attempts, ledger, steps
from migrations_runner.backfill.masking import error_of_a_row, labelled
from migrations_runner.failures import (
    Stopped,
    TargetGone,
    UnfinishedBefore,
    is_gone,
)
from migrations_runner.fan_out import driver, marks
from migrations_runner.fan_out.marks import Mark, MarkedByAnother
from migrations_runner.fan_out.refusals import KeysFailed, NotForFanOut, NothingGoesWell
from migrations_runner.fan_out.screen import Screen
from migrations_runner.parsing import parse_script
from migrations_runner.progress import milliseconds_since
from migrations_runner.sending import Sender
from migrations_runner.states import StepState
from migrations_runner.work import Guard, Work
from releases.redaction import redact
from releases.refusals import Refused

#: So many failures before the first success mean that the script is wrong, not its keys.
MOST_FIRST_FAILURES = 20
_LISTED = 10


def carry_out(work: Work, *, guards: Sequence[Guard] | None = None) -> None:
    """Run a script for every key that is not done yet; `guards` stand around each, or the run's.

    Raises BadDriverQuery, BadDriverRows, NotForFanOut, NothingGoesWell, KeysFailed, Stopped, a
    guard's refusal; TargetGone where nobody knows.
    """
    if not work.text.transactional:
        raise NotForFanOut("A statement of it can't be in a transaction, so a key could end half.")
    keys = _begin(work)
    screen = Screen(work.script, keys)
    began = time.perf_counter()
    for _, row in work.steps:
        work.run.progress.begin(row)
    try:
        _each(work, keys, screen, guards)
    except (Refused, TargetGone, psycopg.Error):
        _end(work, StepState.FAILED, began)
        raise
    finally:
        screen.write()
    ledger.record_finished(work.connection, work.key)
    _end(work, StepState.APPLIED, began)


def _begin(work: Work) -> list[Mark]:
    """Fix the keys with the script's first ledger row, or read those of an earlier run."""
    connection, standing = work.connection, work.standing
    marks.prepare(connection)
    if standing is None:
        found = driver.rows(connection, work.script.driver_query)
        with connection.transaction():
            ledger.record_started(connection, work.key, work.run.run.pk, ledger.FAN_OUT)
            marks.begin(connection, work.key, found)
    keys = marks.marks(connection, work.key)
    if not keys:
        raise UnfinishedBefore("An earlier run began this script, but not as a fan-out.")
    return keys


def _each(work: Work, keys: list[Mark], screen: Screen, guards: Sequence[Guard] | None) -> None:
    done = any(mark.state == marks.APPLIED for mark in keys)
    failed = 0
    for mark in (each for each in keys if each.state != marks.APPLIED):
        _between(work)
        _one(work, mark, guards)
        screen.note(mark)
        done = done or mark.state == marks.APPLIED
        failed += mark.state == marks.FAILED
        if failed >= MOST_FIRST_FAILURES and not done:
            raise NothingGoesWell(f"{_told(keys)} Mend the script and queue again.")
    if failed:
        raise KeysFailed(f"{_told(keys)} Mend and queue again: only these are tried again.")


def _between(work: Work) -> None:
    """Between two keys nothing is open on the target, so here it may rest or end."""
    work.run.keeper.rest()
    if work.run.keeper.stop.is_set():
        raise Stopped("The finished keys stand; queue again, the others follow.")


def _one(work: Work, mark: Mark, guards: Sequence[Guard] | None) -> None:
    """One key in its own transaction; what failed is told in the mark, and nothing of it stands."""
    where = f"{work.script.name} for {labelled(tuple(mark.values), list(mark.values.values()))}"
    try:
        attempts.until_done(work.run, lambda: run_key(work, mark, guards), where=where)
    except Stopped:
        raise Stopped("The key under way was rolled back; the finished ones stand.") from None
    except MarkedByAnother:
        raise TargetGone("another session did this key meanwhile") from None
    except (Refused, psycopg.Error) as error:
        if is_gone(work.connection):
            raise TargetGone(redact(str(error))) from None
        mark.state, mark.error = marks.FAILED, _words(error)
        marks.failed(work.connection, work.key, mark, mark.error)
    else:
        mark.state, mark.error = marks.APPLIED, ""


def run_key(work: Work, mark: Mark, guards: Sequence[Guard] | None = None) -> None:
    """The whole script with one key's values, and its mark, in one commit."""
    values = {**work.run.run.variables, **mark.values}
    text = parse_script(work.script.text, values, work.script.includes)
    work.sender = Sender(work.connection, text, values)
    with work.connection.transaction():
        marks.applied(work.connection, work.key, mark)
        with work.guarded(guards):
            for statement, (_, row) in zip(text.statements, work.steps, strict=True):
                steps.do(work, statement, row)


def _words(error: Refused | psycopg.Error) -> str:
    """The server's sentence without the row's values, else the refusal's own."""
    said = error if isinstance(error, psycopg.Error) else error.__context__
    if isinstance(said, psycopg.Error) and said.sqlstate:
        return error_of_a_row(said.diag.message_primary or "", said.sqlstate)
    return redact(error.message if isinstance(error, Refused) else str(error))[:300]


def _told(keys: list[Mark]) -> str:
    """``3 of 1,204 keys failed: user_id 7: …``."""
    bad = [mark for mark in keys if mark.state == marks.FAILED]
    listed = "; ".join(
        f"{labelled(tuple(mark.values), list(mark.values.values()))}: {mark.error}"
        for mark in bad[:_LISTED]
    )
    more = f"; and {len(bad) - _LISTED:,} more" if len(bad) > _LISTED else ""
    return f"{len(bad):,} of {len(keys):,} keys failed: {listed}{more}."


def _end(work: Work, state: StepState, began: float) -> None:
    for _, row in work.steps:
        work.run.progress.end(row, state, rows=None, ms=milliseconds_since(began), output="")
