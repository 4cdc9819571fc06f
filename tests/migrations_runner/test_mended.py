"""A script that was begun and is mended: whatever its mending, nothing is done twice."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from migrations_runner import execution, runs, settling
from migrations_runner.models import MigrationRun, MigrationScript
from releases.timeline import Actor
from tests.migrations_runner.conftest import QueueRun

Target = psycopg.Connection[Any]
HALF = "INSERT INTO t VALUES (1); CREATE UNIQUE INDEX CONCURRENTLY i ON doubled (x);"


def go(run: MigrationRun) -> MigrationRun:
    execution.execute(run.pk)
    run.refresh_from_db()
    return run


def count(target: Target) -> int:
    row = target.execute("SELECT count(*) FROM t").fetchone()
    return int(row[0]) if row else -1


@pytest.fixture
def half_done(queue: QueueRun, on_target: Target) -> None:
    """1.sql has put its row in and failed at its index."""
    on_target.execute("CREATE TABLE t (n int)")
    on_target.execute("CREATE TABLE doubled AS SELECT 1 AS x FROM generate_series(1, 2)")
    assert go(queue(HALF)).state == "failed"
    assert count(on_target) == 1


def test_mended_into_one_transaction_it_goes_on_behind_what_is_done(
    half_done: None, queue: QueueRun, on_target: Target
) -> None:
    run = go(queue("INSERT INTO t VALUES (1); CREATE INDEX i ON doubled (x);"))
    assert run.state == "succeeded", run.error
    assert count(on_target) == 1


def test_a_text_that_has_come_to_use_a_value_is_no_other_script(
    half_done: None, queue: QueueRun, on_target: Target
) -> None:
    run = go(queue("INSERT INTO t VALUES (1); DELETE FROM doubled WHERE x = :n;", n="1"))
    assert run.state == "failed"
    assert "when its text used no values" in run.error
    assert count(on_target) == 1


def fan_out(text: str) -> MigrationScript:
    script = MigrationScript.objects.get(name="1.sql")
    script.text, script.mode = text, MigrationScript.Mode.FAN_OUT
    script.driver_query = "SELECT id AS user_id FROM u ORDER BY id"
    script.save()
    return script


def put(script: MigrationScript, run: MigrationRun) -> MigrationRun:
    """Queue it again where `run` went."""
    return runs.queue(
        scripts=[script], target=run.target, variables={}, actor=Actor.command("test")
    )


@pytest.fixture
def fanned(queue: QueueRun, on_target: Target) -> MigrationRun:
    """A fan-out that did the keys 1 and 3 and failed at 2."""
    on_target.execute("CREATE TABLE u (id int PRIMARY KEY, n int NOT NULL)")
    on_target.execute("INSERT INTO u VALUES (1, 1), (2, 0), (3, 5)")
    first = queue("SELECT 1")
    runs.cancel(run=first, actor=Actor.command("test"))
    script = fan_out("UPDATE u SET n = n + 10 + 0 * (1 / n) WHERE id = :user_id")
    run = go(put(script, first))
    assert run.state == "failed"
    return run


def test_a_fan_out_does_not_go_on_as_a_backfill(fanned: MigrationRun, on_target: Target) -> None:
    script = MigrationScript.objects.get(name="1.sql")
    script.mode, script.driver_query = MigrationScript.Mode.BACKFILL, ""
    script.text = "UPDATE u SET n = n + 10 WHERE n > -1000"
    script.save()
    run = go(put(script, fanned))
    assert run.state == "failed"
    assert "began it in another mode (fan_out)" in run.error
    rows = on_target.execute("SELECT id, n FROM u ORDER BY id").fetchall()
    assert rows == [(1, 11), (2, 0), (3, 15)]


def test_a_mended_fan_out_is_known_by_its_new_text(fanned: MigrationRun, on_target: Target) -> None:
    script = fan_out("UPDATE u SET n = n + 10 WHERE id = :user_id")
    assert go(put(script, fanned)).state == "succeeded"
    again = go(put(script, fanned))
    assert again.state == "succeeded", again.error
    assert again.scripts.get().state == "skipped"
    rows = on_target.execute("SELECT id, n FROM u ORDER BY id").fetchall()
    assert rows == [(1, 11), (2, 10), (3, 15)]


def test_a_word_about_an_earlier_loss_settles_nothing(queue: QueueRun, on_target: Target) -> None:
    on_target.execute("CREATE TABLE n (n int)")
    run = go(queue("VACUUM n; DO $$ BEGIN INSERT INTO n VALUES (1); COMMIT; RAISE 'no'; END $$;"))
    assert run.state == "lost"
    word = {"done": True, "who": None, "name": "ana", "reason": "looked", "claims": run.claims - 1}
    settling.settle_in_worker(run.pk, word)
    doing = on_target.execute("SELECT doing IS NOT NULL FROM release_control.ledger").fetchone()
    assert doing == (True,)
    settling.settle_in_worker(run.pk, {**word, "claims": run.claims})
    done = on_target.execute("SELECT done, doing FROM release_control.ledger").fetchone()
    assert done == (2, None)


def test_a_role_may_use_a_ledger_that_was_made_for_it(queue: QueueRun, on_target: Target) -> None:
    """Without the right to make schemas: whoever made this one has given it to the role."""
    on_target.execute("CREATE SCHEMA release_control")
    name = on_target.execute("SELECT current_database()").fetchone()
    assert name is not None
    on_target.execute(f"REVOKE CREATE ON DATABASE {name[0]} FROM PUBLIC")
    assert go(queue("CREATE TABLE made (n int)")).state == "succeeded"


def test_limits_that_a_script_set_do_not_reach_the_looks_behind_it(
    queue: QueueRun, on_target: Target
) -> None:
    run = go(queue("SELECT 1; SET statement_timeout = '25ms';"))
    assert run.state == "succeeded", run.error
    assert run.target.report.left
