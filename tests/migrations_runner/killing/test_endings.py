"""What a kill leaves that no named point tells: any moment, a person's word, the last try."""

from __future__ import annotations

import random
import signal

import psycopg
import pytest
from django.core.management import CommandError, call_command

from migrations_runner import execution, ledger, resolving, session
from migrations_runner.keys import key_of
from migrations_runner.models import MigrationRun
from migrations_runner.states import RunState
from releases.models import TargetDatabase
from tests import databases
from tests.migrations_runner.conftest import QueueRun
from tests.migrations_runner.killing import kit
from tests.migrations_runner.killing.kit import Kill, Runs, Target
from tests.migrations_runner.killing.points import Point
from tests.migrations_runner.killing.victims import ANY_MOMENT, Victims

pytestmark = kit.MARKS
SCHEMA = "CREATE TABLE effects (script text)"
INSERT = "INSERT INTO effects (script) VALUES ('one')"
COPIED = 1000
_IN_A_STATEMENT = Point("in a statement", "migrations_runner.steps:do")


class Big(Runs):
    """Runs of several messages to the server and back; a worker may also live through them."""

    def __init__(self, target: TargetDatabase, on_target: Target) -> None:
        super().__init__(target, on_target)
        on_target.execute("CREATE TABLE big AS SELECT n, 0 AS m FROM generate_series(1, 20000) n")
        self._moments = random.Random(20261123)  # noqa: S311  (moments, not secrets)

    def begin(self, n: int) -> int:
        self.after = self._moments.uniform(0.01, 0.15)
        rows = "".join(f"{n}\t{each}\n" for each in range(COPIED))
        return self.queue(
            n,
            f"CREATE TABLE big{n} (a int, b int);\nCOPY big{n} FROM stdin;\n{rows}\\.\n"
            "UPDATE big SET m = m + 1;",
        ).pk

    def check(self, n: int, at: int) -> None:
        super().check(n, at)
        changed = self.on_target.execute("SELECT min(m), max(m) FROM big").fetchone()
        assert changed == (n + 1, n + 1)
        copied = self.on_target.execute(f"SELECT count(*) FROM big{n}".encode()).fetchone()
        assert copied == (COPIED,)
        self.on_target.execute(f"DROP TABLE big{n}".encode())


def test_a_kill_at_any_moment_of_a_big_change_leaves_all_of_it_or_nothing(
    target: TargetDatabase, on_target: Target, kill: Kill
) -> None:
    anywhere = Point("at any moment", ANY_MOMENT, deaths=1)
    kill(anywhere, Big(target, on_target))


def test_a_part_that_committed_itself_waits_for_a_person(
    queue: QueueRun, on_target: Target, victims: Victims
) -> None:
    on_target.execute(SCHEMA)
    run = queue(f"VACUUM effects; DO $$ BEGIN {INSERT}; COMMIT; END $$;")
    second = Point("in the second", "migrations_runner.steps:do", nth=2)
    assert victims.work(second, run.pk) == -signal.SIGKILL
    assert kit.look(run.pk) == RunState.LOST
    run.refresh_from_db()
    assert "during its statement 2" in run.next_step
    assert kit.look(run.pk) == RunState.LOST  # it never goes on by itself
    call_command("settle_run", str(run.pk), "--done", "--reason", "looked at effects")
    assert kit.look(run.pk) == RunState.QUEUED
    execution.execute(run.pk)
    run.refresh_from_db()
    assert run.state == RunState.SUCCEEDED, (run.error, run.next_step)
    assert effects(on_target) == [("one",)]


def test_the_reaper_ends_no_session_of_another_database(
    queue: QueueRun, on_target: Target, victims: Victims
) -> None:
    """Two installations may have targets on one server, and each has a run 7."""
    on_target.execute(SCHEMA)
    run = queue(INSERT)
    name = session.application_name(run.pk)
    elsewhere = databases.url_of("postgres")
    with psycopg.connect(elsewhere, autocommit=True, application_name=name) as other:
        assert victims.work(_IN_A_STATEMENT, run.pk) == -signal.SIGKILL
        assert kit.look(run.pk) == RunState.QUEUED
        assert other.execute("SELECT 1").fetchone() == (1,)


def test_only_a_lost_run_is_settled(queue: QueueRun) -> None:
    run = queue(INSERT)
    with pytest.raises(CommandError, match="not waiting for anybody"):
        call_command("settle_run", str(run.pk), "--done", "--reason", "r")
    with pytest.raises(CommandError, match="no run 999"):
        call_command("settle_run", "999", "--done", "--reason", "r")


def test_three_dead_workers_in_a_row_end_the_run(
    queue: QueueRun, on_target: Target, victims: Victims
) -> None:
    on_target.execute(SCHEMA)
    run = queue(INSERT)
    for _ in range(resolving.MOST_CLAIMS - 1):
        assert victims.work(_IN_A_STATEMENT, run.pk) == -signal.SIGKILL
        assert kit.look(run.pk) == RunState.QUEUED
    assert victims.work(_IN_A_STATEMENT, run.pk) == -signal.SIGKILL
    assert kit.look(run.pk) == RunState.FAILED
    run.refresh_from_db()
    assert "3 workers in a row" in run.error
    assert effects(on_target) == []


def test_the_ledger_is_the_only_thing_that_decides(queue: QueueRun, on_target: Target) -> None:
    """Our own rows may say anything: what stands on the target is not run again."""
    on_target.execute(SCHEMA)
    first = queue(INSERT)
    execution.execute(first.pk)
    MigrationRun.objects.all().update(state=RunState.CANCELLED)
    second = queue(INSERT)
    execution.execute(second.pk)
    assert effects(on_target) == [("one",)]
    assert second.scripts.get().state == "skipped"
    assert ledger.read(on_target, key_of(second, second.scripts.get())) is not None


def effects(target: Target) -> list[tuple[object, ...]]:
    return target.execute("SELECT script FROM effects").fetchall()
