"""Watches over the lanes of one statement's backfill, and keeps its row for screens up to date."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, wait
from dataclasses import dataclass, field

import psycopg
from django.db import DatabaseError

from migrations_runner import holds
from migrations_runner.backfill import health
from migrations_runner.backfill.cursors import Part
from migrations_runner.backfill.gate import Gate
from migrations_runner.backfill.lanes import Lane
from migrations_runner.failures import Stopped
from migrations_runner.models import BackfillProgress
from migrations_runner.work import Work

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.25
_RATE_SECONDS = 10.0

#: Asked now and then: why the backfill is to rest, in words, or nothing.
Wish = Callable[[Work], str]


@dataclass
class Watch:
    """From the thread that holds the run's own session on the target."""

    work: Work
    gate: Gate
    lanes: Sequence[Lane]
    parts: Sequence[Part]
    row: BackfillProgress
    wish: Wish | None = None
    _samples: list[tuple[float, int]] = field(default_factory=list)

    def over(self, futures: Sequence[Future[None]]) -> None:
        """Until every lane has ended; what one raised stays in it. Raises Stopped on a cancel."""
        try:
            while True:
                _, going = wait(futures, timeout=LOOK_SECONDS, return_when=FIRST_EXCEPTION)
                if not going or any(each.done() and each.exception() for each in futures):
                    return
                self._look(len(going))
        finally:
            self._end(futures)
            self.note()

    def _look(self, going: int) -> None:
        keeper = self.work.run.keeper
        if keeper.stop.is_set():
            raise Stopped("Its finished batches stand; queue again, it goes on from there.")
        if keeper.paused:
            self._pause(going)
        waiting = health.others_wait(self.work.connection, self._pids())
        for lane in self.lanes:
            lane.pace.others_wait(waiting=waiting)
        self.gate.rest_for(self._reason())
        self.note()

    def _pause(self, going: int) -> None:
        self.gate.rest_for("a person: it is paused")
        if self.gate.parked >= going:
            self.note()
            self.work.run.keeper.rest()

    def _reason(self) -> str:
        if self.work.run.keeper.paused:
            return "a person: it is paused"
        return health.lag(self.work.connection) or self._held() or self._wished()

    def _held(self) -> str:
        try:
            standing = holds.standing(self.work.run.target)
        except DatabaseError:
            # Ours is away, so nobody can have set or lifted a hold meanwhile.
            return self.gate.why if self.gate.why.startswith("a hold") else ""
        return f"a hold by {standing[0].set_by}: {standing[0].reason}"[:300] if standing else ""

    def _wished(self) -> str:
        return self.wish(self.work) if self.wish is not None else ""

    def _pids(self) -> list[int]:
        return [
            lane.connection.info.backend_pid for lane in self.lanes if not lane.connection.closed
        ]

    def _end(self, futures: Sequence[Future[None]]) -> None:
        """Halt the lanes and cut short what they do, until all have ended."""
        self.gate.halt()
        while wait(futures, timeout=LOOK_SECONDS).not_done:
            for lane, future in zip(self.lanes, futures, strict=True):
                if not future.done():
                    _cancel(lane)

    def note(self) -> None:
        """Write how far it is; a failed write is none of the backfill's business."""
        done = sum(part.seen for part in self.parts)
        resting = self.gate.why or next((one.waits_for for one in self.lanes if one.waits_for), "")
        try:
            BackfillProgress.objects.filter(pk=self.row.pk).update(
                done=done,
                batch_rows=max((lane.pace.take for lane in self.lanes), default=0),
                rows_per_second=self._rate(done),
                waiting_for=resting[:300],
                ranges=[_shown(part) for part in self.parts],
            )
        except DatabaseError:
            log.warning("run %s: its progress was not written", self.work.run.run.pk)

    def _rate(self, done: int) -> float | None:
        """Rows a second over the last few seconds."""
        now = time.monotonic()
        self._samples = [each for each in self._samples if now - each[0] < _RATE_SECONDS]
        self._samples.append((now, done))
        first = self._samples[0]
        return round((done - first[1]) / (now - first[0]), 1) if now > first[0] else None


def _cancel(lane: Lane) -> None:
    try:
        lane.connection.cancel_safe(timeout=2.0)
    except psycopg.Error:
        log.info("a cancel request did not reach the target; it is sent again")


def _shown(part: Part) -> dict[str, object]:
    return {
        "part": part.number,
        "done": part.seen,
        "changed": part.changed,
        "batches": part.batches,
        "finished": part.done,
    }
