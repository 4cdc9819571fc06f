"""Corners of the runner where a first version was wrong; each test states what holds."""

from __future__ import annotations

import signal

import psycopg
import pytest

from migrations_runner import execution, resolving, runs
from migrations_runner.models import MigrationRun
from releases.models import Release, TargetDatabase
from releases.timeline import Actor
from tests.migrations_runner.conftest import QueueRun
from tests.migrations_runner.killing.points import Point
from tests.migrations_runner.killing.victims import Victims

Target = psycopg.Connection[tuple[object, ...]]
pytestmark = pytest.mark.django_db(transaction=True)


def go(run: MigrationRun) -> MigrationRun:
    execution.execute(run.pk)
    run.refresh_from_db()
    return run


def test_a_deferred_constraint_that_fails_at_commit_fails_the_run(queue: QueueRun) -> None:
    run = go(
        queue(
            "CREATE TABLE p (id int PRIMARY KEY);"
            "CREATE TABLE c (p int REFERENCES p DEFERRABLE INITIALLY DEFERRED);"
            "INSERT INTO c VALUES (1);"
        )
    )
    assert run.state == "failed"


def test_repeated_selects_see_a_replaced_view_as_in_psql(queue: QueueRun) -> None:
    run = go(
        queue(
            "CREATE VIEW v AS SELECT 1 AS a;"
            + "SELECT * FROM v;" * 7
            + "CREATE OR REPLACE VIEW v AS SELECT 1 AS a, 2 AS b;"
            + "SELECT * FROM v;"
        )
    )
    assert run.state == "succeeded", run.error


def test_the_same_script_with_another_value_is_another_application(
    queue: QueueRun, on_target: Target
) -> None:
    on_target.execute("CREATE TABLE seen (u text)")
    go(queue("INSERT INTO seen VALUES (:'u')", u="ana"))
    go(queue("INSERT INTO seen VALUES (:'u')", u="ben"))
    assert on_target.execute("SELECT count(*) FROM seen").fetchone() == (2,)


def test_a_role_that_a_script_sets_ends_with_it(queue: QueueRun, on_target: Target) -> None:
    on_target.execute("CREATE ROLE rc_probe")
    try:
        assert (
            go(queue("SET ROLE rc_probe; SELECT 1", "CREATE TABLE after_role (a int)")).state
            == "succeeded"
        )
    finally:
        on_target.execute("DROP ROLE rc_probe")


def test_without_a_transaction_a_role_does_not_cut_off_the_ledger(
    queue: QueueRun, on_target: Target
) -> None:
    on_target.execute("CREATE ROLE rc_probe2")
    try:
        run = go(
            queue(
                "CREATE TABLE t (a int); CREATE INDEX CONCURRENTLY i ON t (a);"
                "SET ROLE rc_probe2; SELECT 1"
            )
        )
        assert run.state == "succeeded"
    finally:
        on_target.execute("DROP ROLE rc_probe2")


def test_a_target_that_turns_standard_strings_off_is_read_the_same(
    queue: QueueRun, on_target: Target
) -> None:
    on_target.execute(
        f'ALTER DATABASE "{on_target.info.dbname}" SET standard_conforming_strings = off'
    )
    assert go(queue("CREATE TABLE s AS SELECT 'a\\' AS x, 'b;' AS y")).state == "succeeded"


def test_a_failure_without_a_transaction_does_not_claim_a_rollback(queue: QueueRun) -> None:
    run = go(queue("CREATE TABLE t (a int); VACUUM t; SELECT 1/0"))
    assert "rolled back" not in run.error
    assert "Statements 1 to 2 stand" in run.error
    assert "Begun: 1.sql; it goes on where it ended" in run.next_step


def test_a_script_without_a_transaction_goes_on_where_it_ended(
    queue: QueueRun, on_target: Target
) -> None:
    text = "CREATE TABLE t (a int); VACUUM t; INSERT INTO later VALUES (1)"
    assert go(queue(text)).state == "failed"
    on_target.execute("CREATE TABLE later (a int)")
    assert go(queue(text)).state == "succeeded"
    assert on_target.execute("SELECT count(*) FROM later").fetchone() == (1,)


def test_a_server_that_says_no_to_the_ledger_fails_the_run(
    queue: QueueRun, on_target: Target
) -> None:
    on_target.execute(
        "CREATE SCHEMA release_control; CREATE VIEW release_control.ledger AS SELECT 1"
    )
    run = go(queue("SELECT 1"))
    assert run.state == "failed"
    assert "SQLSTATE" in run.error


