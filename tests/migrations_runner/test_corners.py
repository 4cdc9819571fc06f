"""Corners of the runner where a first version was wrong; each test states what holds."""

from __future__ import annotations

import psycopg
import pytest

from migrations_runner import execution
from migrations_runner.models import MigrationRun
from tests.migrations_runner.conftest import QueueRun

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
