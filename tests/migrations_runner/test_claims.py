"""Who gets a run: queued once, claimed once, one at a time on a target, nothing after a fence."""

from __future__ import annotations

import threading

import psycopg
import pytest
from django_q.models import OrmQ

from migrations_runner import claims, execution, resolving, runs
from migrations_runner.endings import Outcome
from migrations_runner.keys import key_of
from migrations_runner.models import AppliedScript, MigrationRun
from migrations_runner.progress import Progress
from migrations_runner.states import RunState, StepState
from tests.migrations_runner.conftest import QueueRun
from tests.migrations_runner.test_runs import one, run_it, work_on

pytestmark = pytest.mark.django_db(transaction=True)
Target = psycopg.Connection[tuple[object, ...]]


def test_a_double_click_queues_once(queue: QueueRun) -> None:
    first = queue("SELECT 1;")
    with pytest.raises(runs.AlreadyQueued, match=f"See run {first.pk}"):
        queue("SELECT 1;")
    assert MigrationRun.objects.count() == 1


def test_queueing_pokes_a_worker_with_nothing_but_the_id(queue: QueueRun) -> None:
    run = queue("SELECT 1;")
    task = OrmQ.objects.get().task
    assert (task["func"], task["args"]) == ("migrations_runner.tasks.run_migration", (run.pk,))


def test_a_redelivered_poke_changes_nothing(queue: QueueRun, on_target: Target) -> None:
    run = run_it(queue("CREATE TABLE a (n int); INSERT INTO a VALUES (1);"))
    execution.execute(run.pk)
    execution.execute(10**6)
    assert one(on_target, "SELECT count(*) FROM a") == 1
    assert MigrationRun.objects.get().claims == 1


def test_two_workers_at_once_claim_once(queue: QueueRun, on_target: Target) -> None:
    run = queue("CREATE TABLE a (n int); INSERT INTO a VALUES (1);")
    start = threading.Barrier(2)

    def work() -> None:
        start.wait(timeout=10)
        work_on(run)

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=60)
    run.refresh_from_db()
    assert (run.state, run.claims) == (RunState.SUCCEEDED, 1)
    assert one(on_target, "SELECT count(*) FROM a") == 1


def test_a_target_is_worked_on_by_one_run_at_a_time_in_order(queue: QueueRun) -> None:
    first, second = queue("SELECT 1;"), queue("SELECT 2;")
    assert claims.claim(second.pk) is None
    held = claims.claim(first.pk)
    assert held is not None
    assert claims.claim(second.pk) is None
    assert claims.redispatch() == 0
    assert claims.finish(held, Outcome(RunState.SUCCEEDED))
    assert claims.claim(second.pk) is not None


def test_a_run_that_nobody_took_is_poked_again(queue: QueueRun) -> None:
    run = queue("SELECT 1;")
    OrmQ.objects.all().delete()  # the poke is lost
    assert claims.redispatch() == 0  # it was poked just now
    MigrationRun.objects.filter(pk=run.pk).update(poked_at=None)
    assert claims.redispatch() == 1
    assert OrmQ.objects.count() == 1


def test_a_fenced_worker_can_write_nothing_more(queue: QueueRun) -> None:
    run = queue("SELECT 1;")
    held = claims.claim(run.pk)
    assert held is not None
    MigrationRun.objects.filter(pk=run.pk).update(heartbeat_at="2026-01-01T00:00Z")
    assert resolving.reap() == 2  # lost, and queued again: nothing had been done
    assert claims.beat(held) == claims.Wish(ours=False)
    assert claims.finish(held, Outcome(RunState.SUCCEEDED)) is False
    run.refresh_from_db()
    assert run.state == RunState.QUEUED


def test_what_a_fenced_worker_noted_is_not_written(queue: QueueRun) -> None:
    run = queue("SELECT 1")
    held = claims.claim(run.pk)
    assert held is not None
    script = run.scripts.get()
    progress = Progress(held)
    progress.mark(script, StepState.RUNNING)
    progress.write()
    script.refresh_from_db()
    assert script.state == StepState.RUNNING
    MigrationRun.objects.filter(pk=run.pk).update(token=None, state=RunState.LOST)
    progress.mark(script, StepState.APPLIED)
    progress.applied(claims.applied(run, script, key_of(run, script)))
    progress.write()
    script.refresh_from_db()
    assert script.state == StepState.RUNNING
    assert not AppliedScript.objects.exists()
