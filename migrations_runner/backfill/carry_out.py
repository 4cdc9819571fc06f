"""A backfill: each row-local statement of a script in small transactions, resumed where it ended.

The script's ledger row says ``started`` until the last row is done; the cursors beside it on the
target say how far each statement is. Whoever kills whom, and when: a batch and its cursor are one
commit, so every row is done once.
"""

from __future__ import annotations

import os
import queue
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass

import psycopg

from migrations_runner import ledger, one_by_one
from migrations_runner.backfill import beginning, cursors, lanes, looking, rewriting
from migrations_runner.backfill.batching import BatchGuard, Job, try_again
from migrations_runner.backfill.cursors import Part, Place, Poison
from migrations_runner.backfill.explaining import Cut, explain
from migrations_runner.backfill.gate import Gate, Halted
from migrations_runner.backfill.masking import error_of_a_row, labelled
from migrations_runner.backfill.refusals import NotABackfill, RowsLeft
from migrations_runner.backfill.watching import Watch, Wish
from migrations_runner.failures import Stopped, TargetGone, UnfinishedBefore, is_gone, told
from migrations_runner.models import BackfillProgress, Statement
from migrations_runner.progress import milliseconds_since
from migrations_runner.states import StepState
from migrations_runner.work import Work
from releases.refusals import Refused

#: How many sessions share a large table: a third one would take the machine from people.
SESSIONS = min(2, os.cpu_count() or 1)
_PARTS_A_SESSION = 2
_LISTED = 20


def carry_out(
    work: Work,
    *,
    guards: Sequence[BatchGuard] = (),
    wish: Wish | None = None,
    sessions: int = SESSIONS,
) -> None:
    """Run a script as a backfill; `wish` may ask it to rest, `guards` stand around each batch.

    Raises NotABackfill, AnotherTextBefore, RowsNotGranted, TooManyBadRows, RowsLeft, Stopped,
    StatementFailed, a guard's refusal; TargetGone where nobody knows.
    """
    explained = explain(work.text, looking.look(work.connection, [s.node for s, _ in work.steps]))
    if not explained.rewritable:
        raise NotABackfill(" ".join(explained.why))
    first, options = _begin(work), _Options(guards, wish, sessions)
    for cut, (_, row) in list(zip(explained.cuts, work.steps, strict=True))[first:]:
        _Statement(work, cut, row, options).carry_out()
    ledger.record_finished(work.connection, work.key)


def _begin(work: Work) -> int:
    """Write the intent, or find the statement to go on with. Raises UnfinishedBefore."""
    connection, standing = work.connection, work.standing
    cursors.prepare(connection)
    if standing is None:
        with connection.transaction():
            ledger.record_started(connection, work.key, work.run.run.pk, ledger.BACKFILL)
            cursors.forget(connection, work.key)
        return 0
    if standing.doing is not None:
        raise UnfinishedBefore(f"Run {standing.run_id} did not run it as a backfill.")
    if standing.begun not in {"", one_by_one.begun(work, standing.done)}:
        raise UnfinishedBefore(f"Its first {standing.done} statements were others then.")
    for _, row in work.steps[: standing.done]:
        work.run.progress.end(row, StepState.SKIPPED, rows=None, ms=0.0, output="")
    return standing.done


@dataclass(frozen=True, slots=True)
class _Options:
    guards: Sequence[BatchGuard]
    wish: Wish | None
    sessions: int


