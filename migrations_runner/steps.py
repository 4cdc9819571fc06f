"""One statement of a script: sent, timed, and its answer written down."""

from __future__ import annotations

import time

import psycopg

from migrations_runner.failures import StatementFailed, Stopped, is_gone, told
from migrations_runner.models import Statement
from migrations_runner.progress import milliseconds_since
from migrations_runner.script import Statement as ParsedStatement
from migrations_runner.sending import CannotSend, Sent
from migrations_runner.states import StepState
from migrations_runner.work import Work


def do(work: Work, statement: ParsedStatement, row: Statement) -> Sent:
    """Send one statement.

    Raises StatementFailed or Stopped where the server answered, and psycopg.Error where it did not:
    then nobody knows yet what became of the statement.
    """
    refuse_if_stopped(work, statement)
    work.run.progress.begin(row)
    began = time.perf_counter()
    try:
        sent = work.sender.send(statement)
    except CannotSend as refused:
        _end(work, row, StepState.FAILED, began, [refused.detail])
        raise StatementFailed(f"{_where(work, statement)}: {refused.detail}") from None
    except psycopg.Error as error:
        _end(work, row, StepState.FAILED, began, [told(error)])
        raise _told_apart(work, statement, error) from None
    state = StepState.APPLIED if sent.ran else StepState.SKIPPED
    _end(work, row, state, began, sent.output, rows=sent.rows)
    return sent


def refuse_if_stopped(work: Work, statement: ParsedStatement) -> None:
    """Raises Stopped when a cancel was asked for."""
    if work.run.keeper.stop.is_set():
        raise Stopped(f"{work.script.name} was stopped before line {statement.line}.")


def pass_over(work: Work, statement: ParsedStatement, row: Statement) -> None:
    """A step that an earlier run did. Raises StatementFailed if what it left is needed."""
    try:
        work.sender.skip(statement)
    except CannotSend as refused:
        raise StatementFailed(f"{_where(work, statement)}: {refused.detail}") from None
    work.run.progress.end(row, StepState.SKIPPED, rows=None, ms=0.0, output="")


def mark_rolled_back(work: Work) -> None:
    """Say of every statement that had gone well that its transaction did not stand."""
    for row in work.rows.values():
        if row.state in {StepState.APPLIED, StepState.SKIPPED}:
            work.run.progress.end(
                row,
                StepState.UNDONE,
                rows=row.rows,
                ms=row.milliseconds or 0.0,
                output=row.output,
            )


def _told_apart(work: Work, statement: ParsedStatement, error: psycopg.Error) -> Exception:
    """The server's answer as StatementFailed or Stopped; the error itself if there was none."""
    if is_gone(work.connection):
        return error
    if isinstance(error, psycopg.errors.QueryCanceled) and work.run.keeper.stop.is_set():
        return Stopped(f"{work.script.name} was stopped at line {statement.line}.")
    return StatementFailed(f"{_where(work, statement, error)}: {told(error)}")


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
