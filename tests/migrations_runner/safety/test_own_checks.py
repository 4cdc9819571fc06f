"""Questions of people around a run, asked of a real target."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError

from migrations_runner import execution, hooks, postflight, preflight
from migrations_runner.checks_sql import NotASelect, refuse_unless_select
from migrations_runner.models import CheckResult, MigrationRun, ScriptCheck
from migrations_runner.states import RunState
from releases.models import Release
from tests.migrations_runner.conftest import QueueRun
from tests.migrations_runner.safety.conftest import Carry, Target

COUNT = "SELECT count(*) FROM books"


@pytest.fixture
def asked(world: Target, queue: QueueRun, monkeypatch: pytest.MonkeyPatch) -> Carry:
    monkeypatch.setattr(hooks, "PREFLIGHT", (preflight.ask,))
    monkeypatch.setattr(hooks, "GUARDS", (postflight.guard,))
    monkeypatch.setattr(hooks, "POSTFLIGHT", (postflight.ask,))
    number = iter(range(100))

    def do(phase: str, sql: str, expectation: str, *texts: str, at_least: int = 0) -> MigrationRun:
        release = Release.objects.get(slug="r")
        ScriptCheck.objects.all().delete()
        check = ScriptCheck(
            release=release,
            phase=phase,
            name="mine",
            sql=sql,
            expectation=expectation,
            number=at_least,
        )
        check.full_clean()
        check.save()
        names = tuple(f"{next(number)}.sql" for _ in texts)
        run = queue(*texts, names=names)
        execution.execute(run.pk)
        return MigrationRun.objects.get(pk=run.pk)

    return do


def books(target: Target) -> int:
    row = target.execute(COUNT).fetchone()
    return int(str(row[0])) if row else -1


def test_before_a_run(world: Target, asked: Carry) -> None:
    run = asked("pre", COUNT, "zero", "DELETE FROM books")
    assert (run.state, books(world)) == (RunState.FAILED, 9)
    assert "“mine” is 9; it has to be 0. Nothing was run." in run.error
    result = CheckResult.objects.get(run=run)
    assert (result.value, result.verdict, len(result.query_hash)) == (9, "fail", 64)
    run = asked("pre", COUNT, "at_least", "DELETE FROM books WHERE id = 1", at_least=9)
    assert (run.state, books(world)) == (RunState.SUCCEEDED, 8)
    for odd in ("SELECT 'x'", "SELECT 1, 2", "SELECT id FROM books", "SELECT 1/0", "SELECT NULL"):
        run = asked("pre", odd, "any", "DELETE FROM books")
        assert (run.state, books(world)) == (RunState.FAILED, 8), odd
        assert "had no answer" in run.error
    world.execute("CREATE SEQUENCE s")
    run = asked("pre", "SELECT nextval('s')", "any", "DELETE FROM books")
    assert "read-only" in run.error


def test_a_wrong_answer_behind_the_last_script_rolls_it_back(world: Target, asked: Carry) -> None:
    run = asked("post", COUNT, "baseline", "DELETE FROM books WHERE id = 1")
    assert (run.state, books(world)) == (RunState.FAILED, 9)
    assert "“mine” is 8; before the run it was 9." in run.error
    assert "was rolled back" in run.error
    run = asked("post", COUNT, "baseline", "UPDATE books SET title = 'x'")
    assert (run.state, CheckResult.objects.get(run=run, phase="post").baseline) == (
        RunState.SUCCEEDED,
        9,
    )
    run = asked("post", COUNT, "zero", "SELECT 1", "DELETE FROM books WHERE id = 1")
    assert (run.state, books(world)) == (RunState.FAILED, 9)


def test_where_the_script_is_no_transaction_what_stands_is_said(
    world: Target, asked: Carry
) -> None:
    run = asked("post", COUNT, "zero", "CREATE INDEX CONCURRENTLY ON books (title)")
    assert run.state == RunState.FAILED
    assert "Every script is committed and stands." in run.error


def test_what_others_add_meanwhile_does_not_count(
    world: Target, asked: Carry, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = preflight.ask

    def then_somebody_writes(at_work: object) -> None:
        before(at_work)  # type: ignore[arg-type]
        world.execute("INSERT INTO books VALUES (50, 1, NULL, 'new')")

    monkeypatch.setattr(hooks, "PREFLIGHT", (then_somebody_writes,))
    run = asked("post", COUNT, "baseline", "UPDATE books SET title = 'x'")
    assert run.state == RunState.SUCCEEDED, run.error
    assert "Live writes moved it" in CheckResult.objects.get(run=run, phase="post").summary


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM books",
        "SELECT 1; SELECT 2",
        "WITH d AS (DELETE FROM books RETURNING 1) SELECT count(*) FROM d",
        "SELECT count(*) INTO kept FROM books",
        "SELECT id FROM books FOR UPDATE",
        "SELECT :x",
        "SELEC 1",
        "",
    ],
)
def test_only_a_select_is_a_check(sql: str) -> None:
    with pytest.raises(NotASelect):
        refuse_unless_select(sql)
    with pytest.raises(ValidationError):
        ScriptCheck(sql=sql).clean()


def test_an_expectation_needs_what_it_compares_with() -> None:
    with pytest.raises(ValidationError):
        ScriptCheck(sql="SELECT 1", expectation="at_least").clean()
    with pytest.raises(ValidationError):
        ScriptCheck(sql="SELECT 1", expectation="baseline", phase="pre").clean()
