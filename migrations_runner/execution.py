"""The only place that runs a script on a target.

Statement by statement, as psql does with ON_ERROR_STOP: a script that can be one transaction is
one, together with its ledger row; the first error stops the run. How a run ends is decided by what
the target says, never by what we hoped: a connection that breaks leaves the run `lost`, and the
resolver asks the ledger.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from psycopg.pq import TransactionStatus

from migrations_runner import ledger, runs, session
from migrations_runner.endings import Outcome
from migrations_runner.failures import (
    ChangedSinceApplied,
    PartlyApplied,
    StatementFailed,
    Stopped,
    TargetGone,
    UnfinishedBefore,
    Unsure,
    leaves_traces,
    told,
)
from migrations_runner.keys import key_of
from migrations_runner.ledger import Connection, Key
from migrations_runner.models import RunScript, Statement
from migrations_runner.output import Notices, shown
from migrations_runner.parsing import parse_script
from migrations_runner.progress import Keeper, Progress, mark, milliseconds_since
from migrations_runner.runs import Claim
from migrations_runner.script import Script
from migrations_runner.script import Statement as ParsedStatement
from migrations_runner.states import RunState, StepState
from releases.refusals import Refused

log = logging.getLogger(__name__)

_LOST = Outcome(
    RunState.LOST,
    "The connection to the target broke, so whether the last step was committed is not known yet.",
    "Nothing to do: the target's ledger is being asked. Later scripts were not started.",
)


def execute(run_id: int) -> None:
    """Claim a run and carry it out; does nothing where there is nothing to claim."""
    held = runs.claim(run_id)
    if held is None:
        return
    progress = Progress()
    with Keeper(held, progress) as keeper:
        outcome = _outcome(held, keeper, progress)
    if keeper.fenced:
        log.warning("run %s: the claim was taken from us; the resolver has the word", run_id)
        return
    progress.write()
    runs.finish(held, outcome)


def _outcome(held: Claim, keeper: Keeper, progress: Progress) -> Outcome:
    """Carry out every script; every ending becomes an Outcome, a bug included."""
    try:
        _run_scripts(held, keeper, progress)
    except Stopped as stopped:
        return Outcome(RunState.CANCELLED, next_step=stopped.message)
    except Refused as refused:
        return Outcome(RunState.FAILED, refused.message, _what_now(held))
    except Unsure as unsure:
        return Outcome(RunState.LOST, str(unsure), "A person has to look on the target.")
    except (TargetGone, psycopg.Error) as broken:
        log.warning("run %s: %s", held.run.pk, broken)
        return _LOST
    return Outcome(RunState.SUCCEEDED)


def _run_scripts(held: Claim, keeper: Keeper, progress: Progress) -> None:
    run = held.run
    with session.opened(run.target, run.pk, wait=keeper.wait) as connection:
        _allow_interrupts(keeper, connection)
        with _answers(connection, "The ledger could not be made"):
            ledger.prepare(connection)
        for script in run.scripts.select_related("script").all():
            if keeper.stop.is_set():
                raise Stopped(f"{script.name} and what follows it were not started.")
            with _answers(connection, script.name):
                _run_script(held, script, connection, keeper, progress)


@contextmanager
def _answers(connection: Connection, where: str) -> Iterator[None]:
    """Tell a server that said no (StatementFailed) from one that is gone (TargetGone)."""
    try:
        yield
    except psycopg.Error as error:
        if _is_gone(connection):
            raise TargetGone(told(error)) from None
        raise StatementFailed(f"{where}: {told(error)}") from None


def _is_gone(connection: Connection) -> bool:
    return connection.closed or connection.info.transaction_status == TransactionStatus.UNKNOWN


def _run_script(
    held: Claim, script: RunScript, connection: Connection, keeper: Keeper, progress: Progress
) -> None:
    key = key_of(held.run, script)
    session.refresh(connection, held.run.target)
    standing = ledger.read(connection, key)
    if standing is not None and standing.state == ledger.APPLIED:
        _skip(script, standing)
        runs.remember_applied(held.run, script, key)
        return
    text = parse_script(script.text, held.run.variables)
    work = _Work(held, script, key, text, connection, keeper, progress)
    mark(script, StepState.RUNNING)
    try:
        with Notices(connection) as notices, _answers(connection, script.name):
            if text.transactional:
                work.in_one_transaction(notices)
            else:
                work.one_by_one(notices, standing)
    except Refused as ended:
        mark(script, StepState.FAILED, error=ended.message)
        raise
    mark(script, StepState.APPLIED)
    runs.remember_applied(held.run, script, key)


def _skip(script: RunScript, standing: ledger.Entry) -> None:
    if standing.sha256 != script.sha256:
        refused = ChangedSinceApplied(
            f"{script.name}: run {standing.run_id} applied the content {standing.sha256[:12]}…,"
            f" this is {script.sha256[:12]}…."
        )
        mark(script, StepState.FAILED, error=refused.message)
        raise refused
    script.statements.update(state=StepState.SKIPPED)
    mark(script, StepState.SKIPPED)


@dataclass
class _Work:
    """One script at work: what it needs at every step."""

    held: Claim
    script: RunScript
    key: Key
    text: Script
    connection: Connection
    keeper: Keeper
    progress: Progress

    def __post_init__(self) -> None:
        self.rows = {row.index: row for row in self.script.statements.all()}
        self.steps = [
            (statement, self.rows[index]) for index, statement in enumerate(self.text.statements)
        ]

    def in_one_transaction(self, notices: Notices) -> None:
        """All or nothing, the ledger row included."""
        try:
            with self._transaction():
                ledger.record_applied(self.connection, self.key, self.held.run.pk)
                for statement, row in self.steps:
                    self._do(statement, row, notices)
        except (StatementFailed, Stopped, psycopg.Error):
            self._mark_rolled_back()
            raise

    def one_by_one(self, notices: Notices, standing: ledger.Entry | None) -> None:
        """Each statement on its own, framed by notes in the ledger, resumed where one ended."""
        try:
            self._with_clerk(notices, standing)
        except psycopg.Error as error:
            # Either session is gone, so the notes may not tell the whole story: the resolver asks.
            raise TargetGone(told(error)) from None

    def _with_clerk(self, notices: Notices, standing: ledger.Entry | None) -> None:
        with session.clerk(self.held.run.target, self.held.run.pk) as clerk:
            done = self._begin_or_resume(clerk, standing)
            for index, (statement, row) in enumerate(self.steps):
                if index < done:
                    self.progress.end(row, StepState.SKIPPED, rows=None, ms=0.0, output="")
                    continue
                self._note(clerk, done=index, doing=index)
                try:
                    self._do(statement, row, notices)
                except (StatementFailed, Stopped) as ended:
                    if leaves_traces(statement):
                        raise Unsure(self._question(ended, index)) from None
                    # The server answered, so this statement is known not to be done.
                    self._note(clerk, done=index, doing=None)
                    raise _partly(ended, index) from None
                self._note(clerk, done=index + 1, doing=None)
            ledger.record_finished(clerk, self.key)

    def _note(self, clerk: Connection, *, done: int, doing: int | None) -> None:
        ledger.note_progress(clerk, self.key, done=done, doing=doing, begun=self._begun(done))

    def _begun(self, done: int) -> str:
        """A digest of the first statements, which a mended text has to keep."""
        texts = [statement.sql for statement, _ in self.steps[:done]]
        return hashlib.sha256(json.dumps(texts).encode()).hexdigest()

    def _question(self, ended: Refused, index: int) -> str:
        return (
            f"{ended.detail} Statement {index + 1} may have left something all the same, such as an"
            " invalid index or a part that it committed itself."
        )

    def _begin_or_resume(self, clerk: Connection, standing: ledger.Entry | None) -> int:
        if standing is None:
            ledger.record_started(clerk, self.key, self.held.run.pk)
            return 0
        if standing.doing is not None:
            raise UnfinishedBefore(
                f"{self.script.name}: run {standing.run_id} ended during statement"
                f" {standing.doing + 1}, and nobody has looked whether it took effect."
            )
        if standing.begun not in {"", self._begun(standing.done)}:
            raise UnfinishedBefore(
                f"{self.script.name}: run {standing.run_id} did its first {standing.done}"
                " statements; leave those as they were and mend what follows."
            )
        return standing.done

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """BEGIN … COMMIT. A COMMIT that breaks is not a failed script: nobody knows."""
        with self.connection.transaction():
            yield
            if self.keeper.stop.is_set():
                raise Stopped(f"{self.script.name} was rolled back just before its commit.")

    def _do(self, statement: ParsedStatement, row: Statement, notices: Notices) -> None:
        if self.keeper.stop.is_set():
            raise Stopped(f"{self.script.name} was stopped before line {statement.line}.")
        self.progress.begin(row)
        began = time.perf_counter()
        try:
            cursor = self.connection.execute(statement.sql.encode())
        except psycopg.Error as error:
            self._note_failure(error, statement, row, milliseconds_since(began), notices)
            raise  # the connection is gone: see _LOST
        self.progress.end(
            row,
            StepState.APPLIED,
            rows=cursor.rowcount if cursor.rowcount >= 0 else None,
            ms=milliseconds_since(began),
            output="\n".join([*notices.taken(), *shown(cursor)]),
        )

    def _note_failure(
        self,
        error: psycopg.Error,
        statement: ParsedStatement,
        row: Statement,
        ms: float,
        notices: Notices,
    ) -> None:
        """Turn the server's answer into StatementFailed or Stopped; return if there was none."""
        output = "\n".join([*notices.taken(), told(error)])
        self.progress.end(row, StepState.FAILED, rows=None, ms=ms, output=output)
        if _is_gone(self.connection):
            return
        if isinstance(error, psycopg.errors.QueryCanceled) and self.keeper.stop.is_set():
            raise Stopped(f"{self.script.name} was stopped at line {statement.line}.") from None
        raise StatementFailed.at(self.script.name, self.text, statement, error) from None

    def _mark_rolled_back(self) -> None:
        for row in self.rows.values():
            if row.state == StepState.APPLIED:
                self.progress.end(
                    row,
                    StepState.UNDONE,
                    rows=row.rows,
                    ms=row.milliseconds or 0.0,
                    output=row.output,
                )


