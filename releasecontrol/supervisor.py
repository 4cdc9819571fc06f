"""What `manage.py worker` runs: a django-q2 cluster that is watched, and the periodic jobs.

The cluster is a child on a leash, in a process group of its own: when we are killed it ends too,
and when any part of it dies or falls silent, all of it is ended and started again.
"""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.db import DatabaseError, InterfaceError, close_old_connections, connections
from django.db.models.functions import Now

from migrations_runner.models import MigrationRun
from migrations_runner.states import AT_WORK
from releasecontrol import canary, leash, schedule

logger = logging.getLogger(__name__)

CLUSTER = (sys.executable, "manage.py", "qcluster")
TICK_SECONDS = 0.5
CANARY_SECONDS = 2.0
BEAT_SECONDS = 2.0
LEASH_SECONDS = 2.0  # patience with the cluster when we ourselves were killed


def own_name() -> str:
    """`worker <host> <pid>`: what /readyz looks for begins with "worker"."""
    return f"worker {socket.gethostname()} {os.getpid()}"


def fresh_runs(worker: str) -> list[int]:
    """Runs that this worker's cluster is busy with right now: it must not be ended."""
    limit = Now() - timedelta(seconds=settings.RUN_STALE_SECONDS)
    running = MigrationRun.objects.filter(state__in=AT_WORK, heartbeat_at__gte=limit, worker=worker)
    return list(running.values_list("pk", flat=True))


@dataclass
class Supervisor:
    """Steps that a loop calls again and again; each answers whether it found work.

    All instants are seconds of the monotonic clock, `heard` excepted.
    """

    name: str = field(default_factory=own_name)
    command: Sequence[str] = CLUSTER
    stale: float = 30.0
    """Seconds without a song after which the cluster counts as wedged."""
    cluster: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    start_due: float = 0.0
    starts: int = 0
    pause: leash.Pause = field(default_factory=leash.Pause)
    heard: datetime | None = None
    sent: float = 0.0
    waiting_since: float | None = None
    """Since when a canary of ours is unanswered; None also when nobody can tell."""
    beaten: float = 0.0
    timetable: schedule.Timetable = field(default_factory=schedule.Timetable)

    # --- The cluster process ---
    def tend(self, now: float) -> bool:
        """Start the cluster when it is due; notice when it ended by itself."""
        if self.cluster is None:
            return now >= self.start_due and self._start(now)
        if not leash.exited(self.cluster):
            return False
        self._ended(now, f"ended with code {self.cluster.returncode}")
        return True

    def _start(self, now: float) -> bool:
        self.starts += 1
        self.started, self.waiting_since = now, None
        self.cluster = leash.start(
            self.command, grace=LEASH_SECONDS, env=os.environ | {canary.NAME_VARIABLE: self.name}
        )
        return True

    def _ended(self, now: float, how: str) -> None:
        self.cluster = None
        pause = self.pause.after(now - self.started)
        self.start_due = now + pause
        logger.warning(
            "The cluster %s; it is started again in %s s",
            how,
            pause,
            extra={"action": "cluster.end"},
        )

    # --- The canary ---
    def listen(self, now: float) -> bool:
        """Hear the last song; end a cluster that fell silent, unless a run is alive in it."""
        heard = canary.heard_at(self.name)
        if heard != self.heard:
            self.heard, self.waiting_since = heard, None
            return True
        if self.cluster is None or not self.silent(now) or fresh_runs(self.name):
            return False
        leash.kill(self.cluster)
        self._ended(now, f"took no task for {self.stale:g} s and was killed")
        return True

    def silent(self, now: float) -> bool:
        return self.waiting_since is not None and now - self.waiting_since > self.stale

    def send(self, now: float) -> bool:
        """Queue the next canary."""
        if self.cluster is None or now - self.sent < min(CANARY_SECONDS, self.stale / 3):
            return False
        canary.send()
        self.sent = now
        if self.waiting_since is None:
            self.waiting_since = now
        return True

    # --- Our own sign of life ---
    def beat(self, now: float) -> bool:
        """Say that this worker does work: its cluster sang lately, or is busy with a run."""
        if now - self.beaten < BEAT_SECONDS or self.heard is None or self.cluster is None:
            return False
        if self.silent(now) and not fresh_runs(self.name):
            return False
        self.beaten = now
        canary.mark(self.name, {"restarts": self.starts - 1, "failing": self.timetable.failing})
        return True

    # --- The loop ---
    def step(self, now: float) -> bool:
        """One round. A database that does not answer is no reason to end anything."""
        found = self.tend(now)
        try:
            return any([found, self.listen(now), self.send(now), self.beat(now)])
        except (DatabaseError, InterfaceError) as failed:
            logger.warning("The database does not answer: %s", str(failed).strip())
            self.waiting_since = None
            return found
        finally:
            close_old_connections()

    def run(self, stopping: threading.Event, *, grace: float) -> None:
        """Watch until told to stop; then give running work `grace` seconds."""
        jobs = self._start_jobs(stopping)
        while not stopping.wait(TICK_SECONDS):
            self.step(time.monotonic())
            if not jobs.is_alive():
                logger.error("The jobs' thread ended by itself; it is started again")
                jobs = self._start_jobs(stopping)
        self.stop_cluster(grace=grace)
        self._sign_off()
        jobs.join(grace)

    def _start_jobs(self, stopping: threading.Event) -> threading.Thread:
        jobs = threading.Thread(
            target=schedule.run_until,
            args=(stopping,),
            kwargs={"timetable": self.timetable},
            name="jobs",
            daemon=True,
        )
        jobs.start()
        return jobs

    def stop_cluster(self, *, grace: float) -> None:
        if self.cluster is not None and not leash.stop(self.cluster, grace=grace):
            logger.warning("The cluster did not stop within %s s and was killed", grace)

    def _sign_off(self) -> None:
        try:
            canary.forget(self.name)
        except (DatabaseError, InterfaceError):
            logger.info("No database to sign off at")
        connections.close_all()
