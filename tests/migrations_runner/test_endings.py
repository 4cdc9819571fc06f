"""How a run ends, or does not begin, when something around it is not as usual."""

from __future__ import annotations

import threading

import psycopg
import pytest
from django.db import OperationalError, connection

from migrations_runner import claims, execution, holds, hooks, progress, resolving, runs
from migrations_runner.models import MigrationRun
from migrations_runner.states import RunState
from migrations_runner.work import RunAtWork
from releases.models import TargetDatabase
from releases.timeline import Actor
from tests.migrations_runner.conftest import QueueRun

pytestmark = pytest.mark.django_db(transaction=True)
Target = psycopg.Connection[tuple[object, ...]]
ACTOR = Actor.command("test")


def go(run: MigrationRun) -> MigrationRun:
    execution.execute(run.pk)
    run.refresh_from_db()
    return run


def test_a_held_target_takes_no_queued_run_until_it_is_lifted(
    queue: QueueRun, target: TargetDatabase
) -> None:
    run = queue("SELECT 1")
    holds.hold(target=target, reason="looking", actor=ACTOR)
    assert claims.claim(run.pk) is None
    MigrationRun.objects.update(poked_at=None)
    assert claims.redispatch() == 0
    holds.lift(target=target, reason="fine", actor=ACTOR)
    assert go(run).state == RunState.SUCCEEDED


def test_a_run_names_its_worker(queue: QueueRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKER_NAME", "worker somewhere 7")
    assert go(queue("SELECT 1")).worker == "worker somewhere 7"


def test_a_word_is_taken_only_where_a_statement_is_open(queue: QueueRun) -> None:
    run = queue("SELECT 1")
    MigrationRun.objects.update(state=RunState.LOST)
    with pytest.raises(resolving.NothingOpen):
        resolving.settle(run=run, done=True, actor=ACTOR, reason="looked")
    run.refresh_from_db()
    assert run.state == RunState.LOST


def test_a_word_is_not_taken_while_somebody_else_has_the_lock(
    queue: QueueRun, on_target: Target
) -> None:
    run = queue("SELECT 1")
    MigrationRun.objects.update(state=RunState.LOST)
    on_target.execute("SELECT pg_advisory_lock(7316, 2)")
    with pytest.raises(resolving.CannotSettle, match="holds the target's lock"):
        resolving.settle(run=run, done=True, actor=ACTOR, reason="looked")


def test_a_fault_of_ours_leaves_the_run_to_the_resolver(
    queue: QueueRun, on_target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_run: RunAtWork) -> None:
        raise ValueError("a bug")

    monkeypatch.setattr(hooks, "PREFLIGHT", (broken,))
    run = go(queue("CREATE TABLE a (n int)"))
    assert run.state == RunState.LOST
    assert "ValueError" in run.error
    monkeypatch.setattr(hooks, "PREFLIGHT", ())
    resolving.reap()
    assert go(run).state == RunState.SUCCEEDED
    assert on_target.execute("SELECT to_regclass('a') IS NOT NULL").fetchone() == (True,)


def test_a_cancel_before_the_first_script_is_a_cancel(
    queue: QueueRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = threading.Event()

    def long_look(run: RunAtWork) -> None:
        begun.set()
        run.connection.execute("SELECT pg_sleep(600)")

    monkeypatch.setattr(hooks, "PREFLIGHT", (long_look,))
    run = queue("SELECT 1")

    def work() -> None:
        try:
            execution.execute(run.pk)
        finally:
            connection.close()

    worker = threading.Thread(target=work)
    worker.start()
    assert begun.wait(timeout=30)
    runs.cancel(run=run, actor=ACTOR)
    worker.join(timeout=30)
    assert not worker.is_alive()
    run.refresh_from_db()
    assert run.state == RunState.CANCELLED, run.error


def test_our_own_database_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "BEAT_SECONDS", 0.01)
    answers = iter([OperationalError("away"), OperationalError("away"), "written"])

    def write() -> str:
        answer = next(answers)
        if isinstance(answer, OperationalError):
            raise answer
        return str(answer)

    assert progress.patiently(write) == "written"
