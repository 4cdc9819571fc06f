"""A script that can't be one transaction: each statement on its own, framed by notes in the ledger.

The notes are written by a second session, which no SET of the script can reach. Where an earlier
run ended, this one goes on.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

import psycopg

from migrations_runner import ledger, session, steps
from migrations_runner.failures import (
    PartlyApplied,
    StatementFailed,
    Stopped,
    TargetGone,
    UnfinishedBefore,
    Unsure,
    leaves_traces,
    told,
)
from migrations_runner.ledger import Connection
from migrations_runner.models import Statement
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
        self._note(done=index, doing=index)
        try:
            steps.do(self.work, statement, row)
        except (StatementFailed, Stopped) as ended:
            if leaves_traces(statement):
                raise Unsure(_question(ended, index)) from None
            # The server answered, so this statement is known not to be done.
            self._note(done=index, doing=None)
            raise partly(ended, index) from None
        self._note(done=index + 1, doing=None)

    def _note(self, *, done: int, doing: int | None) -> None:
        key = self.work.key
        ledger.note_progress(self.clerk, key, done=done, doing=doing, begun=begun(self.work, done))

    def _begin_or_resume(self) -> int:
        work, standing = self.work, self.work.standing
        if standing is None:
            ledger.record_started(self.clerk, work.key, work.run.run.pk)
            return 0
        if standing.doing is not None:
            raise UnfinishedBefore(
                f"{work.script.name}: run {standing.run_id} ended during statement"
                f" {standing.doing + 1}, and nobody has looked whether it took effect."
            )
        if standing.begun not in {"", begun(work, standing.done)}:
            raise UnfinishedBefore(
                f"{work.script.name}: run {standing.run_id} did its first {standing.done}"
                " statements; leave those as they were and mend what follows."
            )
        return standing.done


def begun(work: Work, done: int) -> str:
    """A digest of the first statements, which a mended text has to keep."""
    texts = [statement.sql for statement, _ in work.steps[:done]]
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()


def partly(ended: StatementFailed | Stopped, done: int) -> Refused:
    """What to say of a script without a transaction that ended after `done` statements."""
    stands = f"Statements 1 to {done} stand." if done else "None of its statements took effect."
    kind = Stopped if isinstance(ended, Stopped) else PartlyApplied
    return kind(f"{ended.detail} {stands}")


def _question(ended: Refused, index: int) -> str:
    return (
        f"{ended.detail} Statement {index + 1} may have left something all the same, such as an"
        " invalid index or a part that it committed itself."
    )
