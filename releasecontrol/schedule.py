"""Every periodic job of the house, on one page.

One worker host runs them: the one that holds an advisory lock on the control database. If it
dies, its session ends, the lock is free, and the next host goes on. Each job may be run twice or
late without harm; each answers how many things it did.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db import DatabaseError, InterfaceError, close_old_connections, connections
from django.db.models.functions import Now
from django.utils.module_loading import import_string
from django_q.models import Failure

from releases.models import Heartbeat

logger = logging.getLogger(__name__)

LOCK = 0x52435F4A4F4253  # "RC_JOBS": one number for all hosts, within the control database
TICK_SECONDS = 0.5
KEEP = timedelta(days=7)


@dataclass(frozen=True)
class Job:
    name: str
    every: float
    """Seconds from one start to the next."""
    does: str
    """Dotted path of a callable without arguments that answers how many things it did."""


JOBS = (
    Job("carry out scheduled changes of flags", 1, "flags.changing.scheduling.carry_out_due"),
    Job("poke queued runs again", 2, "migrations_runner.claims.redispatch"),
    Job("find lost runs", 2, "migrations_runner.resolving.reap"),
    Job("poke rehearsals again", 2, "migrations_runner.rehearsal.verbs.redispatch"),
    Job("throw away lost clones", 2, "migrations_runner.rehearsal.verbs.reap"),
    Job("find lost backups", 5, "migrations_runner.backup.claims.reap"),
    Job("look at targets", 30, "migrations_runner.target_reports.refresh"),
    Job("look for contradictions", 60, "migrations_runner.integrity.look"),
    Job("remove old backups", 3600, "migrations_runner.backup.retention.sweep"),
    Job("forget data that no script has any more", 3600, "migrations_runner.data_blocks.forget"),
    Job("forget rows kept for an undo", 3600, "migrations_runner.undo.retention.purge"),
    Job("ask for users of a target again", 5, "releasecontrol.samples.redispatch"),
    Job("forget samples of users", 3600, "flags.changing.samples.forget"),
    Job("forget old counts of flags", 3600, "flags.lifecycle.stale.forget"),
    Job("forget clients that are gone", 3600, "flags.serving.propagation.forget"),
    Job("prune", 3600, "releasecontrol.schedule.prune"),
)


def prune() -> int:
    """Forget failed queue tasks and silent processes after a week: rows of ours hold the record."""
    limit = Now() - KEEP
    failures: int = Failure.objects.filter(stopped__lt=limit).delete()[0]
    return failures + Heartbeat.objects.filter(at__lt=limit).delete()[0]


class Leadership:
    """The advisory lock that makes one host the one that runs the jobs."""

    def __init__(self) -> None:
        # A connection of its own: the lock lives exactly as long as this session.
        self._connection = connections.create_connection("default")
        self._held = False

    def held(self) -> bool:
        """Ask the database, each time: a lost session is a lost lock. False if it can't tell."""
        question = "SELECT true" if self._held else "SELECT pg_try_advisory_lock(%s)"
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(question, None if self._held else [LOCK])
                self._held = bool(cursor.fetchone()[0])
        except (DatabaseError, InterfaceError):
            self.release()
        return self._held

    def release(self) -> None:
        self._held = False
        self._connection.close()


class Timetable:
    """When each job is due next. Intervals are seconds of the monotonic clock."""

    def __init__(self, jobs: Sequence[Job] = JOBS) -> None:
        self._due = dict.fromkeys(jobs, 0.0)
        self.failing: dict[str, str] = {}

    def step(self, now: float) -> bool:
        """Run every job that is due. Did any of them find work?"""
        due = [job for job, at in self._due.items() if at <= now]
        for job in due:
            self._due[job] = now + job.every
        return sum(self._run(job) for job in due) > 0

    def _run(self, job: Job) -> bool:
        """One broken job must not keep the others from running; it is told once, until it heals."""
        try:
            done = int(import_string(job.does)())
        except Exception as broken:
            if self.failing.get(job.name) != str(broken):
                logger.exception("The job %r failed", job.name, extra={"action": "job.failed"})
            self.failing[job.name] = str(broken)
            return False
        if self.failing.pop(job.name, None) is not None:
            logger.info("The job %r works again", job.name, extra={"action": "job.healed"})
        return done > 0


def run_until(stopping: threading.Event, *, timetable: Timetable) -> None:
    """Run due jobs while we lead, until told to stop. Call it in the thread it is to run in."""
    leadership = Leadership()
    while not stopping.wait(TICK_SECONDS):
        if leadership.held():
            timetable.step(time.monotonic())
        close_old_connections()
    leadership.release()
    connections.close_all()
