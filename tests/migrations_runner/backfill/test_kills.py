"""kill -9 in the middle of batches and between keys: afterwards each was done exactly once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from django.db.models.functions import Now

from migrations_runner import execution, hooks, resolving
from migrations_runner.backfill import carry_out as backfill
from migrations_runner.fan_out import carry_out as fan_out
from migrations_runner.models import MigrationRun, MigrationScript, RunScript
from migrations_runner.states import RunState
from tests import databases
from tests.migrations_runner.conftest import QueueRun

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True)]
ROOT = Path(__file__).resolve().parents[3]
Target = psycopg.Connection[tuple[object, ...]]
ROWS, KEYS = 25_000, 12
_IN = "migrations_runner.backfill"


def killed(run: MigrationRun, point: str, when: str, nth: int) -> None:
    command = [sys.executable, "-m", "tests.migrations_runner.backfill.dying"]
    environment = {**os.environ, "DATABASE_URL": databases.control_url()}
    ended = subprocess.run(
        [*command, point, when, str(nth), str(run.pk)],
        cwd=ROOT,
        env=environment,
        timeout=120,
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL


def go_on(run: MigrationRun) -> RunState:
    """The reaper looks after a while, and a worker takes the run again."""
    MigrationRun.objects.filter(pk=run.pk).update(heartbeat_at=Now() - timedelta(hours=1))
    resolving.reap()
    run.refresh_from_db()
    assert run.state == RunState.QUEUED, run.next_step
    execution.execute(run.pk)
    run.refresh_from_db()
    return RunState(run.state)


@pytest.mark.parametrize(
    ("point", "when", "nth"),
    [
        (f"{_IN}.cursors:lay_out", "after", 1),
        (f"{_IN}.cursors:advance", "after", 5),  # in a batch, before its commit
        (f"{_IN}.batching:moved", "before", 3),  # after a batch's commit
        (f"{_IN}.batching:find", "before", 6),  # between batches
        ("migrations_runner.ledger:record_finished", "before", 1),
    ],
)
def test_a_killed_backfill_changes_each_row_once(
    queue: QueueRun,
    on_target: Target,
    monkeypatch: pytest.MonkeyPatch,
    point: str,
    when: str,
    nth: int,
) -> None:
    on_target.execute("CREATE TABLE t (id int PRIMARY KEY, n int NOT NULL)")
    on_target.execute(f"INSERT INTO t SELECT i, 0 FROM generate_series(1, {ROWS}) i")
    on_target.execute("ANALYZE t")
    monkeypatch.setitem(hooks.MODES, MigrationScript.Mode.BACKFILL, backfill.carry_out)
    run = queue("UPDATE t SET n = n + 1")
    RunScript.objects.filter(run=run).update(mode=MigrationScript.Mode.BACKFILL)
    killed(run, point, when, nth)
    assert go_on(run) == RunState.SUCCEEDED, run.error
    done = on_target.execute("SELECT min(n), max(n), count(*) FROM t").fetchone()
    assert done == (1, 1, ROWS)
    assert on_target.execute("SELECT state FROM release_control.ledger").fetchone() == ("applied",)


@pytest.mark.parametrize(
    ("point", "when", "nth"),
    [
        ("migrations_runner.fan_out.marks:applied", "after", 4),  # in a key, before its commit
        ("migrations_runner.fan_out.carry_out:run_key", "after", 6),  # between keys
        ("migrations_runner.ledger:record_finished", "before", 1),
    ],
)
def test_a_killed_fan_out_does_each_key_once(
    queue: QueueRun,
    on_target: Target,
    monkeypatch: pytest.MonkeyPatch,
    point: str,
    when: str,
    nth: int,
) -> None:
    on_target.execute(
        f"CREATE TABLE done (n int); CREATE TABLE u AS SELECT generate_series(1, {KEYS}) AS id"
    )
    monkeypatch.setitem(hooks.MODES, MigrationScript.Mode.FAN_OUT, fan_out.carry_out)
    run = queue("INSERT INTO done VALUES (:id)", id="0")
    RunScript.objects.filter(run=run).update(
        mode=MigrationScript.Mode.FAN_OUT, driver_query="SELECT id FROM u"
    )
    killed(run, point, when, nth)
    assert go_on(run) == RunState.SUCCEEDED, run.error
    done = on_target.execute("SELECT n, count(*) FROM done GROUP BY n ORDER BY n").fetchall()
    assert done == [(key, 1) for key in range(1, KEYS + 1)]
    assert on_target.execute("SELECT state FROM release_control.ledger").fetchone() == ("applied",)
