"""One statement that can be in no transaction: intent, effect, look.

What the server says no to may have had an effect all the same: CREATE INDEX CONCURRENTLY leaves an
invalid index, a DO block or a procedure may have committed a part of itself.
"""

from __future__ import annotations

import psycopg

from migrations_runner import attempts, ledger, probes, steps
from migrations_runner.failures import Unsure, is_gone
from migrations_runner.ledger import Connection
from migrations_runner.models import Statement
from migrations_runner.probes import Intent, Seen
from migrations_runner.script import Statement as ParsedStatement
from migrations_runner.work import Work
from releases.refusals import Refused


def carry_out(
    work: Work, clerk: Connection, statement: ParsedStatement, row: Statement, begun: str
) -> None:
    """Do it once, whatever it takes; the caller notes it as done.

    Raises StatementFailed or Stopped when it is known not to be done, and Unsure when it is not.
    """
    where = f"{work.script.name}, line {statement.line}"
    attempts.refuse_if_stopped(work.run, where)
    intent = probes.intent_of(work.connection, statement)
    index = statement.index
    ledger.note_progress(clerk, work.key, done=index, doing=index, begun=begun, intent=intent)
    try_it = attempts.until_done if probes.can_tell(intent) else attempts.just_once
    try:
        try_it(work.run, lambda: _attempt(work, intent, statement, row), where=where)
    except Refused as ended:
        if probes.look(clerk, intent) == Seen.DONE:
            steps.note_done(work, row)
            return
        said = _left(work, clerk, intent, ended, index)
        ledger.note_progress(clerk, work.key, done=index, begun=begun)
        raise _with(ended, said) from None


def _attempt(work: Work, intent: Intent, statement: ParsedStatement, row: Statement) -> None:
    """Clear the way first: an invalid index of the same name would be in it."""
    work.notices.say(probes.clear(work.connection, intent))
    steps.do(work, statement, row)


def _left(work: Work, clerk: Connection, intent: Intent, ended: Refused, index: int) -> str:
    """Take away what the failed statement left. Raises Unsure where it can't be told."""
    if probes.look(clerk, intent) == Seen.UNSURE:
        raise Unsure(
            f"{ended.detail} Statement {index + 1} may have left something all the same, such as"
            " an index of another definition or a part that it committed itself."
        )
    try:
        return " ".join(probes.clear(work.connection, intent))
    except psycopg.Error:
        if is_gone(work.connection):
            raise
        # The intent stays in the ledger: the next run clears it away before it begins.
        raise _with(ended, "It left an invalid index, which the next run drops first.") from None


def _with(ended: Refused, said: str) -> Refused:
    return type(ended)(f"{ended.detail} {said}".strip())
