"""Nobody waits for a run for longer than the target's stall budget; and a run waits with an end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest
from django.conf import settings
from django.db import connection

from migrations_runner import execution, runs
from migrations_runner.failures import HeldUsersTooLong, LockNotGranted, TookTooLong
from migrations_runner.models import (
    MigrationRun,
    Rehearsal,
    RehearsedScript,
    RehearsedStatement,
    Statement,
)
from migrations_runner.states import RunState
from releases.models import TargetDatabase
from releases.timeline import Actor
from tests.migrations_runner.conftest import QueueRun

pytestmark = pytest.mark.django_db(transaction=True)
Target = psycopg.Connection[tuple[object, ...]]
ACTOR = Actor.command("test")
NOTHING_YET: list[object] = []


@contextmanager
def at_work(run: MigrationRun) -> Iterator[threading.Thread]:
    """A worker's thread; joined at the end."""

    def work() -> None:
        try:
            execution.execute(run.pk)
        finally:
            connection.close()

    worker = threading.Thread(target=work)
    worker.start()
    try:
        yield worker
    finally:
        worker.join(timeout=60)
        assert not worker.is_alive()
        run.refresh_from_db()


def until(true: Callable[[], bool], what: str) -> None:
    """Look again and again, for a minute at most."""
    deadline = time.monotonic() + 30
    while not true():
        if time.monotonic() > deadline:
            pytest.fail(f"never: {what}")


def state_of(run: MigrationRun) -> str:
    return MigrationRun.objects.values_list("state", flat=True).get(pk=run.pk)


def waiting_on(run: MigrationRun) -> list[dict[str, object]]:
    found: list[dict[str, object]] = MigrationRun.objects.values_list("waiting_on", flat=True).get(
        pk=run.pk
    )
    return found


def waits_for_another_try(run: MigrationRun) -> bool:
    tried = Statement.objects.filter(run_script__run=run, output__startswith="It is tried again.")
    return bool(tried.filter(state__in=["pending", "running"]).exists())


def test_a_lock_that_is_never_granted_ends_in_a_refusal_that_names_who_holds_it(
    queue: QueueRun, on_target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "RUN_LOCK_SECONDS", 1)
    on_target.execute("CREATE TABLE busy (n int)")
    on_target.execute("BEGIN; LOCK TABLE busy IN ACCESS SHARE MODE; SELECT 'password=x'")
    run = queue("ALTER TABLE busy ADD COLUMN m int;")
    with at_work(run):
        pass
    on_target.execute("ROLLBACK")
    assert run.state == RunState.FAILED
    assert (LockNotGranted.__doc__ or "") in run.error
    assert f"pid {on_target.info.backend_pid}" in run.error
    assert "password=x" not in run.error
    row = run.scripts.get().statements.get()
    assert (row.state, row.output.partition(" (")[0]) == (
        "failed",
        "canceling statement due to lock timeout",
    )


def test_a_lock_is_tried_for_until_it_is_free_and_the_page_names_the_blockers(
    queue: QueueRun, on_target: Target
) -> None:
    on_target.execute("CREATE TABLE busy (n int)")
    on_target.execute("BEGIN; LOCK TABLE busy IN ACCESS SHARE MODE; SELECT 'it is me'")
    run = queue("CREATE TABLE first (n int); ALTER TABLE busy ADD COLUMN m int;")
    with at_work(run):
        until(lambda: bool(waiting_on(run)), "a blocker on the page")
        (blocker,) = waiting_on(run)
        until(lambda: waits_for_another_try(run), "a statement that is tried again")
        on_target.execute("COMMIT")
    assert blocker["pid"] == on_target.info.backend_pid
    assert "it is me" in str(blocker["query"])
    assert run.state == RunState.SUCCEEDED, run.error
    assert run.waiting_on == NOTHING_YET
    assert [row.state for row in run.scripts.get().statements.all()] == ["applied", "applied"]


