"""kill -9 of a real worker at named points: afterwards the ledger and the effects agree.

Each case starts a worker process that dies at the point, then does what `manage.py worker` does:
the reaper looks, and whoever finds the run queued again carries it out.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db.models.functions import Now

from migrations_runner import execution, ledger, resolving
from migrations_runner.keys import key_of
from migrations_runner.models import MigrationRun
from migrations_runner.states import RunState
from tests import databases
from tests.migrations_runner.conftest import QueueRun

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True)]
ROOT = Path(__file__).resolve().parents[2]
WORKER = (sys.executable, "-m", "tests.migrations_runner.worker_that_dies")
Target = psycopg.Connection[tuple[object, ...]]

SCHEMA = "CREATE TABLE effects (script text, at timestamptz DEFAULT clock_timestamp());"
ONE = "INSERT INTO effects (script) VALUES ('one'); SELECT count(*) FROM effects;"
TWO = "INSERT INTO effects (script) VALUES ('two');"

POINTS = [
    ("migrations_runner.claims:claim", "after", 1),
    ("migrations_runner.session:try_lock", "after", 1),
    ("migrations_runner.ledger:prepare", "after", 1),
    ("migrations_runner.execution:mark", "after", 1),
    ("migrations_runner.session:refresh", "after", 1),
    ("migrations_runner.ledger:record_applied", "before", 1),
    ("migrations_runner.ledger:record_applied", "after", 1),
    ("migrations_runner.steps:do", "before", 1),
    ("migrations_runner.steps:do", "after", 1),
    ("migrations_runner.steps:do", "after", 2),
    ("migrations_runner.execution:mark", "before", 2),
    ("migrations_runner.claims:remember_applied", "after", 1),
    ("migrations_runner.ledger:record_applied", "after", 2),
    ("migrations_runner.execution:mark", "before", 4),
    ("migrations_runner.claims:finish", "before", 1),
    ("migrations_runner.claims:finish", "after", 1),
]


def work(run: MigrationRun, point: str = "nowhere", when: str = "after", nth: int = 1) -> int:
    """Run a worker process to its end; the answer is its exit code."""
    return subprocess.run(
        [*WORKER, point, when, str(nth), str(run.pk)],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": databases.control_url()},
        timeout=120,
        check=False,
    ).returncode


def look(run: MigrationRun) -> RunState:
    """Let the reaper look as if the heartbeat were long ago."""
    MigrationRun.objects.filter(pk=run.pk, state=RunState.RUNNING).update(
        heartbeat_at=Now() - timedelta(hours=1)
    )
    resolving.reap()
    run.refresh_from_db()
    return RunState(run.state)


def effects(target: Target) -> dict[str, int]:
    rows = target.execute("SELECT script, count(*) FROM effects GROUP BY script").fetchall()
    return {str(script): int(str(count)) for script, count in rows}


@pytest.mark.parametrize(("point", "when", "nth"), POINTS)
def test_a_killed_worker_applies_nothing_twice_and_forgets_nothing(
    queue: QueueRun, on_target: Target, point: str, when: str, nth: int
) -> None:
    on_target.execute(SCHEMA)
    run = queue(ONE, TWO)
    assert work(run, point, when, nth) == -signal.SIGKILL
    state = look(run)
    if state == RunState.QUEUED:
        assert work(run) == 0
        run.refresh_from_db()
        state = RunState(run.state)
    assert state == RunState.SUCCEEDED, (run.error, run.next_step)
    assert effects(on_target) == {"one": 1, "two": 1}
    recorded = on_target.execute("SELECT name, state FROM release_control.ledger").fetchall()
    assert sorted(recorded) == [("1.sql", "applied"), ("2.sql", "applied")]


APART = (
    "CREATE INDEX CONCURRENTLY one ON effects (script);"
    "CREATE INDEX CONCURRENTLY two ON effects (at);"
)


@pytest.mark.parametrize(
    ("point", "when", "nth"),
    [
        ("migrations_runner.ledger:record_started", "after", 1),
        ("migrations_runner.ledger:note_progress", "before", 1),
        ("migrations_runner.ledger:record_finished", "before", 1),
        ("migrations_runner.ledger:record_finished", "after", 1),
    ],
)
def test_a_script_without_a_transaction_resumes_where_that_is_known(
    queue: QueueRun, on_target: Target, point: str, when: str, nth: int
) -> None:
    on_target.execute(SCHEMA)
    run = queue(APART)
    assert work(run, point, when, nth) == -signal.SIGKILL
    if look(run) == RunState.QUEUED:
        assert work(run) == 0
        run.refresh_from_db()
    assert run.state == RunState.SUCCEEDED, (run.error, run.next_step)
    assert indexes(on_target) == {"one", "two"}


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_statement_that_nobody_knows_of_waits_for_a_person(
    queue: QueueRun, on_target: Target, when: str
) -> None:
    on_target.execute(SCHEMA)
    run = queue(APART)
    assert work(run, "migrations_runner.steps:do", when, 2) == -signal.SIGKILL
    assert look(run) == RunState.LOST
    assert "during its statement 2" in run.next_step
    assert look(run) == RunState.LOST  # it never goes on by itself
    answer = "--done" if when == "after" else "--not-done"
    call_command("settle_run", str(run.pk), answer, "--reason", "looked at pg_index")
    assert look(run) == RunState.QUEUED
    execution.execute(run.pk)
    run.refresh_from_db()
    assert run.state == RunState.SUCCEEDED, (run.error, run.next_step)
    assert indexes(on_target) == {"one", "two"}


def test_only_a_lost_run_is_settled(queue: QueueRun) -> None:
    run = queue(ONE)
    with pytest.raises(CommandError, match="not waiting for anybody"):
        call_command("settle_run", str(run.pk), "--done", "--reason", "r")
    with pytest.raises(CommandError, match="no run 999"):
        call_command("settle_run", "999", "--done", "--reason", "r")


def test_a_worker_killed_inside_a_statement_leaves_no_session_behind(
    queue: QueueRun, on_target: Target
) -> None:
    on_target.execute(SCHEMA)
    on_target.execute("SELECT pg_advisory_lock(1)")
    run = queue("INSERT INTO effects VALUES ('one'); SELECT pg_advisory_lock(1);")
    worker = subprocess.Popen(
        [*WORKER, "nowhere", "after", "1", str(run.pk)],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": databases.control_url()},
    )
    wait_until_waiting(on_target, run)
    worker.kill()
    worker.wait(timeout=30)
    assert look(run) == RunState.QUEUED
    on_target.execute("SELECT pg_advisory_unlock(1)")
    assert effects(on_target) == {}
    execution.execute(run.pk)
    assert effects(on_target) == {"one": 1}


def test_three_dead_workers_in_a_row_end_the_run(queue: QueueRun, on_target: Target) -> None:
    on_target.execute(SCHEMA)
    run = queue(ONE)
    for _ in range(resolving.MOST_CLAIMS - 1):
        assert work(run, "migrations_runner.steps:do", "after", 1) == -signal.SIGKILL
        assert look(run) == RunState.QUEUED
    assert work(run, "migrations_runner.steps:do", "after", 1) == -signal.SIGKILL
    assert look(run) == RunState.FAILED
    assert "3 workers in a row" in run.error
    assert effects(on_target) == {}


def indexes(target: Target) -> set[str]:
    rows = target.execute(
        "SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
        " WHERE i.indrelid = 'effects'::regclass AND i.indisvalid"
    ).fetchall()
    return {str(row[0]) for row in rows}


def wait_until_waiting(target: Target, run: MigrationRun) -> None:
    """Until the run's session on the target waits for the lock that we hold."""
    question = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE application_name = %s AND wait_event_type = 'Lock'"
    )
    for _ in range(600):
        found = target.execute(question, [f"rc-run-{run.pk}"]).fetchone()
        if found and found[0]:
            return
        target.execute("SELECT pg_sleep(0.05)")
    pytest.fail("the worker never reached the statement")


def test_the_ledger_is_the_only_thing_that_decides(queue: QueueRun, on_target: Target) -> None:
    """Our own rows may say anything: what stands on the target is not run again."""
    on_target.execute(SCHEMA)
    first = queue(ONE)
    execution.execute(first.pk)
    MigrationRun.objects.all().update(state=RunState.CANCELLED)
    second = queue(ONE)
    execution.execute(second.pk)
    assert effects(on_target) == {"one": 1}
    assert second.scripts.get().state == "skipped"
    assert ledger.read(on_target, key_of(second, second.scripts.get())) is not None
