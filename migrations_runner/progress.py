"""Progress of a run: kept in memory by the worker, written to rows three times a second.

Writing a row before and after each statement would cost more than many statements do. The
keeper's thread writes what changed, beats the heart, and hears of a cancel or of a lost claim.
Nothing decides by these rows: the ledger on the target does.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from django.conf import settings
from django.db import Error, InterfaceError, OperationalError, connection, transaction
from django.db.models import Model
from django.db.models.functions import Now
from django.utils import timezone

from migrations_runner import claims
from migrations_runner.failures import Stopped
from migrations_runner.models import AppliedScript, RunScript, Statement
from migrations_runner.states import StepState
from releases.redaction import redact

log = logging.getLogger(__name__)

BEAT_SECONDS = 0.3
MOST_OUTPUT = 4000
T = TypeVar("T")

_SCRIPT: Final = ("pk", "state", "error", "started_at", "finished_at")
_STATEMENT: Final = ("pk", "state", "rows", "milliseconds", "output")
# By hand, because `bulk_update` takes longer to word a change than the server takes to make it.
_SCRIPTS: Final = """
UPDATE migrations_runner_runscript AS script
SET state = now.state, error = now.error,
    started_at = now.started_at, finished_at = now.finished_at
FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::timestamptz[], %s::timestamptz[])
    AS now (id, state, error, started_at, finished_at)
WHERE script.id = now.id
"""
_STATEMENTS: Final = """
UPDATE migrations_runner_statement AS statement
SET state = now.state, rows = now.rows, milliseconds = now.milliseconds, output = now.output
FROM unnest(%s::bigint[], %s::text[], %s::bigint[], %s::float8[], %s::text[])
    AS now (id, state, rows, milliseconds, output)
WHERE statement.id = now.id
"""
Noted = tuple[dict[int, RunScript], dict[int, Statement], dict[str, AppliedScript]]


class Progress:
    """The scripts of a run and their statements; safe to use from two threads."""

    def __init__(self, held: claims.Claim) -> None:
        self._held = held
        self._statements: dict[int, Statement] = {}
        self._scripts: dict[int, RunScript] = {}
        self._applied: dict[str, AppliedScript] = {}
        self._lock = threading.Lock()
        self._writing = threading.Lock()

    def mark(self, script: RunScript, state: StepState, *, error: str = "") -> None:
        """Note where a script of the run is."""
        with self._lock:
            script.state, script.error = state, error
            if state == StepState.RUNNING:
                script.started_at = timezone.now()
            else:
                script.finished_at = timezone.now()
            self._scripts[script.pk] = script

    def applied(self, standing: AppliedScript) -> None:
        """Note what the target's ledger says of a script, for screens."""
        with self._lock:
            self._applied[standing.name] = standing

    def begin(self, statement: Statement) -> None:
        statement.state = StepState.RUNNING
        self._note(statement)

    def end(
        self,
        statement: Statement,
        state: StepState,
        *,
        rows: int | None,
        ms: float | None,
        output: str,
    ) -> None:
        statement.state, statement.rows, statement.milliseconds = state, rows, ms
        statement.output = redact(output)[:MOST_OUTPUT]
        self._note(statement)

    def write(self) -> None:
        """Bring the rows up to date; a failed write keeps the changes for the next one.

        Whoever notes something never waits for our database: it may be away while the run holds
        locks on its target. Nothing is written once the claim is somebody else's.
        """
        with self._writing:
            taken = self._take()
            try:
                _save(self._held, *taken)
            except BaseException:
                self._put_back(*taken)
                raise

    def _take(self) -> Noted:
        with self._lock:
            taken = self._scripts, self._statements, self._applied
            self._scripts, self._statements, self._applied = {}, {}, {}
        return taken

    def _put_back(
        self,
        scripts: dict[int, RunScript],
        statements: dict[int, Statement],
        applied: dict[str, AppliedScript],
    ) -> None:
        with self._lock:
            self._scripts = scripts | self._scripts
            self._statements = statements | self._statements
            self._applied = applied | self._applied

    def _note(self, statement: Statement) -> None:
        with self._lock:
            self._statements[statement.pk] = statement


def _save(
    held: claims.Claim,
    scripts: dict[int, RunScript],
    statements: dict[int, Statement],
    applied: dict[str, AppliedScript],
) -> None:
    if not (scripts or statements or applied):
        return
    with transaction.atomic(), connection.cursor() as cursor:
        if not claims.keep_off(held):
            return
        if scripts:
            cursor.execute(_SCRIPTS, _columns(scripts.values(), _SCRIPT))
        if statements:
            cursor.execute(_STATEMENTS, _columns(statements.values(), _STATEMENT))
        claims.remember_applied(applied.values())


def _columns(rows: Iterable[Model], names: tuple[str, ...]) -> list[list[Any]]:
    listed = list(rows)
    return [[getattr(row, name) for row in listed] for name in names]


