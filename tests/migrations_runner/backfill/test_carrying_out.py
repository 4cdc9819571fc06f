"""Backfills on a real PostgreSQL: every row once, whatever comes between."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.db.models.functions import Now

from migrations_runner import claims, holds, runs
from migrations_runner.backfill import batching, lanes
from migrations_runner.backfill.cursors import Part
from migrations_runner.backfill.gate import Gate
from migrations_runner.backfill.watching import Watch
from migrations_runner.claims import Claim
from migrations_runner.ledger import Connection
from migrations_runner.models import BackfillProgress, MigrationRun, RunScript, Statement
from migrations_runner.states import RunState
from migrations_runner.work import Work
from releases.models import TargetDatabase
from releases.refusals import Refused
from releases.timeline import Actor
from tests.migrations_runner.backfill.conftest import Backfill, Target

pytestmark = pytest.mark.django_db(transaction=True)
COUNT = "SELECT min(n), max(n), count(*) FROM t"


def numbers(target: Target, rows: int) -> None:
    target.execute("CREATE TABLE t (id bigint PRIMARY KEY, n int NOT NULL, word text)")
    target.execute(f"INSERT INTO t SELECT i, 0, 'w' || i FROM generate_series(1, {rows}) i")
    target.execute("ANALYZE t")


@contextmanager
def after_batch(
    monkeypatch: pytest.MonkeyPatch, nth: int, act: Callable[[], Any]
) -> Iterator[None]:
    """Do something in a thread of its own while the nth batch has just been committed."""
    original, done = batching.moved, []

    def moved(*given: Any) -> None:
        original(*given)
        done.append(1)
        if len(done) == nth:
            thread = threading.Thread(target=act)
            thread.start()
            thread.join()

    with monkeypatch.context() as patched:
        patched.setattr(batching, "moved", moved)
        yield


def test_each_row_is_changed_exactly_once(backfill: Backfill, on_target: Target) -> None:
    numbers(on_target, 30_000)
    run = backfill("UPDATE t SET n = n + 1")
    assert run.state == RunState.SUCCEEDED, run.error
    assert on_target.execute(COUNT).fetchone() == (1, 1, 30_000)
    progress = BackfillProgress.objects.get()
    assert progress.done == 30_000
    assert len(progress.ranges) > 1
    assert "id <= $1::bigint" in progress.sql
    assert Statement.objects.get().rows == 30_000
    assert on_target.execute("SELECT state, done FROM release_control.ledger").fetchone() == (
        "applied",
        1,
    )


def test_keys_of_every_kind_and_three_statements_do_what_the_one_statement_does(
    backfill: Backfill, on_target: Target
) -> None:
    on_target.execute(
        """
        CREATE TABLE pairs (a uuid, b text COLLATE "C", "odd ""key" timestamptz, n int DEFAULT 0,
            PRIMARY KEY (a, b, "odd ""key"));
        INSERT INTO pairs SELECT gen_random_uuid(), chr(i % 90 + 33) || '%''"\\',
            now() - i * '1 h'::interval FROM generate_series(1, 3000) i;
        CREATE TABLE parted (id int, region char(2), n int DEFAULT 0, PRIMARY KEY (region, id))
            PARTITION BY LIST (region);
        CREATE TABLE parted_a PARTITION OF parted FOR VALUES IN ('a', 'b');
        CREATE TABLE parted_c PARTITION OF parted DEFAULT;
        INSERT INTO parted SELECT i, (ARRAY['a', 'b', 'c', 'd'])[i % 4 + 1], 0
            FROM generate_series(1, 4000) i;
        CREATE TABLE copied (id int, n int);
        """
    )
    run = backfill(
        "UPDATE pairs SET n = n + 1;"
        "DELETE FROM parted WHERE id % 10 = 0;"
        "INSERT INTO copied SELECT p.id, (SELECT max(q.n) FROM pairs q) FROM parted p"
        " WHERE p.region <> 'a';"
    )
    assert run.state == RunState.SUCCEEDED, run.error
    assert on_target.execute("SELECT min(n), max(n), count(*) FROM pairs").fetchone() == (
        1,
        1,
        3000,
    )
    assert on_target.execute("SELECT count(*) FROM parted").fetchone() == (3600,)
    wanted = on_target.execute("SELECT id, 1 FROM parted WHERE region <> 'a' ORDER BY 1").fetchall()
    assert on_target.execute("SELECT id, n FROM copied ORDER BY 1").fetchall() == wanted


def test_what_is_not_row_local_is_refused_before_anything_runs(
    backfill: Backfill, on_target: Target
) -> None:
    numbers(on_target, 10)
    run = backfill("UPDATE t SET n = (SELECT max(n) + 1 FROM t)")
    assert run.state == RunState.FAILED
    assert "reads t, which this statement changes. Run it as it is: one transaction." in run.error
    assert on_target.execute(COUNT).fetchone() == (0, 0, 10)


def test_a_bad_row_is_found_told_and_alone_tried_again(
    backfill: Backfill, on_target: Target
) -> None:
    numbers(on_target, 5000)
    on_target.execute("UPDATE t SET word = 'secret-word' WHERE id IN (1234, 4321)")
    on_target.execute("UPDATE t SET word = id WHERE word <> 'secret-word'")
    text = "UPDATE t SET n = n + word::int"
    run = backfill(text)
    assert run.state == RunState.FAILED
    assert "2 of 1.sql, line 1: id 1234: invalid input syntax" in run.error
    assert "secret-word" not in run.error + str(BackfillProgress.objects.get().poisoned)
    assert on_target.execute("SELECT count(*) FROM t WHERE n = id").fetchone() == (4998,)
    assert on_target.execute("SELECT state FROM release_control.ledger").fetchone() == ("started",)

    on_target.execute("UPDATE t SET word = id WHERE id = 1234")
    again = backfill(text)
    assert "1 of 1.sql, line 1: id 4321" in again.error
    mended = backfill("UPDATE t SET n = n + coalesce(nullif(word, 'secret-word'), id::text)::int")
    assert mended.state == RunState.SUCCEEDED, mended.error
    assert on_target.execute("SELECT count(*) FROM t WHERE n = id").fetchone() == (5000,)


def test_a_statement_that_fails_on_every_row_ends_soon(
    backfill: Backfill, on_target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers(on_target, 500)
    monkeypatch.setattr(lanes, "MOST_BAD_ROWS", 5)
    run = backfill("UPDATE t SET n = word::int")
    assert "So many rows failed by themselves" in run.error
    assert on_target.execute("SELECT count(*) FROM release_control.backfill_poison").fetchone() == (
        6,
    )


def test_an_error_of_the_statement_itself_is_not_blamed_on_rows(
    backfill: Backfill, on_target: Target
) -> None:
    numbers(on_target, 10)
    run = backfill("UPDATE t SET n = nowhere(n)")
    assert "nowhere" in run.error
    assert run.scripts.get().state == "failed"
    assert on_target.execute("SELECT sum(n) FROM t").fetchone() == (0,)


def test_a_cancelled_backfill_goes_on_where_it_ended(
    backfill: Backfill, on_target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers(on_target, 3000)

    halted = threading.Event()

    def cancel() -> None:
        MigrationRun.objects.update(cancel_requested_at=Now())
        assert halted.wait(20)
        connection.close()

    def halt(gate: Gate) -> None:
        stop(gate)
        halted.set()

    stop = Gate.halt
    monkeypatch.setattr(Gate, "halt", halt)
    with after_batch(monkeypatch, 2, cancel):
        run = backfill("UPDATE t SET n = n + 1", sessions=1)
    assert run.state == RunState.CANCELLED
    seen = on_target.execute("SELECT count(*) FROM t WHERE n = 1").fetchone()
    assert seen is not None
    assert 0 < int(str(seen[0])) < 3000
    assert backfill("UPDATE t SET n = n + 1").state == RunState.SUCCEEDED
    assert on_target.execute(COUNT).fetchone() == (1, 1, 3000)


def test_half_done_rows_keep_another_text_from_going_on(
    backfill: Backfill, on_target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers(on_target, 3000)
    original = batching.carry_out

    def third_fails(connection: Connection, job: Any, part: Part, stretch: Any) -> Any:
        if part.batches == 2:
            raise psycopg.errors.DiskFull("no space left")
        return original(connection, job, part, stretch)

    with monkeypatch.context() as patched:
        patched.setattr(batching, "carry_out", third_fails)
        assert backfill("UPDATE t SET n = n + 1", sessions=1).state == RunState.FAILED
    other = backfill("UPDATE t SET n = n + 2")
    assert "began this backfill with another text" in other.error
    assert backfill("UPDATE t SET n = n + 1").state == RunState.SUCCEEDED
    assert on_target.execute(COUNT).fetchone() == (1, 1, 3000)


def test_a_hold_makes_it_rest_until_it_is_lifted(
    backfill: Backfill, on_target: Target, target: TargetDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers(on_target, 3000)
    actor, seen = Actor.command("test"), threading.Event()
    rested: list[tuple[str, bool]] = []

    def hold() -> None:
        holds.hold(target=target, reason="the site is slow", actor=actor)
        assert seen.wait(20)
        connection.close()

    def note(watch: Watch) -> None:
        told(watch)
        words = BackfillProgress.objects.get().waiting_for
        if words.startswith("a hold"):
            seen.set()
            if watch.gate.parked and not rested:
                rested.append((words, watch.parts[0].done))
                holds.lift(target=target, reason="it is well again", actor=actor)

    told = Watch.note
    monkeypatch.setattr(Watch, "note", note)
    with after_batch(monkeypatch, 1, hold):
        run = backfill("UPDATE t SET n = n + 1", sessions=1)
    assert run.state == RunState.SUCCEEDED, run.error
    assert rested == [("a hold by test: the site is slow", False)]
    assert on_target.execute(COUNT).fetchone() == (1, 1, 3000)


def test_a_paused_backfill_holds_nothing_and_goes_on_when_asked(
    backfill: Backfill, on_target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers(on_target, 3000)
    parked, actor = threading.Event(), Actor.command("test")
    states: list[Any] = []

    def pause() -> None:
        runs.pause(run=MigrationRun.objects.get(), actor=actor)
        assert parked.wait(20)
        connection.close()

    def rest_for(gate: Gate, why: str) -> None:
        close(gate, why)
        if why.startswith("a person"):
            parked.set()

    def note_paused(held: Claim) -> bool:
        noted = tell(held)
        states.append(MigrationRun.objects.get().state)
        in_transaction = (
            "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'rc-run-%'"
            " AND datname = current_database() AND state <> 'idle'"
        )
        states.append(on_target.execute(in_transaction).fetchone())
        runs.resume(run=MigrationRun.objects.get(), actor=actor)
        return noted

    close, tell = Gate.rest_for, claims.note_paused
    monkeypatch.setattr(Gate, "rest_for", rest_for)
    monkeypatch.setattr(claims, "note_paused", note_paused)
    with after_batch(monkeypatch, 1, pause):
        run = backfill("UPDATE t SET n = n + 1", sessions=1)
    assert run.state == RunState.SUCCEEDED, run.error
    assert states == [RunState.PAUSED, (0,)]
    assert on_target.execute(COUNT).fetchone() == (1, 1, 3000)


def test_a_row_held_by_somebody_is_waited_for_and_given_up_in_the_end(
    backfill: Backfill,
    on_target: Target,
    target: TargetDatabase,
    target_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    numbers(on_target, 300)
    TargetDatabase.objects.update(stall_budget_ms=30)
    monkeypatch.setattr(lanes, "MOST_TRIES", 3)
    with psycopg.connect(target_url) as somebody:
        somebody.execute("SELECT FROM t WHERE id = 200 FOR UPDATE")
        run = backfill("UPDATE t SET n = n + 1")
        assert "Rows stayed locked by others" in run.error
        assert on_target.execute("SELECT count(*) FROM t WHERE n = 1").fetchone() == (199,)
    assert backfill("UPDATE t SET n = n + 1").state == RunState.SUCCEEDED
    assert on_target.execute(COUNT).fetchone() == (1, 1, 300)


class NoMore(Refused):
    """A check of ours says no."""


def test_a_guard_stands_around_each_batch_and_its_no_rolls_that_batch_back(
    backfill: Backfill, on_target: Target
) -> None:
    numbers(on_target, 3000)

    @contextmanager
    def guard(work: Work, connection: Connection) -> Iterator[None]:
        yield
        row = connection.execute("SELECT max(id) FROM t WHERE n = 1").fetchone()
        if row and int(str(row[0])) > 1500:
            raise NoMore(work.script.name)

    run = backfill("UPDATE t SET n = n + 1", guards=[guard], sessions=1)
    assert run.error.startswith("A check of ours says no. 1.sql")
    done = on_target.execute("SELECT max(id) FROM t WHERE n = 1").fetchone()
    cursor = on_target.execute("SELECT done_key[1]::int FROM release_control.backfill").fetchone()
    assert done == cursor
    assert done is not None
    assert int(str(done[0])) <= 1500


def test_rows_that_come_later_behind_the_last_key_are_not_looked_at(
    backfill: Backfill, on_target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers(on_target, 2000)
    late = "INSERT INTO t VALUES (9999, 0)"
    with after_batch(monkeypatch, 1, lambda: on_target.execute(late)):
        assert backfill("UPDATE t SET n = n + 1").state == RunState.SUCCEEDED
    assert on_target.execute("SELECT id FROM t WHERE n = 0").fetchall() == [(9999,)]


def test_an_undone_backfill_begins_anew(backfill: Backfill, on_target: Target) -> None:
    numbers(on_target, 100)
    assert backfill("UPDATE t SET n = n + 1").state == RunState.SUCCEEDED
    on_target.execute("UPDATE release_control.ledger SET state = 'undone'")
    assert backfill("UPDATE t SET n = n + 1").state == RunState.SUCCEEDED
    assert on_target.execute(COUNT).fetchone() == (2, 2, 100)


def test_an_empty_table_is_done_at_once(backfill: Backfill, on_target: Target) -> None:
    numbers(on_target, 0)
    assert backfill("UPDATE t SET n = n + 1").state == RunState.SUCCEEDED
    assert RunScript.objects.get().state == "applied"