def test_values_that_python_has_no_type_for_are_shown_as_psql_does(queue: QueueRun) -> None:
    run = go(queue("SELECT 'infinity'::timestamptz AS t, '0044-03-15 BC'::date AS d"))
    assert run.state == "succeeded", run.error
    shown = run.scripts.get().statements.get().output
    assert shown == "t\td\ninfinity\t0044-03-15 BC"


def test_a_mended_text_goes_on_behind_what_is_done(queue: QueueRun, on_target: Target) -> None:
    begun = "CREATE TABLE t (n int); VACUUM t; INSERT INTO t VALUES (1);"
    assert go(queue(begun + "INSERT INTO t VALUES (1 / 0)")).state == "failed"
    changed = go(queue(begun.replace("(1)", "(2)") + "INSERT INTO t VALUES (3)"))
    assert "leave those as they were" in changed.error
    mended = go(queue(begun + "INSERT INTO t VALUES (3)"))
    assert mended.state == "succeeded", mended.error
    assert on_target.execute("SELECT array_agg(n ORDER BY n) FROM t").fetchone() == ([1, 3],)
    states = [row.state for row in mended.scripts.get().statements.all()]
    assert states == ["skipped", "skipped", "skipped", "applied"]


def test_what_may_have_committed_a_part_waits_for_a_person(
    queue: QueueRun, on_target: Target
) -> None:
    on_target.execute("CREATE TABLE n (n int); INSERT INTO n VALUES (0)")
    text = "VACUUM n; DO $$ BEGIN UPDATE n SET n = n + 1; COMMIT; RAISE 'no'; END $$;"
    run = go(queue(text))
    assert run.state == "lost"
    assert "may have left something" in run.error
    resolving.reap()
    run.refresh_from_db()
    assert run.state == "lost"
    assert "settle_run" in run.next_step
    with pytest.raises(runs.AlreadyQueued):
        queue(text)
    resolving.settle(run=run, done=True, actor=Actor.command("t"), reason="looked")
    resolving.reap()
    assert go(run).state == "succeeded"
    assert on_target.execute("SELECT n FROM n").fetchone() == (1,)


def test_a_kill_while_resuming_forgets_no_statement(
    queue: QueueRun, on_target: Target, victims: Victims
) -> None:
    on_target.execute("CREATE TABLE n (n int); INSERT INTO n VALUES (0)")
    text = "VACUUM n; UPDATE n SET n = n + 1; INSERT INTO later VALUES (1)"
    assert go(queue(text)).state == "failed"
    on_target.execute("CREATE TABLE later (n int)")
    run = queue(text)
    first_note = Point("after its first note", "migrations_runner.ledger:note_progress")
    assert victims.work(first_note, run.pk) == -signal.SIGKILL
    MigrationRun.objects.update(heartbeat_at="2026-01-01T00:00Z")
    resolving.reap()
    run.refresh_from_db()
    if run.state == "lost":  # killed behind the note "statement 3 is under way"
        resolving.settle(run=run, done=False, actor=Actor.command("t"), reason="looked")
        resolving.reap()
    assert go(run).state == "succeeded", run.error
    assert on_target.execute("SELECT n FROM n").fetchone() == (1,)


def test_one_lost_run_does_not_keep_another_from_being_resolved(
    queue: QueueRun, target: TargetDatabase
) -> None:
    elsewhere = TargetDatabase.objects.create(
        name="elsewhere",
        environment=target.environment,
        url_variable=target.url_variable,
        identity={"system": "0", "oid": 1, "database": "another"},
    )
    first, second = queue("SELECT 1"), queue("SELECT 2", names=("b.sql",))
    MigrationRun.objects.filter(pk=first.pk).update(target=elsewhere)
    MigrationRun.objects.update(state="lost")
    assert resolving.reap() == 1
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.state, second.state) == ("lost", "queued")
    assert "Another database answered" in first.next_step


def test_a_queued_run_ends_with_its_release(queue: QueueRun, on_target: Target) -> None:
    run = queue("CREATE TABLE t (n int)")
    Release.objects.update(state="cancelled")
    assert go(run).state == "cancelled"
    assert "The release ended first" in run.next_step
    assert on_target.execute("SELECT to_regclass('t')").fetchone() == (None,)


def test_a_rollback_script_stays_one_although_its_record_is_edited(
    queue: QueueRun, on_target: Target
) -> None:
    go(queue("CREATE TABLE t (n int)", names=("up.sql",)))
    run = queue("DROP TABLE t", names=("down.sql",), role="rollback")
    run.scripts.get().script.delete()  # type: ignore[union-attr]
    assert go(run).state == "succeeded"
    up = on_target.execute("SELECT state FROM release_control.ledger WHERE name = 'up.sql'")
    assert up.fetchone() == ("undone",)