def _partly(ended: StatementFailed | Stopped, done: int) -> Refused:
    """What to say of a script without a transaction that ended after `done` statements."""
    stands = f"Statements 1 to {done} stand." if done else "None of its statements took effect."
    kind = Stopped if isinstance(ended, Stopped) else PartlyApplied
    return kind(f"{ended.detail} {stands}")


def _allow_interrupts(keeper: Keeper, connection: Connection) -> None:
    def interrupt() -> None:
        try:
            connection.cancel_safe(timeout=2.0)
        except psycopg.Error:
            log.info("a cancel request did not reach the target; it is sent again")

    keeper.interrupt = interrupt


def _what_now(held: Claim) -> str:
    """After a failure: what stands, what does not, what to do."""
    scripts = list(held.run.scripts.all())
    applied = [s.name for s in scripts if s.state in {StepState.APPLIED, StepState.SKIPPED}]
    not_started = [s.name for s in scripts if s.state == StepState.PENDING]
    partly = [s.name for s in scripts if s.error.startswith(PartlyApplied.__doc__ or "?")]
    stands = f"Applied: {', '.join(applied)}." if applied else "No script was applied whole."
    stands += f" Begun: {', '.join(partly)}; it goes on where it ended." if partly else ""
    waiting = f" Not started: {', '.join(not_started)}." if not_started else ""
    return f"{stands}{waiting} Mend the script and queue again; what is applied will be skipped."
