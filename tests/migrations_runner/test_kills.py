"""kill -9 of a real worker at named points: afterwards the ledger and the effects agree.

Each case starts a worker process that dies at the point, then does what `manage.py worker` does:
the reaper looks, and whoever finds the run queued again carries it out. KILLS says how often each
point is tried: 20 times unless told, 300 times in `make faults`.
"""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import psycopg
import pytest
from django.core.management import CommandError, call_command

from migrations_runner import execution, ledger, resolving
from migrations_runner.keys import key_of
from migrations_runner.models import MigrationRun
from migrations_runner.states import RunState
from tests.migrations_runner import kill_kit
from tests.migrations_runner.conftest import QueueRun
from tests.migrations_runner.kill_kit import go_on, look, pass_time, work, work_until
from tests.migrations_runner.worker_that_dies import POINTS, Point

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True)]
KILLS = int(os.environ.get("KILLS", "20"))
Target = psycopg.Connection[tuple[object, ...]]

SCHEMA = "CREATE TABLE effects (script text, at timestamptz DEFAULT clock_timestamp());"
ONE = "INSERT INTO effects (script) VALUES ('one'); SELECT count(*) FROM effects;"


@pytest.fixture(scope="module", autouse=True)
def workers(django_db_setup: None) -> Iterator[None]:
    with kill_kit.all_ended():
        yield


def insert(label: str) -> str:
    return f"INSERT INTO effects (script) VALUES ('{label}');"


def plain(n: int) -> tuple[str, str]:
    return insert(f"{n}a") + "SELECT count(*) FROM effects;", insert(f"{n}b")


def slow(n: int) -> tuple[str, str]:
    text = f"WITH s AS (SELECT pg_sleep(0.04)) INSERT INTO effects (script) SELECT '{n}a' FROM s;"
    return text, insert(f"{n}b")


def apart(n: int) -> tuple[str, str]:
    index = f"CREATE INDEX CONCURRENTLY i{n} ON effects (script);"
    return insert(f"{n}a") + index + "VACUUM effects;" + insert(f"{n}b"), "SELECT 1"


def trap(n: int) -> tuple[str, str]:
    """An invalid index stands in the way, and IF NOT EXISTS would take it for the real one."""
    text = apart(n)[0].replace("CONCURRENTLY", "CONCURRENTLY IF NOT EXISTS")
    return text, "SELECT 1"


@contextmanager
def somebody_writes(url: str) -> Iterator[None]:
    """An open transaction that has CREATE INDEX CONCURRENTLY wait, and so leave what it began."""
    with psycopg.connect(url) as other:
        other.execute("INSERT INTO effects VALUES ('never')")
        yield
        other.rollback()


def leave_invalid(target: Target, n: int) -> None:
    """Leave an invalid index behind, as a unique one that finds a duplicate does."""
    with pytest.raises(psycopg.errors.UniqueViolation):
        target.execute(f"CREATE UNIQUE INDEX CONCURRENTLY i{n} ON effects ((1))")


SCENES: dict[str, Callable[[int], tuple[str, str]]] = {
    "plain": plain,
    "slow": slow,
    "apart": apart,
    "blocked": apart,
    "trap": trap,
}


@pytest.mark.parametrize("point", [pytest.param(each, id=each.name) for each in POINTS])
def test_a_killed_worker_applies_nothing_twice_and_forgets_nothing(
    queue: QueueRun, on_target: Target, target_url: str, point: Point
) -> None:
    on_target.execute(SCHEMA + "INSERT INTO effects VALUES ('before'), ('before');")
    ledger.prepare(on_target)
    for n in range(KILLS):
        if point.scene == "trap":
            leave_invalid(on_target, n)
        run = queue(*SCENES[point.scene](n), names=(f"{n}-1.sql", f"{n}-2.sql"))
        kill_at(point, run, target_url)
        assert go_on(run) == RunState.SUCCEEDED, (n, run.error, run.next_step)
        check(on_target, n, with_index=point.scene in {"apart", "blocked", "trap"})
    everything = {f"{n}{letter}": 1 for n in range(KILLS) for letter in "ab"}
    assert effects(on_target) == {"before": 2, **everything}


