"""Queueing and running on a real target, as people and workers do."""

from __future__ import annotations

import threading

import psycopg
import pytest
from django.contrib.auth.models import User
from django.db import connection

from migrations_runner import execution, resolving, runs, session
from migrations_runner.failures import ChangedSinceApplied
from migrations_runner.models import AppliedScript, MigrationRun, MigrationScript
from migrations_runner.states import RunState
from releases import evidence
from releases.models import Event, Release, TargetDatabase
from releases.refusals import NotPermitted
from releases.timeline import Actor
from tests.migrations_runner.conftest import VARIABLE, QueueRun

pytestmark = pytest.mark.django_db(transaction=True)
Target = psycopg.Connection[tuple[object, ...]]
ACTOR = Actor.command("test")


def run_it(run: MigrationRun) -> MigrationRun:
    execution.execute(run.pk)
    run.refresh_from_db()
    return run


def one(target: Target, question: str) -> object:
    row = target.execute(question.encode()).fetchone()
    assert row is not None
    return row[0]


def test_scripts_run_in_order_and_are_recorded(queue: QueueRun, on_target: Target) -> None:
    run = run_it(queue("CREATE TABLE a (n int);", "INSERT INTO a SELECT generate_series(1, 5);"))
    assert run.state == RunState.SUCCEEDED
    assert one(on_target, "SELECT sum(n) FROM a") == 15
    statement = run.scripts.last().statements.get()  # type: ignore[union-attr]
    assert (statement.rows, statement.state, statement.kind) == (5, "applied", "INSERT")
    assert statement.milliseconds is not None
    assert AppliedScript.objects.count() == 2
    seen = evidence.latest(run)
    assert seen is not None
    assert seen.verdict == "pass"
    verbs = Event.objects.order_by("id").values_list("verb", flat=True)
    assert list(verbs) == ["run.queue", "run.start", "run.succeed"]


def test_the_first_error_stops_everything_and_is_located(
    queue: QueueRun, on_target: Target
) -> None:
    run = run_it(
        queue(
            "CREATE TABLE a (n int);",
            "-- é\nINSERT INTO a VALUES (1);\nINSERT INTO a\n  SELECT nowhere(2);",
            "CREATE TABLE c ();",
        )
    )
    assert run.state == RunState.FAILED
    assert "2.sql, line 4, column 10: function nowhere(integer) does not exist" in run.error
    assert "Applied: 1.sql. Not started: 3.sql." in run.next_step
    assert one(on_target, "SELECT count(*) FROM a") == 0
    assert one(on_target, "SELECT to_regclass('c')") is None
    assert [s.state for s in run.scripts.all()] == ["applied", "failed", "not_run"]
    failed = run.scripts.get(name="2.sql")
    assert [s.state for s in failed.statements.all()] == ["undone", "failed"]


def test_after_mending_what_is_applied_is_skipped(queue: QueueRun, on_target: Target) -> None:
    run_it(queue("CREATE TABLE a (n int);", "INSERT INTO a VALUES (1 / 0);"))
    run = run_it(queue("CREATE TABLE a (n int);", "INSERT INTO a VALUES (1);"))
    assert [s.state for s in run.scripts.all()] == ["skipped", "applied"]
    assert one(on_target, "SELECT count(*) FROM a") == 1


def test_a_script_changed_since_it_was_applied_is_refused(
    queue: QueueRun, on_target: Target
) -> None:
    run_it(queue("CREATE TABLE a (n int);"))
    run = run_it(queue("CREATE TABLE a (n int, m int);"))
    assert run.state == RunState.FAILED
    assert (ChangedSinceApplied.__doc__ or "") in run.error
    assert "1.sql" in run.error


def test_a_down_script_takes_back_the_one_script_that_it_reverts(
    queue: QueueRun, on_target: Target
) -> None:
    texts = ("CREATE TABLE a (n int)", "CREATE TABLE b (n int)")
    assert run_it(queue(*texts)).state == RunState.SUCCEEDED
    text = "DROP TABLE b"
    made = MigrationScript.objects.create(
        release=Release.objects.get(),
        name="down.sql",
        text=text,
        role="rollback",
        reverts=MigrationScript.objects.get(name="2.sql"),
    )
    queued = queue(text, names=("down.sql",), role="rollback")
    MigrationScript.objects.filter(pk=made.pk).update(reverts=None)  # the run has its own copy
    assert run_it(queued).state == RunState.SUCCEEDED
    again = run_it(queue(*texts))
    assert again.state == RunState.SUCCEEDED, again.error  # a is there, and is not made anew
    assert [script.state for script in again.scripts.all()] == ["skipped", "applied"]
    standing = on_target.execute("SELECT name, state FROM release_control.ledger ORDER BY name")
    states = {str(name): state for name, state in standing}
    assert states == {"1.sql": "applied", "2.sql": "applied", "down.sql": "undone"}


