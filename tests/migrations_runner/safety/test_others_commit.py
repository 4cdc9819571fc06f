"""Others commit between a script's last statement and the look at it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import psycopg
import pytest
from psycopg import sql

from migrations_runner import execution, hooks
from migrations_runner.models import CheckResult, MigrationRun
from migrations_runner.safety import guard
from migrations_runner.states import RunState
from migrations_runner.work import Work
from tests.migrations_runner.conftest import QueueRun
from tests.migrations_runner.safety.conftest import Target
from tests.migrations_runner.safety.test_guard import ANY_UNIVERSE, OWN_UNIVERSE

Meanwhile = Callable[[str, Callable[[], object]], MigrationRun]


@pytest.fixture
def meanwhile(world: Target, queue: QueueRun, monkeypatch: pytest.MonkeyPatch) -> Meanwhile:
    """Carry a script out; the other act comes behind its statements, before the guard looks."""

    def do(script: str, act: Callable[[], object]) -> MigrationRun:
        @contextmanager
        def acting(_work: Work) -> Iterator[None]:
            yield
            act()

        guards: tuple[Callable[[Work], AbstractContextManager[None]], ...] = (guard, acting)
        monkeypatch.setattr(hooks, "PREFLIGHT", ())
        monkeypatch.setattr(hooks, "GUARDS", guards)
        run = queue(script)
        execution.execute(run.pk)
        return MigrationRun.objects.get(pk=run.pk)

    return do


@pytest.fixture
def write(target_url: str) -> Callable[[str], Callable[[], object]]:
    def make(text: str) -> Callable[[], object]:
        def act() -> None:
            with psycopg.connect(target_url, autocommit=True) as other:
                other.execute(sql.SQL(text))

        return act

    return make


@pytest.mark.parametrize("which", ["id = 2", "true"])
def test_a_parent_that_others_gave_away_meanwhile_is_no_fault_of_the_script(
    meanwhile: Meanwhile, write: Callable[[str], Callable[[], object]], which: str
) -> None:
    run = meanwhile(OWN_UNIVERSE, write(f"UPDATE universes SET account_id = 4 WHERE {which}"))
    assert run.state == RunState.SUCCEEDED, run.error
    assert CheckResult.objects.filter(run=run, summary__contains="live writes").exists()


def test_nor_one_that_others_had_begun_to_give_away_before(
    meanwhile: Meanwhile, target_url: str
) -> None:
    with psycopg.connect(target_url) as other:
        other.execute("UPDATE universes SET account_id = 4 WHERE id = 2")
        run = meanwhile(OWN_UNIVERSE, other.commit)
    assert run.state == RunState.SUCCEEDED, run.error
    assert CheckResult.objects.filter(run=run, summary__contains="live writes").exists()


def test_what_others_write_does_not_hide_what_the_script_did(
    meanwhile: Meanwhile, write: Callable[[str], Callable[[], object]]
) -> None:
    """One wrong row of theirs makes no habit, and a parent of theirs explains only its own rows."""
    run = meanwhile(ANY_UNIVERSE, write("INSERT INTO books VALUES (100, 1, 2, 'live')"))
    assert "6 books would belong" in run.error
    run = meanwhile(ANY_UNIVERSE, write("UPDATE universes SET account_id = 3 WHERE id = 2"))
    assert "6 books would belong" in run.error


def test_one_wrong_row_from_before_makes_no_habit(
    world: Target, meanwhile: Meanwhile, write: Callable[[str], Callable[[], object]]
) -> None:
    world.execute("INSERT INTO books VALUES (100, 1, 2, 'old')")
    run = meanwhile(f"{ANY_UNIVERSE} WHERE id < 100", write("SELECT 1"))
    assert "6 books would belong" in run.error
