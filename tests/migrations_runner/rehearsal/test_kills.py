"""kill -9 of a worker in the middle of a rehearsal: no clone is left, the original is as it was."""

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

from migrations_runner import fingerprints
from migrations_runner.models import Rehearsal
from migrations_runner.rehearsal import rehearse, verbs
from migrations_runner.states import RehearsalState
from releases.timeline import Actor
from tests import databases
from tests.migrations_runner.conftest import QueueRun
from tests.migrations_runner.rehearsal.conftest import clones

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True)]
ROOT = Path(__file__).resolve().parents[3]
WORLD = "CREATE TABLE t (id bigint PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 100)"


def die(rehearsal: Rehearsal, point: str, when: str) -> None:
    """Have a worker die at the point; the server ends its sessions in its own time."""
    ended = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.migrations_runner.rehearsal.worker_that_dies",
            point,
            when,
            str(rehearsal.pk),
        ],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": databases.control_url()},
        timeout=120,
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL


def look(rehearsal: Rehearsal) -> Rehearsal:
    """Let the reaper look as if the heartbeat were long ago."""
    Rehearsal.objects.filter(pk=rehearsal.pk).update(heartbeat_at=Now() - timedelta(hours=1))
    verbs.reap()
    rehearsal.refresh_from_db()
    return rehearsal


def state_of(url: str) -> tuple[str, object]:
    with psycopg.connect(url, autocommit=True) as connection:
        rows = connection.execute("SELECT count(*), sum(id) FROM t").fetchone()
        return fingerprints.take(connection).digest, rows


@pytest.mark.parametrize(
    ("point", "when", "sampled"),
    [
        ("migrations_runner.rehearsal.claims:claim", "after", False),
        ("migrations_runner.rehearsal.cloning:_copy", "after", False),
        ("migrations_runner.rehearsal.sampling:fill", "before", True),
        ("migrations_runner.rehearsal.performing:Observer.after", "after", False),
        ("migrations_runner.rehearsal.claims:finish", "before", False),
    ],
)
def test_after_a_kill_no_clone_is_left_and_the_rehearsal_is_begun_anew(
    queue: QueueRun, target_url: str, point: str, when: str, *, sampled: bool
) -> None:
    with psycopg.connect(target_url, autocommit=True) as connection:
        connection.execute(WORLD.encode())
    before = state_of(target_url)
    run = queue("DELETE FROM t; ALTER TABLE t ADD note text")
    rehearsal = verbs.request(run=run, actor=Actor.command("test"))
    with psycopg.connect(target_url if sampled else databases.url_of("postgres")):
        die(rehearsal, point, when)
    assert look(rehearsal).state == RehearsalState.QUEUED
    assert (clones(rehearsal), rehearsal.clone_name) == (0, "")
    rehearse.rehearse(rehearsal.pk)
    rehearsal.refresh_from_db()
    assert (rehearsal.error, rehearsal.state) == ("", RehearsalState.PASSED)
    assert clones(rehearsal) == 0
    assert state_of(target_url) == before


def test_a_rehearsal_whose_workers_die_again_and_again_is_given_up(queue: QueueRun) -> None:
    rehearsal = verbs.request(run=queue("SELECT 1"), actor=Actor.command("test"))
    for _ in range(3):
        Rehearsal.objects.filter(pk=rehearsal.pk).update(state=RehearsalState.RUNNING)
        look(rehearsal)
    assert rehearsal.state == RehearsalState.FAILED
    assert "given up" in rehearsal.error


def test_a_living_worker_is_not_reaped(queue: QueueRun) -> None:
    rehearsal = verbs.request(run=queue("SELECT 1"), actor=Actor.command("test"))
    Rehearsal.objects.filter(pk=rehearsal.pk).update(
        state=RehearsalState.RUNNING, heartbeat_at=Now()
    )
    assert verbs.reap() == 0