def test_a_rollback_script_makes_the_release_runnable_again(
    queue: QueueRun, on_target: Target
) -> None:
    up, down = "CREATE TABLE a (n int);", "DROP TABLE a;"
    for _ in range(2):
        assert run_it(queue(up, names=("up.sql",))).state == RunState.SUCCEEDED
        assert one(on_target, "SELECT to_regclass('a')") is not None
        undone = run_it(queue(down, names=("down.sql",), role="rollback"))
        assert undone.state == RunState.SUCCEEDED, undone.error
        assert one(on_target, "SELECT to_regclass('a')") is None


def test_variables_are_put_in_as_psql_does(queue: QueueRun, on_target: Target) -> None:
    run = run_it(
        queue(
            'CREATE TABLE :"t" (v text); INSERT INTO :"t" VALUES (:\'v\');'
            "INSERT INTO :\"t\" SELECT generate_series(1, :n)::text; SELECT ':v', $$:v$$;",
            t="Odd name",
            v="it's\\ :n",
            n="2",
        )
    )
    assert run.state == RunState.SUCCEEDED, run.error
    rows = on_target.execute('SELECT v FROM "Odd name"').fetchall()
    assert rows == [("it's\\ :n",), ("1",), ("2",)]


@pytest.mark.parametrize(
    ("text", "variables", "says"),
    [
        ("SELECT 1 FORM t;", {}, "1.sql: Line 1, column 15"),
        ("UPDATE t SET a = 1\nWHERE id = :user_id;", {}, "user_id (line 2)"),
        ("SELECT :id;", {"id": "1 OR true"}, "write :'id'"),
        ("-- nothing\n", {}, "only blanks and comments"),
        ("BEGIN; SELECT 1; COMMIT; SELECT 2;", {}, "Line 1"),
        (r"\copy t from 'x'", {}, "\\copy"),
    ],
)
def test_what_the_text_can_tell_is_refused_before_anything_runs(
    queue: QueueRun, text: str, variables: dict[str, str], says: str
) -> None:
    with pytest.raises(runs.ScriptNotRunnable) as refused:
        queue(text, **variables)
    assert says in refused.value.message
    assert not MigrationRun.objects.exists()


def test_a_misspelt_variable_is_refused(queue: QueueRun) -> None:
    with pytest.raises(runs.VariableNotUsed, match="Given: usr"):
        queue("SELECT 1;", usr="7")


def test_a_script_that_awaits_its_file_is_refused_by_name(
    target: TargetDatabase, release: Release
) -> None:
    script = MigrationScript.objects.create(release=release, name="014_refactor_books.sql")
    with pytest.raises(runs.ScriptAwaitingFile, match="014_refactor_books"):
        runs.queue(scripts=[script], target=target, variables={}, actor=ACTOR)
    with pytest.raises(runs.NothingChosen):
        runs.queue(scripts=[], target=target, variables={}, actor=ACTOR)


def test_a_release_that_has_ended_runs_nothing_more(queue: QueueRun) -> None:
    run_it(queue("SELECT 1;"))
    Release.objects.update(state="cancelled")
    with pytest.raises(runs.ReleaseHasEnded, match="is cancelled"):
        queue("SELECT 2;")
    Release.objects.update(state="rolled_back")
    assert queue("SELECT 2;").state == RunState.QUEUED


def test_another_session_with_the_lock_keeps_the_run_out(
    queue: QueueRun, on_target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "LOCK_WAIT_SECONDS", 0.3)
    on_target.execute("SELECT pg_advisory_lock(%s, %s)", session.LOCK)
    run = run_it(queue("CREATE TABLE a (n int);"))
    assert run.state == RunState.FAILED
    assert "holds the target's lock" in run.error
    assert one(on_target, "SELECT to_regclass('a')") is None


def test_a_waiting_run_is_cancelled_at_once(queue: QueueRun, on_target: Target) -> None:
    run = queue("CREATE TABLE a (n int);")
    runs.cancel(run=run, actor=ACTOR)
    assert run_it(run).state == RunState.CANCELLED
    assert one(on_target, "SELECT to_regclass('a')") is None
    with pytest.raises(runs.RunIsOver):
        runs.cancel(run=run, actor=ACTOR)


