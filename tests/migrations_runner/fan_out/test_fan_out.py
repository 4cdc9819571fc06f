"""A script for each row of a query: every key once, failures listed, the rest goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import psycopg
import pytest
from django.db.models.functions import Now

from migrations_runner import execution, hooks, runs, safety
from migrations_runner.fan_out import carry_out, driver
from migrations_runner.fan_out.refusals import BadDriverQuery, BadDriverRows
from migrations_runner.models import FanOutKey, MigrationRun, MigrationScript, RunScript
from migrations_runner.parsing import parse_script
from migrations_runner.states import RunState
from migrations_runner.work import Work
from tests.migrations_runner.conftest import QueueRun

pytestmark = pytest.mark.django_db(transaction=True)
Target = psycopg.Connection[tuple[object, ...]]
FanOut = Callable[..., MigrationRun]
TEXT = "INSERT INTO done (who, n) SELECT :'user_id', n FROM users WHERE id = :user_id;"
QUERY = "SELECT id AS user_id FROM users ORDER BY id"


@pytest.fixture
def fan_out(queue: QueueRun, monkeypatch: pytest.MonkeyPatch) -> FanOut:
    """Carry out a text for each row of a query; the answer is its run as it ended."""

    def parse(text: str, variables: Any, *rest: Any) -> Any:
        return parse_script(text, {"user_id": "0", **variables}, *rest)

    monkeypatch.setattr(execution, "parse_script", parse)
    monkeypatch.setattr(runs, "parse_script", parse)

    def make(text: str = TEXT, query: str = QUERY) -> MigrationRun:
        run = queue(text)
        RunScript.objects.filter(run=run).update(
            mode=MigrationScript.Mode.FAN_OUT, driver_query=query
        )
        execution.execute(run.pk)
        run.refresh_from_db()
        return run

    return make


@pytest.fixture
def users(on_target: Target) -> Target:
    on_target.execute(
        "CREATE TABLE users (id int, n int); CREATE TABLE done (who text, n int NOT NULL);"
        "INSERT INTO users SELECT i, i FROM generate_series(1, 30) i"
    )
    return on_target


def done(target: Target) -> list[int]:
    return [int(str(row[0])) for row in target.execute("SELECT who FROM done").fetchall()]


def test_each_key_is_done_once_and_the_script_stands(fan_out: FanOut, users: Target) -> None:
    run = fan_out()
    assert run.state == RunState.SUCCEEDED, run.error
    assert sorted(done(users)) == list(range(1, 31))
    assert set(FanOutKey.objects.values_list("state", flat=True)) == {"applied"}
    assert FanOutKey.objects.order_by("position")[0].label == "user_id 1"
    assert users.execute("SELECT state FROM release_control.ledger").fetchone() == ("applied",)
    assert fan_out().state == RunState.SUCCEEDED
    assert len(done(users)) == 30


def test_failed_keys_are_listed_and_alone_tried_again(fan_out: FanOut, users: Target) -> None:
    users.execute("UPDATE users SET n = NULL WHERE id IN (3, 7)")
    run = fan_out()
    assert run.state == RunState.FAILED
    assert '2 of 30 keys failed: user_id 3: null value in column "n"' in run.error
    assert "Failing row" not in run.error
    assert sorted(done(users)) == [i for i in range(1, 31) if i not in {3, 7}]
    assert users.execute("SELECT state FROM release_control.ledger").fetchone() == ("started",)

    users.execute("UPDATE users SET n = 3 WHERE id = 3")
    users.execute("INSERT INTO users VALUES (99, 99)")  # too late: the keys are fixed
    assert "1 of 30 keys failed: user_id 7" in fan_out().error
    users.execute("UPDATE users SET n = 7 WHERE id = 7")
    assert fan_out().state == RunState.SUCCEEDED
    assert sorted(done(users)) == list(range(1, 31))


def test_a_script_that_fails_for_all_the_first_keys_is_not_begun_for_the_rest(
    fan_out: FanOut, users: Target
) -> None:
    users.execute("UPDATE users SET n = NULL")
    run = fan_out()
    assert "The first keys failed one and all" in run.error
    assert FanOutKey.objects.filter(state="pending").count() == 10
    assert done(users) == []


def test_a_cancel_between_keys_leaves_the_others_for_the_next_run(
    fan_out: FanOut, users: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = carry_out.run_key

    def cancel_at_the_fifth(work: Any, mark: Any, guards: Any) -> None:
        original(work, mark, guards)
        if mark.position == 4:
            MigrationRun.objects.update(cancel_requested_at=Now())
            assert work.run.keeper.stop.wait(20)

    with monkeypatch.context() as patched:
        patched.setattr(carry_out, "run_key", cancel_at_the_fifth)
        assert fan_out().state == RunState.CANCELLED
    assert sorted(done(users)) == [1, 2, 3, 4, 5]
    assert fan_out().state == RunState.SUCCEEDED
    assert sorted(done(users)) == list(range(1, 31))


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("SELECT id AS user_id, NULL AS x FROM users", "Row 1 has NULL in x"),
        ("SELECT 1 AS user_id FROM users", "Rows 1 and 2 are the same"),
        ("SELECT id AS user_id FROM users WHERE false", "It gave 0 rows"),
    ],
)
def test_rows_that_are_no_keys_are_refused_before_anything_runs(
    fan_out: FanOut, users: Target, query: str, reason: str
) -> None:
    with pytest.raises(BadDriverRows, match=reason):
        driver.rows(users, query)
    run = fan_out(query=query)
    assert reason in run.error
    assert done(users) == []


def test_a_driver_query_can_not_write(users: Target) -> None:
    users.execute("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'DELETE FROM users RETURNING 1'")
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        driver.rows(users, "SELECT f() AS user_id")


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("DELETE FROM users RETURNING id", "one SELECT"),
        ("SELECT 1 AS a; SELECT 2 AS a", "one SELECT"),
        ("SELECT * FROM users", "Give each column a name"),
        ("SELECT count(*) FROM users", "Give each column a name"),
        ("SELECT id, n AS id FROM users", "Two columns have one name"),
        ("SELECT FROM users", "Give each column a name"),
        ("SELEC 1", "syntax error"),
    ],
)
def test_a_query_that_gives_no_clear_variables_is_refused(query: str, reason: str) -> None:
    with pytest.raises(BadDriverQuery, match=reason):
        driver.variables(query)


def test_when_the_time_for_checks_is_over_a_wrong_key_is_found_all_the_same(
    fan_out: FanOut, users: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look reads the tables, so there is one now and then; the first key is always looked at."""
    users.execute(
        "CREATE TABLE owners (id int PRIMARY KEY); INSERT INTO owners SELECT id FROM users;"
        "CREATE TABLE shelves (id int PRIMARY KEY, owner int NOT NULL REFERENCES owners);"
        "CREATE TABLE books (id int PRIMARY KEY, owner int REFERENCES owners,"
        " shelf int REFERENCES shelves);"
        "INSERT INTO shelves SELECT id, id FROM users; INSERT INTO books SELECT id, id FROM users"
    )

    @contextmanager
    def long_over(work: Work) -> Iterator[None]:
        work.run.safety_ms = 1e9
        yield

    guarded = partial(carry_out.carry_out, guards=(long_over, safety.guard_key))
    monkeypatch.setitem(hooks.MODES, MigrationScript.Mode.FAN_OUT, guarded)
    run = fan_out("UPDATE books SET shelf = 1 + owner % 30 WHERE owner = :user_id")
    assert run.state == RunState.FAILED
    first = FanOutKey.objects.order_by("position")[0]
    assert (first.state, "1 book would belong to another owner" in first.error) == ("failed", True)
    untouched = users.execute("SELECT shelf FROM books WHERE owner = 1").fetchone()
    assert untouched == (None,)