def test_outside_a_transaction_only_the_statement_is_tried_again(
    queue: QueueRun, on_target: Target
) -> None:
    on_target.execute("CREATE TABLE busy (n int)")
    on_target.execute("BEGIN; INSERT INTO busy VALUES (1)")
    run = queue(
        "CREATE TABLE first (n int); CREATE INDEX CONCURRENTLY i ON busy (n);"
        "ALTER TABLE busy ADD COLUMN m int;"
    )
    with at_work(run):
        until(lambda: bool(waiting_on(run)), "a blocker on the page")
        on_target.execute("COMMIT")
    assert run.state == RunState.SUCCEEDED, run.error
    valid = on_target.execute("SELECT indisvalid FROM pg_index WHERE indrelid = 'busy'::regclass")
    assert valid.fetchall() == [(True,)]


def test_who_waits_for_a_lock_that_the_run_holds_waits_no_longer_than_the_budget(
    queue: QueueRun, target_url: str, on_target: Target
) -> None:
    on_target.execute("CREATE TABLE busy (n int)")
    run = queue("LOCK TABLE busy;\nSELECT pg_sleep(600);")
    waits: list[float] = []

    def use() -> None:
        with psycopg.connect(target_url, autocommit=True) as user:
            while state_of(run) in {RunState.QUEUED, RunState.RUNNING}:
                began = time.monotonic()
                user.execute("SELECT count(*) FROM busy")
                waits.append(time.monotonic() - began)
        connection.close()

    user = threading.Thread(target=use)
    with at_work(run):
        user.start()
    user.join(timeout=30)
    assert run.state == RunState.FAILED
    assert (HeldUsersTooLong.__doc__ or "") in run.error
    assert "line 2" in run.error
    assert max(waits) < 5  # not 600: how close to the 200 ms it comes is for the benchmark to say


def test_a_statement_that_exceeds_its_rehearsal_by_far_is_stopped(
    queue: QueueRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("migrations_runner.rehearsed.LEAST_MS", 50.0)
    run = queue("SELECT 1;\nSELECT pg_sleep(600);")
    rehearsal = Rehearsal.objects.create(
        run=run, state="passed", clone_kind="template", requested_by_name="t"
    )
    script = RehearsedScript.objects.create(
        rehearsal=rehearsal, position=0, name="1.sql", sha256=run.scripts.get().sha256
    )
    for index in range(2):
        RehearsedStatement.objects.create(
            script=script, index=index, line=1, kind="SELECT", milliseconds=5
        )
    with at_work(run):
        pass
    assert run.state == RunState.FAILED
    assert (TookTooLong.__doc__ or "") in run.error
    assert "line 2" in run.error


def test_a_pause_rolls_back_rests_and_goes_on(queue: QueueRun, on_target: Target) -> None:
    on_target.execute("SELECT pg_advisory_lock(1)")
    TargetDatabase.objects.update(stall_budget_ms=0)
    run = queue("CREATE TABLE a (n int);", "INSERT INTO a VALUES (1); SELECT pg_advisory_lock(1);")
    with at_work(run):
        until(lambda: bool(waiting_on(run)), "the run waits")
        runs.pause(run=run, actor=ACTOR)
        until(lambda: state_of(run) == RunState.PAUSED, "paused")
        assert on_target.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s AND state <> 'idle'",
            [f"rc-run-{run.pk}"],
        ).fetchone() == (0,)
        assert on_target.execute("SELECT count(*) FROM a").fetchone() == (0,)
        on_target.execute("SELECT pg_advisory_unlock(1)")
        runs.resume(run=run, actor=ACTOR)
    assert run.state == RunState.SUCCEEDED, run.error
    assert on_target.execute("SELECT count(*) FROM a").fetchone() == (1,)


def test_a_paused_run_is_cancelled(queue: QueueRun, on_target: Target) -> None:
    on_target.execute("SELECT pg_advisory_lock(1)")
    run = queue("SELECT pg_advisory_lock(1);")
    with at_work(run):
        until(lambda: bool(waiting_on(run)), "the run waits")
        runs.pause(run=run, actor=ACTOR)
        until(lambda: state_of(run) == RunState.PAUSED, "paused")
        runs.cancel(run=run, actor=ACTOR)
    assert run.state == RunState.CANCELLED


def test_only_a_run_at_work_is_paused_and_only_a_paused_one_resumed(queue: QueueRun) -> None:
    run = queue("SELECT 1")
    with pytest.raises(runs.NotRunning):
        runs.pause(run=run, actor=ACTOR)
    with pytest.raises(runs.NotPaused):
        runs.resume(run=run, actor=ACTOR)
