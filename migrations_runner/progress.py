"""Progress of a run: kept in memory by the worker, written to rows twice a second.

Writing a row before and after each statement would cost more than many statements do. The
keeper's thread writes what changed, beats the heart, and hears of a cancel or of a lost claim.
Nothing decides by these rows: the ledger on the target does.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from django.db import DatabaseError, connection
from django.db.models.functions import Now

from migrations_runner import runs
from migrations_runner.models import RunScript, Statement
from migrations_runner.states import StepState
from releases.redaction import redact

log = logging.getLogger(__name__)

BEAT_SECONDS = 0.5
MOST_OUTPUT = 4000


class Progress:
    """The statements of the script at work; safe to use from two threads."""

    def __init__(self) -> None:
        self._changed: dict[int, Statement] = {}
        self._lock = threading.Lock()

    def begin(self, statement: Statement) -> None:
        statement.state = StepState.RUNNING
        self._note(statement)

    def end(
        self, statement: Statement, state: StepState, *, rows: int | None, ms: float, output: str
    ) -> None:
        statement.state, statement.rows, statement.milliseconds = state, rows, ms
        statement.output = redact(output)[:MOST_OUTPUT]
        self._note(statement)

    def write(self) -> None:
        """Bring the rows up to date; a failed write keeps the changes for the next one."""
        with self._lock:
            changed = list(self._changed.values())
            if changed:
                Statement.objects.bulk_update(
                    changed, ["state", "rows", "milliseconds", "output"], batch_size=500
                )
                self._changed.clear()

    def _note(self, statement: Statement) -> None:
        with self._lock:
            self._changed[statement.pk] = statement


class Keeper:
    """Beats for a claim in a thread of its own; a context manager.

    `stop` is set when a cancel was asked for (`cancelled`) or the claim was lost (`fenced`);
    whoever waits or works looks at it. `interrupt`, when set, is called again and again from then
    on, because a cancel may reach the server just between two statements.
    """

    def __init__(self, held: runs.Claim, progress: Progress) -> None:
        self.stop = threading.Event()
        self.cancelled = False
        self.fenced = False
        self.interrupt: Callable[[], None] | None = None
        self._held = held
        self._progress = progress
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat_on, name="keeper", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()

    def wait(self, seconds: float) -> bool:
        """Pause; True when the run is to stop."""
        return self.stop.wait(seconds)

    def _beat_on(self) -> None:
        try:
            while not self._ended.wait(BEAT_SECONDS):
                self._beat_once()
        finally:
            connection.close()

    def _beat_once(self) -> None:
        try:
            ours, cancelled = runs.beat(self._held)
            self.fenced = not ours
            self.cancelled = self.cancelled or cancelled
            if ours:
                self._progress.write()
        except DatabaseError:
            # Our own database is away: go on with the target; the reaper would find us by the
            # ledger if we die meanwhile.
            log.warning("run %s: no heartbeat, our database does not answer", self._held.run.pk)
            connection.close()
        if self.fenced or self.cancelled:
            self.stop.set()
            if self.interrupt is not None:
                self.interrupt()


def mark(script: RunScript, state: StepState, *, error: str = "") -> None:
    """Write where one script of a run is."""
    script.state, script.error = state, error
    fields = ["state", "error"]
    if state == StepState.RUNNING:
        script.started_at = Now()
        fields.append("started_at")
    else:
        script.finished_at = Now()
        fields.append("finished_at")
    script.save(update_fields=fields)


def milliseconds_since(began: float) -> float:
    return round((time.perf_counter() - began) * 1000, 3)
