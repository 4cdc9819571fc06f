"""A script that can't be one transaction: each statement on its own, noted in the ledger.

A statement that can be in a transaction is one, together with its note, so "done" and "noted" are
one fact. One that can't is framed: an intent, the statement, a note, the first and the last written
by a second session that no SET of the script reaches. Where the frame is left open, by a crash or a
failure, the target's catalog is asked (`probes`). Where an earlier run ended, this one goes on.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg

from migrations_runner import attempts, ledger, outside, probes, session, steps
from migrations_runner.failures import (
    CannotBeInTransaction,
    PartlyApplied,
    StatementFailed,
    Stopped,
    TargetGone,
    UnfinishedBefore,
    told,
)
from migrations_runner.ledger import Connection
from migrations_runner.models import Statement
from migrations_runner.probes import Seen
from migrations_runner.script import Statement as ParsedStatement
from migrations_runner.work import Work
from releases.refusals import Refused


def carry_out(work: Work) -> None:
    """Raises PartlyApplied, Stopped, UnfinishedBefore; Unsure and TargetGone where nobody knows."""
    try:
        with session.clerk(work.run.target, work.run.run.pk) as clerk:
            _Pages(work, clerk).fill()
    except psycopg.Error as error:
        # Either session is gone, so the notes may not tell the whole story: the resolver asks.
        raise TargetGone(told(error)) from None


@dataclass
class _Pages:
    """A script and the session that takes notes on it."""

    work: Work
    clerk: Connection

    def fill(self) -> None:
        done = self._begin_or_resume()
        for statement, row in self.work.steps:
            if statement.index < done:
                steps.pass_over(self.work, statement, row)
            else:
                self._step(statement, row)
        ledger.record_finished(self.clerk, self.work.key)

    def _step(self, statement: ParsedStatement, row: Statement) -> None:
        index = statement.index
        try:
            if not (statement.in_transaction_ok and self._in_transaction(statement, row)):
                outside.carry_out(self.work, self.clerk, statement, row, begun(self.work, index))
                self._note(self.clerk, index + 1)
        except Refused as ended:
            steps.give_up(self.work)
            raise partly(ended, index) from None

    def _in_transaction(self, statement: ParsedStatement, row: Statement) -> bool:
        """The statement and its note together; False where only the server knew that it can't."""
        where = f"{self.work.script.name}, line {statement.line}"
        try:
            attempts.until_done(self.work.run, lambda: self._attempt(statement, row), where=where)
        except CannotBeInTransaction:
            return False
        return True

    def _attempt(self, statement: ParsedStatement, row: Statement) -> None:
        connection = self.work.connection
        with connection.transaction():
            with as_the_runner(connection):
                self._note(connection, statement.index + 1)
            with self.work.guarded():
                steps.do(self.work, statement, row)

    def _note(self, connection: Connection, done: int) -> None:
        ledger.note_progress(connection, self.work.key, done=done, begun=begun(self.work, done))

    def _begin_or_resume(self) -> int:
        work, standing = self.work, self.work.standing
        if standing is None:
            ledger.record_started(self.clerk, work.key, work.run.run.pk, ledger.STATEMENTS)
            return 0
        if standing.begun not in {"", begun(work, standing.done)}:
            raise self._leave_as_it_was(standing, standing.done)
        return standing.done if standing.doing is None else self._look(standing)

    def _look(self, standing: ledger.Entry) -> int:
        """An earlier run ended during a statement: what does the catalog say of it?"""
        intent, doing = standing.intent, standing.done
        seen = probes.look(self.clerk, intent) if intent else Seen.UNSURE
        if intent is None or seen == Seen.UNSURE:
            raise UnfinishedBefore(
                f"{self.work.script.name}: run {standing.run_id} ended during statement"
                f" {doing + 1}, and nobody has looked whether it took effect."
            )
        if seen == Seen.OPEN:
            probes.clear(self.clerk, intent)
            return doing
        if not probes.same_statement(intent, self.work.steps[doing][0]):
            raise self._leave_as_it_was(standing, doing + 1)
        self._note(self.clerk, doing + 1)
        return doing + 1

    def _leave_as_it_was(self, standing: ledger.Entry, done: int) -> UnfinishedBefore:
        return UnfinishedBefore(
            f"{self.work.script.name}: run {standing.run_id} did its first {done}"
            " statements; leave those as they were and mend what follows."
        )


@contextmanager
def as_the_runner(connection: Connection) -> Iterator[None]:
    """Inside a transaction: write to the ledger although the script may have set another role."""
    row = connection.execute(
        "SELECT current_setting('role'), current_setting('session_authorization')"
    ).fetchone()
    connection.execute("SET LOCAL SESSION AUTHORIZATION DEFAULT; SET LOCAL ROLE NONE")
    yield
    if row is not None:
        connection.execute(
            "SELECT set_config('session_authorization', %s, true), set_config('role', %s, true)",
            [row[1], row[0]],
        )


def begun(work: Work, done: int) -> str:
    """A digest of the first statements, which a mended text has to keep."""
    texts = [statement.sql for statement, _ in work.steps[:done]]
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()


def partly(ended: Refused, done: int) -> Refused:
    """What to say of a script without a transaction that ended after `done` statements."""
    stands = f"Statements 1 to {done} stand." if done else "None of its statements took effect."
    if isinstance(ended, Stopped):
        return Stopped(f"{ended.detail} {stands}")
    said = ended.detail if type(ended) is StatementFailed else ended.message
    return PartlyApplied(f"{said} {stands}")