class _Statement:
    """One statement's backfill, from its layout to its last row."""

    def __init__(self, work: Work, cut: Cut, row: Statement, options: _Options) -> None:
        self._work, self._cut, self._row, self._wish = work, cut, row, options.wish
        self._sessions = options.sessions
        self._place = Place(work.key, cut.statement.index)
        names = tuple(column.name for column in cut.plan.key.columns)
        self._job = Job(work, self._place, cut.sql, names, options.guards)

    def carry_out(self) -> None:
        began = time.perf_counter()
        self._work.run.progress.begin(self._row)
        try:
            with self._work.run.keeper.interruptible(only_to_stop=True):
                parts = self._lay_out()
                self._retry_bad_rows()
            self._walk([part for part in parts if not part.done], parts)
            self._refuse_rows_left()
        except (Refused, TargetGone, psycopg.Error) as ended:
            words = ended.message if isinstance(ended, Refused) else str(ended)
            self._end(StepState.FAILED, began, words)
            raise
        self._note_done()
        self._end(StepState.APPLIED, began, "\n".join(self._cut.notes))

    def _lay_out(self) -> list[Part]:
        connection, plan = self._work.connection, self._cut.plan
        rows = beginning.estimate(connection, plan)
        shared = self._sessions > 1 and rows >= beginning.ROWS_TO_SHARE
        wanted = self._sessions * _PARTS_A_SESSION if shared else 1
        parts = beginning.laid_out(connection, self._place, plan, self._cut.sql, wanted=wanted)
        self._progress, _ = BackfillProgress.objects.update_or_create(
            run_script=self._work.script,
            defaults={
                "table": rewriting.table(plan)[:200],
                "sql": self._cut.sql.shown,
                "estimate": rows,
                "done": sum(part.seen for part in parts),
                "poisoned": [],
            },
        )
        return parts

    def _walk(self, open_parts: list[Part], parts: list[Part]) -> None:
        waiting: queue.SimpleQueue[Part] = queue.SimpleQueue()
        for part in open_parts:
            waiting.put(part)
        gate = Gate()
        with ExitStack() as opened, ThreadPoolExecutor(self._sessions) as pool:
            working = []
            for _ in range(min(self._sessions, len(open_parts))):
                lane = lanes.opened(self._job, gate)
                opened.callback(lane.connection.close)
                working.append(lane)
            futures = [pool.submit(lane.walk, waiting) for lane in working]
            watch = Watch(self._work, gate, working, parts, self._progress, self._wish)
            watch.over(futures)
        _raise_first(futures)

    def _retry_bad_rows(self) -> None:
        """Rows that failed in an earlier run, each by itself; a mended row or text does them."""
        for bad in cursors.poisoned(self._work.connection, self._place):
            if self._work.run.keeper.stop.is_set():
                raise Stopped("It was trying the rows again that had failed.")
            try:
                try_again(self._work.connection, self._job, bad)
            except psycopg.Error as error:
                self._still_bad(bad, error)

    def _still_bad(self, bad: Poison, error: psycopg.Error) -> None:
        if is_gone(self._work.connection):
            raise TargetGone(told(error)) from None
        if self._work.run.keeper.stop.is_set():
            raise Stopped("It was trying the rows again that had failed.") from None
        words = error_of_a_row(error.diag.message_primary or "", error.sqlstate or "")
        cursors.poison(self._work.connection, self._place, bad.row_key, words)

    def _refuse_rows_left(self) -> None:
        left = cursors.poisoned(self._work.connection, self._place)
        listed = [
            {"key": labelled(self._job.columns, bad.row_key), "error": bad.error} for bad in left
        ]
        BackfillProgress.objects.filter(pk=self._progress.pk).update(poisoned=listed)
        if left:
            first = "; ".join(f"{each['key']}: {each['error']}" for each in listed[:_LISTED])
            more = f"; and {len(left) - _LISTED} more" if len(left) > _LISTED else ""
            raise RowsLeft(
                f"{len(left)} of {self._work.script.name}, line {self._cut.statement.line}: {first}"
                f"{more}. Mend the rows or the text and queue again: only these are tried again."
            )

    def _note_done(self) -> None:
        done = self._cut.statement.index + 1
        begun = one_by_one.begun(self._work, done)
        ledger.note_progress(
            self._work.connection, self._work.key, done=done, doing=None, begun=begun
        )

    def _end(self, state: StepState, began: float, words: str) -> None:
        try:
            changed = sum(p.changed for p in cursors.parts(self._work.connection, self._place))
        except psycopg.Error:
            changed = None
        self._work.run.progress.end(
            self._row, state, rows=changed, ms=milliseconds_since(began), output=words
        )


def _raise_first(futures: list[Future[None]]) -> None:
    """What ended a lane; a server that is gone outweighs one that said no."""
    errors = [error for future in futures if (error := future.exception())]
    errors = [error for error in errors if not isinstance(error, Halted)]
    gone = [error for error in errors if isinstance(error, TargetGone | cursors.MovedByAnother)]
    if gone:
        raise TargetGone(str(gone[0]) or "another session moved the cursor")
    if errors:
        raise errors[0]