def kill_at(point: Point, run: MigrationRun, url: str) -> None:
    """Have a worker die there, which is a reaper's death where the point says so."""
    if point.act == "reap":
        assert work(run, "migrations_runner.steps:do") == -signal.SIGKILL
        pass_time(run)
    held: AbstractContextManager[None] = nullcontext()
    if point.scene == "blocked":
        held = somebody_writes(url)
    with held:
        after = 0.05 if point.scene == "blocked" else 0.01
        assert work_until(point, run, after=after) == -signal.SIGKILL


def check(target: Target, n: int, *, with_index: bool) -> None:
    recorded = target.execute(
        "SELECT name, state, doing FROM release_control.ledger WHERE name LIKE %s ORDER BY name",
        [f"{n}-%"],
    ).fetchall()
    assert recorded == [(f"{n}-1.sql", "applied", None), (f"{n}-2.sql", "applied", None)]
    found = target.execute(
        "SELECT c.relname, i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
        " WHERE i.indrelid = 'effects'::regclass"
    ).fetchall()
    assert found == ([(f"i{n}", True)] if with_index else [])
    if with_index:
        target.execute(f"DROP INDEX i{n}")


def effects(target: Target) -> dict[str, int]:
    rows = target.execute("SELECT script, count(*) FROM effects GROUP BY script").fetchall()
    return {str(script): int(str(count)) for script, count in rows}


def test_a_kill_at_any_moment_of_a_big_change_leaves_all_of_it_or_nothing(
    queue: QueueRun, on_target: Target
) -> None:
    moments = random.Random(20261123)  # noqa: S311  (moments, not secrets)
    on_target.execute("CREATE TABLE big AS SELECT n, 0 AS m FROM generate_series(1, 60000) n")
    killed = 0
    for n in range(KILLS):
        rows = "".join(f"{n}\t{each}\n" for each in range(3000))
        run = queue(
            f"CREATE TABLE big{n} (a int, b int);\nCOPY big{n} FROM stdin;\n{rows}\\.\n"
            "UPDATE big SET m = m + 1;",
            names=(f"{n}.sql",),
        )
        ended = work_until(
            Point("at any moment", "any moment"), run, after=moments.uniform(0.03, 0.3)
        )
        killed += ended == -signal.SIGKILL
        assert go_on(run) == RunState.SUCCEEDED, (n, run.error)
        assert on_target.execute("SELECT min(m), max(m) FROM big").fetchone() == (n + 1, n + 1)
        counted = on_target.execute(f"SELECT count(*) FROM big{n}".encode()).fetchone()
        assert counted == (3000,)
    assert killed > KILLS // 4


def test_a_part_that_committed_itself_waits_for_a_person(
    queue: QueueRun, on_target: Target
) -> None:
    on_target.execute(SCHEMA)
    run = queue(f"VACUUM effects; DO $$ BEGIN {ONE.split(';', maxsplit=1)[0]}; COMMIT; END $$;")
    assert work(run, "migrations_runner.steps:do", "after", 2) == -signal.SIGKILL
    assert look(run) == RunState.LOST
    assert "during its statement 2" in run.next_step
    assert look(run) == RunState.LOST  # it never goes on by itself
    call_command("settle_run", str(run.pk), "--done", "--reason", "looked at effects")
    assert look(run) == RunState.QUEUED
    execution.execute(run.pk)
    run.refresh_from_db()
    assert run.state == RunState.SUCCEEDED, (run.error, run.next_step)
    assert effects(on_target) == {"one": 1}


def test_only_a_lost_run_is_settled(queue: QueueRun) -> None:
    run = queue(ONE)
    with pytest.raises(CommandError, match="not waiting for anybody"):
        call_command("settle_run", str(run.pk), "--done", "--reason", "r")
    with pytest.raises(CommandError, match="no run 999"):
        call_command("settle_run", "999", "--done", "--reason", "r")


def test_three_dead_workers_in_a_row_end_the_run(queue: QueueRun, on_target: Target) -> None:
    on_target.execute(SCHEMA)
    run = queue(ONE)
    for _ in range(resolving.MOST_CLAIMS - 1):
        assert work(run, "migrations_runner.steps:do") == -signal.SIGKILL
        assert look(run) == RunState.QUEUED
    assert work(run, "migrations_runner.steps:do") == -signal.SIGKILL
    assert look(run) == RunState.FAILED
    assert "3 workers in a row" in run.error
    assert effects(on_target) == {}


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