def test_a_running_run_is_cancelled_and_rolled_back(queue: QueueRun, on_target: Target) -> None:
    run = queue("CREATE TABLE a (n int); SELECT pg_sleep(600);", "SELECT 1;")
    worker = threading.Thread(target=work_on, args=(run,))
    worker.start()
    wait_for_statement(on_target, run)
    runs.cancel(run=run, actor=ACTOR)
    worker.join(timeout=30)
    assert not worker.is_alive()
    run.refresh_from_db()
    assert run.state == RunState.CANCELLED, run.error
    assert "line 1" in run.next_step
    assert one(on_target, "SELECT to_regclass('a')") is None


def test_progress_is_seen_while_the_statement_runs(queue: QueueRun, on_target: Target) -> None:
    run = queue("SELECT 1; SELECT pg_sleep(600);")
    worker = threading.Thread(target=work_on, args=(run,))
    worker.start()
    try:
        wait_for_statement(on_target, run)
        for _ in range(200):
            states = list(run.scripts.get().statements.values_list("state", flat=True))
            if states == ["applied", "running"]:
                break
            on_target.execute("SELECT pg_sleep(0.05)")
        assert states == ["applied", "running"]
    finally:
        runs.cancel(run=run, actor=ACTOR)
        worker.join(timeout=30)


def test_the_targets_limits_hold_and_a_script_may_set_its_own(
    queue: QueueRun, target: TargetDatabase
) -> None:
    TargetDatabase.objects.update(statement_timeout_ms=4321)
    shown = run_it(
        queue(
            "SHOW statement_timeout; SET statement_timeout = '9s';",
            "SHOW statement_timeout;",
            names=("a.sql", "b.sql"),
        )
    )
    outputs = [s.statements.first().output for s in shown.scripts.all()]  # type: ignore[union-attr]
    assert outputs == ["statement_timeout\n4321ms", "statement_timeout\n4321ms"]


def test_notices_and_rows_are_kept_and_secrets_masked(queue: QueueRun) -> None:
    run = run_it(
        queue(
            "DO $$ BEGIN RAISE NOTICE 'password=hunter2 for %', 'ana'; END $$;"
            " SELECT n, 'x' AS label FROM generate_series(1, 30) n;"
        )
    )
    said, listed = (s.output for s in run.scripts.get().statements.all())
    assert said == "NOTICE: password=[hidden] for ana"
    assert listed.startswith("n\tlabel\n1\tx\n")
    assert listed.endswith("… and 10 more rows")


def test_a_target_without_its_variable_is_refused_by_name(
    queue: QueueRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = queue("SELECT 1;")
    monkeypatch.delenv(VARIABLE)
    assert VARIABLE in run_it(run).error


def test_an_unreachable_target_says_so_without_its_password(
    queue: QueueRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = queue("SELECT 1;")
    monkeypatch.setenv(VARIABLE, "postgresql://u:hunter2@127.0.0.1:1/x")
    run = run_it(run)
    assert run.state == RunState.FAILED
    assert "could not be reached" in run.error
    assert "hunter2" not in run.error


def test_another_database_than_the_one_known_is_refused(
    queue: QueueRun, target: TargetDatabase
) -> None:
    run_it(queue("SELECT 1;"))
    target.refresh_from_db()
    TargetDatabase.objects.update(identity={**target.identity, "oid": 1})
    assert "Another database answered" in run_it(queue("SELECT 2;", names=("b.sql",))).error


def test_a_connection_that_breaks_leaves_the_run_lost_and_the_ledger_decides(
    queue: QueueRun, on_target: Target
) -> None:
    run = run_it(queue("CREATE TABLE a (n int); SELECT pg_terminate_backend(pg_backend_pid());"))
    assert run.state == RunState.LOST
    assert resolving.reap() == 1
    run.refresh_from_db()
    assert run.state == RunState.QUEUED
    assert one(on_target, "SELECT to_regclass('a')") is None


def test_support_and_product_run_no_sql(
    target: TargetDatabase, release: Release, cleo: User, dora: User
) -> None:
    script = MigrationScript.objects.create(release=release, name="a.sql", text="SELECT 1;")
    for person in (cleo, dora):
        with pytest.raises(NotPermitted):
            runs.queue(scripts=[script], target=target, variables={}, actor=Actor.person(person))


def work_on(run: MigrationRun) -> None:
    """What a worker's thread does; its connection ends with it."""
    try:
        execution.execute(run.pk)
    finally:
        connection.close()


def wait_for_statement(target: Target, run: MigrationRun) -> None:
    """Until the run's session on the target is inside a statement that takes long."""
    for _ in range(600):
        found = target.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s"
            " AND state = 'active' AND wait_event IN ('PgSleep', 'advisory')",
            [f"rc-run-{run.pk}"],
        ).fetchone()
        if found and found[0]:
            return
        target.execute("SELECT pg_sleep(0.05)")
    pytest.fail("the run never reached its long statement")