class Keeper:
    """Beats for a claim in a thread of its own; a context manager.

    `stop` is set when a cancel was asked for (`cancelled`) or the claim was lost (`fenced`), and
    `paused` tells that a pause was. Whoever waits or works looks at them; a statement at work
    inside `interruptible` is cut short by `interrupt`, again and again, because a cancel may reach
    the server just between two statements.
    """

    def __init__(self, held: claims.Claim, progress: Progress) -> None:
        self.stop = threading.Event()
        self.cancelled = False
        self.fenced = False
        self.interrupt: Callable[[], None] | None = None
        self.waiting_on: list[dict[str, Any]] = []
        self._held = held
        self._progress = progress
        self._pause = threading.Event()
        self._moved = threading.Condition()
        self._told_waiting: list[dict[str, Any]] = []
        self._gate = threading.RLock()
        self.only_to_stop = False
        """Is only a cancel of the run to interrupt what goes on just now?"""
        self._open = False
        self._sent = 0
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

    @property
    def paused(self) -> bool:
        """Was a pause asked for, and not taken back yet?"""
        return self._pause.is_set()

    def wait(self, seconds: float) -> bool:
        """Pause; True when the run is to stop."""
        return self.stop.wait(seconds)

    def nap(self, seconds: float) -> bool:
        """Pause, cut short when anything is asked of the run; True when it is to stop."""
        with self._moved:
            self._moved.wait_for(lambda: self.stop.is_set() or self.paused, seconds)
        return self.stop.is_set()

    def rest(self) -> None:
        """Between two steps, with nothing open on the target: stay here while the run is paused.

        Raises Stopped when it is cancelled meanwhile.
        """
        if not self.paused:
            return
        if not self.stop.is_set():
            patiently(lambda: claims.note_paused(self._held))
            with self._moved:
                self._moved.wait_for(lambda: self.stop.is_set() or not self.paused)
            patiently(lambda: claims.note_resumed(self._held))
        if self.stop.is_set():
            raise Stopped("It was paused; nothing further was started.")

    @contextmanager
    def interruptible(self, *, only_to_stop: bool = False) -> Iterator[None]:
        """Only in here may the session on the target be interrupted."""
        with self._gate:
            self._open, self.only_to_stop, self._sent = True, only_to_stop, 0
        try:
            yield
        finally:
            with self._gate:
                self._open = False

    @property
    def interrupted(self) -> bool:
        """Was an interrupt sent in the last `interruptible`? One may still be under way then."""
        return self._sent > 0

    def cut_short(self) -> None:
        """Interrupt what the session does, if it may be interrupted just now."""
        with self._gate:
            wanted = self.stop.is_set() or not self.only_to_stop
            if self._open and wanted and self.interrupt is not None:
                self._sent += 1
                self.interrupt()

    def _beat_on(self) -> None:
        try:
            while not self._ended.wait(BEAT_SECONDS):
                self._beat_once()
        finally:
            connection.close()

    def _beat_once(self) -> None:
        try:
            self._listen(claims.beat(self._held))
            if not self.fenced:
                self._progress.write()
                self._tell_waiting()
        except Error:
            # Our own database is away: go on with the target; the reaper would find us by the
            # ledger if we die meanwhile.
            log.warning("run %s: no heartbeat, our database does not answer", self._held.run.pk)
            connection.close()
        if self.stop.is_set() or self.paused:
            self.cut_short()

    def _listen(self, wish: claims.Wish) -> None:
        self.fenced = not wish.ours
        self.cancelled = self.cancelled or wish.cancel
        with self._moved:
            if self.fenced or self.cancelled:
                self.stop.set()
            (self._pause.set if wish.pause else self._pause.clear)()
            self._moved.notify_all()

    def _tell_waiting(self) -> None:
        now = self.waiting_on
        if now != self._told_waiting:
            claims.note_waiting(self._held, now)
            self._told_waiting = now


def patiently(write: Callable[[], T]) -> T:
    """Write to our own database, and wait for it where it is away.

    The run goes on, on the target, meanwhile; whoever waits here too long is found by the reaper.
    """
    deadline = time.monotonic() + settings.RUN_PATIENCE_SECONDS
    while True:
        try:
            return write()
        except (InterfaceError, OperationalError):
            connection.close()
            if time.monotonic() > deadline:
                raise
            log.warning("our own database does not answer; waiting for it")
            threading.Event().wait(BEAT_SECONDS)


def briefly(write: Callable[[], T]) -> T | None:
    """Write to our own database if it answers; None where it does not.

    For what is told from inside a transaction on the target: nobody may wait behind its locks for a
    database of ours.
    """
    try:
        return write()
    except (InterfaceError, OperationalError):
        connection.close()
        log.warning("our own database does not answer; this note is lost, the run goes on")
        return None


def mark(script: RunScript, state: StepState) -> None:
    """Write where one script of a run is that no worker is at."""
    script.state, script.error, script.finished_at = state, "", Now()
    patiently(lambda: script.save(update_fields=["state", "error", "finished_at"]))


def milliseconds_since(began: float) -> float:
    return round((time.perf_counter() - began) * 1000, 3)
