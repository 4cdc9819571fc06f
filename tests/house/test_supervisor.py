"""The worker's steps, one at a time: what it notices, when it ends a cluster and when never."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.utils.module_loading import import_string
from django_q.models import OrmQ

from migrations_runner.models import MigrationRun
from migrations_runner.states import RunState
from releasecontrol import canary, schedule
from releasecontrol.supervisor import Supervisor
from releases.models import Environment, Heartbeat, TargetDatabase

SILENT = (sys.executable, "-c", "input()")  # reads nothing and ends
DEAF = (sys.executable, "-c", "import signal; signal.pause()")  # runs and does no task


@pytest.fixture
def wedged(db: None) -> Iterator[Supervisor]:
    """A supervisor whose cluster runs but has answered no canary for longer than allowed."""
    supervisor = Supervisor(name="worker test", command=DEAF, stale=30)
    supervisor.tend(0)
    assert supervisor.send(10)
    yield supervisor
    supervisor.stop_cluster(grace=0)


@pytest.fixture
def run(staging: Environment) -> MigrationRun:
    target = TargetDatabase.objects.create(
        name="staging", environment=staging, url_variable="TARGET_STAGING_URL"
    )
    return MigrationRun.objects.create(
        target=target, state=RunState.RUNNING, batch_hash="x", requested_by_name="Ana"
    )


def test_a_cluster_that_takes_no_task_is_ended_and_started_again(wedged: Supervisor) -> None:
    cluster = wedged.cluster
    assert not wedged.listen(40)  # not yet too long
    assert wedged.listen(41)
    assert cluster is not None
    assert cluster.returncode is not None
    assert wedged.cluster is None
    assert not wedged.tend(41.4)
    assert wedged.tend(41.5)
    assert wedged.starts == 2


def test_a_run_of_another_worker_does_not_save_a_silent_cluster(
    wedged: Supervisor, run: MigrationRun
) -> None:
    MigrationRun.objects.update(heartbeat_at=Now(), worker="worker elsewhere 1")
    assert wedged.listen(1000)
    assert wedged.cluster is None


def test_a_silent_cluster_is_never_ended_under_a_run_that_is_alive(
    wedged: Supervisor, run: MigrationRun
) -> None:
    MigrationRun.objects.update(heartbeat_at=Now(), worker="worker test")
    assert not wedged.listen(1000)
    assert wedged.cluster is not None
    MigrationRun.objects.update(heartbeat_at=Now() - timedelta(hours=1))
    assert wedged.listen(1000)
    assert wedged.cluster is None


def test_a_song_of_our_own_cluster_ends_the_waiting_and_anothers_does_not(
    wedged: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(canary.NAME_VARIABLE, "worker elsewhere")
    canary.sing()
    assert not wedged.listen(11)
    assert wedged.silent(41)
    monkeypatch.setenv(canary.NAME_VARIABLE, wedged.name)
    canary.sing()
    assert wedged.listen(11)
    assert not wedged.silent(41)


def test_a_worker_gives_a_sign_of_life_only_while_its_cluster_works(wedged: Supervisor) -> None:
    assert not wedged.beat(12)  # nothing was heard yet
    canary.mark(f"cluster of {wedged.name}", {})
    wedged.listen(12)
    assert wedged.beat(12)
    wedged.send(13)
    assert not wedged.beat(60)
    assert Heartbeat.objects.get(name="worker test").detail == {"restarts": 0, "failing": {}}


def test_canaries_wait_in_the_queue_for_whoever_comes(wedged: Supervisor) -> None:
    assert OrmQ.objects.count() == 1
    assert not wedged.send(11)  # not more often than every two seconds
    assert wedged.send(12)
    assert OrmQ.objects.count() == 2


def test_a_cluster_that_ends_at_once_is_started_ever_more_slowly(db: None) -> None:
    supervisor = Supervisor(name="worker test", command=SILENT)
    pauses = []
    for start in (100.0, 200.0, 300.0):
        assert supervisor.tend(start)
        assert supervisor.cluster is not None
        supervisor.cluster.wait(30)
        assert supervisor.tend(start + 1)
        pauses.append(supervisor.start_due - start - 1)
    assert pauses == [0.5, 1.0, 2.0]


# --- Periodic jobs ----------------------------------------------------------------------------
def test_every_periodic_job_exists() -> None:
    for job in schedule.JOBS:
        assert callable(import_string(job.does)), job


def test_only_one_of_two_hosts_leads_until_it_leaves(db: None) -> None:
    one, two = schedule.Leadership(), schedule.Leadership()
    try:
        assert [one.held(), two.held(), one.held()] == [True, False, True]
        one.release()
        assert two.held()
    finally:
        one.release()
        two.release()


def test_a_leader_whose_session_was_cut_is_leader_no_more_until_it_asks_again(db: None) -> None:
    one, two = schedule.Leadership(), schedule.Leadership()
    try:
        assert one.held()
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_locks"
                " WHERE locktype = 'advisory' AND granted"
                " AND ((classid::bigint << 32) | objid::bigint) = %s",
                [schedule.LOCK],
            )
        assert two.held()
        assert not one.held()
    finally:
        one.release()
        two.release()


calls: list[str] = []


def _useful() -> int:
    calls.append("useful")
    return 1


def _broken() -> int:
    raise LookupError("the source is away")


def test_a_broken_job_is_told_and_does_not_stop_the_others() -> None:
    calls.clear()
    here = __name__
    timetable = schedule.Timetable(
        (schedule.Job("a", 10, f"{here}._broken"), schedule.Job("b", 5, f"{here}._useful"))
    )
    assert timetable.step(100)
    assert timetable.failing == {"a": "the source is away"}
    assert not timetable.step(104)
    assert timetable.step(105)
    assert calls == ["useful", "useful"]


@pytest.mark.django_db
def test_prune_forgets_only_what_is_older_than_a_week() -> None:
    Heartbeat.objects.create(name="old", at=Now() - timedelta(days=8))
    Heartbeat.objects.create(name="new", at=Now() - timedelta(days=6))
    assert schedule.prune() == 1
    assert Heartbeat.objects.get().name == "new"
