"""What tests share that kill workers: how to start one, and how to go on after its death."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cache

from django.db.models.functions import Now

from migrations_runner import resolving
from migrations_runner.models import MigrationRun
from migrations_runner.states import AT_WORK, RunState
from tests import databases
from tests.migrations_runner.conftest import VARIABLE
from tests.migrations_runner.worker_that_dies import Point, Workers

NOWHERE = Point("nowhere", "")


@cache
def _workers(database_url: str) -> Workers:
    return Workers(database_url)


@contextmanager
def all_ended() -> Iterator[None]:
    """Around a module's tests: ends the processes that they started."""
    yield
    _workers(databases.control_url()).close()
    _workers.cache_clear()


def work_until(point: Point, run: MigrationRun, *, after: float = 0.02) -> int:
    """A worker that dies at the point; its exit code."""
    environment = {VARIABLE: os.environ[VARIABLE]}
    workers = _workers(databases.control_url())
    return workers.work(point, run.pk, after=after, **environment)


def work(run: MigrationRun, function: str = "", when: str = "after", nth: int = 1) -> int:
    """The same for a point without a name; without any function the worker lives."""
    return work_until(Point("unnamed", function, when, nth), run)


def pass_time(run: MigrationRun) -> None:
    """As if the heartbeat were long ago."""
    MigrationRun.objects.filter(pk=run.pk, state__in=AT_WORK).update(
        heartbeat_at=Now() - timedelta(hours=1)
    )


def look(run: MigrationRun) -> RunState:
    """Let the reaper look after a while."""
    pass_time(run)
    resolving.reap()
    run.refresh_from_db()
    return RunState(run.state)


def go_on(run: MigrationRun) -> RunState:
    """What `manage.py worker` does from here on, until the run has ended."""
    for _ in range(5):
        state = look(run)
        if state != RunState.QUEUED:
            return state
        assert work_until(NOWHERE, run) == 0
    return look(run)
