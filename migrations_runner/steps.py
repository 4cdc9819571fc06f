"""One statement of a script: sent, timed, and its answer written down."""

from __future__ import annotations

import time

import psycopg

from migrations_runner import attempts
from migrations_runner.failures import Interrupted, StatementFailed, told
from migrations_runner.models import Statement
from migrations_runner.progress import milliseconds_since
from migrations_runner.script import Statement as ParsedStatement
from migrations_runner.sending import CannotSend, Sent
from migrations_runner.states import StepState
from migrations_runner.work import Work


def do(work: Work, statement: ParsedStatement, row: Statement) -> Sent:
    """Send one statement.

    Raises StatementFailed, Stopped or an Interrupted where the server answered, and psycopg.Error
    where it did not: then nobody knows yet what became of the statement.
    """
    where = f"{work.script.name}, line {statement.line}"
    attempts.refuse_if_interrupted(work.run, where)
    work.run.progress.begin(row)
    work.run.watch.statement(statement.line, work.limits.get(statement.index))
    began = time.perf_counter()
    try:
        sent = work.sender.send(statement)
    except CannotSend as refused:
        _end(work, row, StepState.FAILED, began, [refused.detail])
        raise StatementFailed(f"{_where(work, statement)}: {refused.detail}") from None
    except psycopg.Error as error:
        ended = attempts.told_apart(work.run, error, _where(work, statement, error))
        if isinstance(ended, Interrupted):
            work.waiting = row
            _end(work, row, StepState.PENDING, began, [f"It is tried again. {told(error)}"])
        else:
            _end(work, row, StepState.FAILED, began, [told(error)])
        raise ended from None
    work.run.watch.went_on()
    work.waiting = None
    state = StepState.APPLIED if sent.ran else StepState.SKIPPED
    _end(work, row, state, began, sent.output, rows=sent.rows)
    return sent


def pass_over(work: Work, statement: ParsedStatement, row: Statement) -> None:
    """A step that an earlier run did. Raises StatementFailed if what it left is needed."""
    try:
        work.sender.skip(statement)
    except CannotSend as refused:
        raise StatementFailed(f"{_where(work, statement)}: {refused.detail}") from None
    work.run.progress.end(row, StepState.SKIPPED, rows=None, ms=None, output="")


def give_up(work: Work) -> None:
    """The statement that was to be tried again, if there is one, will not be."""
    row, work.waiting = work.waiting, None
    if row is not None:
        output = row.output.removeprefix("It is tried again. ")
        work.run.progress.end(row, StepState.FAILED, rows=None, ms=row.milliseconds, output=output)


def note_done(work: Work, row: Statement) -> None:
    """It took effect, whatever the server said of it."""
    work.waiting = None
    work.run.progress.end(row, StepState.APPLIED, rows=None, ms=row.milliseconds, output=row.output)


def mark_rolled_back(work: Work) -> None:
    """Say of every statement that had gone well that its transaction did not stand."""
    for row in work.rows.values():
        if row.state in {StepState.APPLIED, StepState.SKIPPED}:
            work.run.progress.end(
                row, StepState.UNDONE, rows=row.rows, ms=row.milliseconds, output=row.output
            )


def _where(work: Work, statement: ParsedStatement, error: psycopg.Error | None = None) -> str:
    place = work.sender.place(statement, error)
    inside = f" ({place.file})" if place.file else ""
    return f"{work.script.name}{inside}, line {place.line}, column {place.column}"


def _end(
    work: Work,
    row: Statement,
    state: StepState,
    began: float,
    output: list[str],
    *,
    rows: int | None = None,
) -> None:
    work.run.progress.end(
        row,
        state,
        rows=rows,
        ms=milliseconds_since(began),
        output="\n".join([*work.notices.taken(), *output]),
    )
