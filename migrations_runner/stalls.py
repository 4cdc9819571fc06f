"""The stall budget, watched: who waits for a run, whom it waits for, and for how long.

`lock_timeout` bounds how long others queue behind a lock that we wait for. A lock that we *hold*
is held until our transaction ends, whatever the next statement costs; so a session of its own asks
the server some thirty times a second who waits for us, and cuts our transaction short before
anybody has waited for the whole budget.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import psycopg

from migrations_runner import session
from migrations_runner.ledger import Connection
from migrations_runner.progress import Keeper
from releases.models import TargetDatabase
from releases.redaction import redact

log = logging.getLogger(__name__)

_SLOWEST_LOOK = 0.033
_LONGEST_QUERY = 200

# Those whom we wait for. Age is that of their transaction.
_BLOCKERS = """
SELECT a.pid, a.usename, a.query, a.application_name,
    extract(epoch FROM clock_timestamp() - coalesce(a.xact_start, a.backend_start))::float8
FROM unnest(pg_blocking_pids(%s)) AS b (pid) JOIN pg_stat_activity a USING (pid)
"""

# Those who wait for us: clients, not autovacuum (which gives way by itself), not our own sessions.
_WAITERS = """
SELECT a.pid FROM pg_stat_activity a
WHERE a.wait_event_type = 'Lock' AND a.backend_type = 'client backend'
    AND a.application_name NOT LIKE 'rc-%%' AND %s = ANY (pg_blocking_pids(a.pid))
"""


@dataclass
class Stall:
    """Somebody waited for us for so long that we gave way."""

    milliseconds: int
    line: int


class Watch:
    """Watches one session of a run; a context manager. Raises TargetUnreachable when entered."""

    def __init__(self, target: TargetDatabase, run_id: int, pid: int, keeper: Keeper) -> None:
        self.stall: Stall | None = None
        self.overrun: float | None = None
        """Milliseconds that the statement at work was allowed, once it took longer."""
        self.blockers: list[dict[str, Any]] = []
        self._target, self._run_id, self._pid, self._keeper = target, run_id, pid, keeper
        self._budget = target.stall_budget_ms / 1000
        self._look_every = max(0.005, min(_SLOWEST_LOOK, self._budget / 6))
        self._line, self._began, self._limit = 0, 0.0, 0.0
        self._waiting: dict[int, float] = {}
        self._ours: Connection | None = None
        self._armed, self._ended = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._look_on, name="stalls", daemon=True)

    def __enter__(self) -> Self:
        self._ours = session.another(self._target, self._run_id)
        self._thread.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._armed.set()
        self._thread.join()
        if self._ours is not None:
            self._ours.close()

    @contextmanager
    def over(self) -> Iterator[None]:
        """Watch while this is open: one try of a transaction, or of a statement."""
        self.stall, self.overrun, self._limit = None, None, 0.0
        self._waiting = {}
        self._armed.set()
        try:
            yield
        finally:
            self._armed.clear()

    def statement(self, line: int, limit_ms: float | None) -> None:
        """The statement of this line begins; it may take `limit_ms`, or as long as it likes."""
        self._line, self._began = line, time.monotonic()
        self._limit = (limit_ms or 0.0) / 1000

    def went_on(self) -> None:
        """What we waited for was granted."""
        self._limit = 0.0
        if self.blockers:
            self.blockers = self._keeper.waiting_on = []

    def cancel(self) -> None:
        """Cancel what the watched session does. Raises psycopg.Error."""
        self._session().execute("SELECT pg_cancel_backend(%s)", [self._pid])

    def _look_on(self) -> None:
        while self._armed.wait() and not self._ended.wait(self._look_every):
            try:
                self._look()
            except psycopg.Error as broken:
                log.warning("run %s: the stall watch lost its session: %s", self._run_id, broken)
                self._ended.wait(1.0)

    def _look(self) -> None:
        if not self._armed.is_set():
            return
        ours = self._session()
        blockers = ours.execute(_BLOCKERS, [self._pid]).fetchall()
        if blockers:
            self.blockers = self._keeper.waiting_on = [_blocker(row) for row in blockers]
        self._note_waiters([int(str(row[0])) for row in ours.execute(_WAITERS, [self._pid])])
        now = time.monotonic()
        longest = max((now - since for since in self._waiting.values()), default=0.0)
        if self._budget and longest + 2 * self._look_every >= self._budget and not self.stall:
            self.stall = Stall(round(longest * 1000), self._line)
        if self._limit and now - self._began > self._limit:
            self.overrun = self._limit * 1000
        if self.stall or self.overrun:
            self._keeper.cut_short()

    def _note_waiters(self, pids: list[int]) -> None:
        """When we saw each of them first, counted from the look before: never too short."""
        first = time.monotonic() - self._look_every
        self._waiting = {pid: self._waiting.get(pid, first) for pid in pids}

    def _session(self) -> Connection:
        if self._ours is None or self._ours.closed:
            self._ours = session.another(self._target, self._run_id)
        return self._ours


def _blocker(row: tuple[object, ...]) -> dict[str, Any]:
    query = " ".join(redact(str(row[2] or "")).split())[:_LONGEST_QUERY]
    return {
        "pid": row[0],
        "user": str(row[1] or ""),
        "query": query,
        "application": redact(str(row[3] or "")),
        "age_seconds": round(float(str(row[4] or 0)), 1),
    }


def in_words(blockers: list[dict[str, Any]]) -> str:
    """Who stood in the way, in one sentence."""
    return "; ".join(
        f"{each['user'] or 'a session'} (pid {each['pid']}, {each['application'] or 'no name'},"
        f" for {each['age_seconds']} s): {each['query'] or 'its query is not shown to us'}"
        for each in blockers
    )
