"""A live release's targets are looked at, and held when their rows contradict each other anew."""

from __future__ import annotations

import pytest

from migrations_runner import holds, integrity
from migrations_runner.models import Hold, IntegrityFinding, MigrationRun
from migrations_runner.states import RunState
from releases.models import Evidence, Release, TargetDatabase, Verdict
from releases.states import ReleaseState
from releases.timeline import Actor
from tests.migrations_runner.safety.conftest import Carry, Target


@pytest.fixture
def live(world: Target, carry: Carry, target: TargetDatabase) -> TargetDatabase:
    world.execute("UPDATE books SET universe_id = CASE id WHEN 1 THEN 1 ELSE user_id END")
    carry("SELECT 1")
    Release.objects.update(state=ReleaseState.IN_PROGRESS)
    return target


def test_a_new_contradiction_holds_the_target_until_a_person_lifts_that(
    world: Target, live: TargetDatabase
) -> None:
    assert integrity.look() == 0  # one wrong book was there before
    world.execute("UPDATE books SET universe_id = 1 + user_id % 3 WHERE id IN (2, 3)")
    assert integrity.look() == 1
    found = IntegrityFinding.objects.get(resolved_at=None)
    assert found.summary == (
        "2 books belong to another account: books.user_id and universes.account_id disagree"
    )
    assert found.rows == 2
    (hold,) = holds.standing(live)
    assert (hold.cause, hold.set_by) == (Hold.Cause.INTEGRITY, "integrity")
    assert Evidence.objects.filter(verdict=Verdict.FAIL, summary__contains="2 books").exists()

    holds.lift(target=live, reason="seen", actor=Actor.command("test"))
    assert integrity.look() == 0  # known: not held again
    assert holds.standing(live) == []
    world.execute("UPDATE books SET universe_id = 1 + user_id % 3 WHERE id = 4")
    assert integrity.look() == 1  # worse: held again
    assert len(holds.standing(live)) == 1
    world.execute("UPDATE books SET universe_id = user_id")
    assert integrity.look() == 1
    assert IntegrityFinding.objects.filter(resolved_at=None).count() == 0
    assert len(holds.standing(live)) == 1  # a person lifts it


def test_orphans_behind_a_foreign_key_that_is_not_valid(
    world: Target, live: TargetDatabase
) -> None:
    world.execute(
        "CREATE TABLE pages (id int PRIMARY KEY, book int);"
        "INSERT INTO pages VALUES (1, 1), (2, 500);"
        "ALTER TABLE pages ADD FOREIGN KEY (book) REFERENCES books NOT VALID"
    )
    assert integrity.look() == 0
    world.execute("SET session_replication_role = replica")
    world.execute("INSERT INTO pages VALUES (3, 501)")
    world.execute("RESET session_replication_role")
    assert integrity.look() == 1
    assert IntegrityFinding.objects.get().summary == "1 page points at no book: pages.book"


def test_without_time_or_with_a_run_at_work_or_no_live_release_nothing_is_claimed(
    world: Target, live: TargetDatabase, settings: pytest.FixtureRequest
) -> None:
    integrity.look()
    world.execute("UPDATE books SET universe_id = 1 + user_id % 3 WHERE id IN (2, 3)")
    settings.SAFETY_BUDGET_MS = 0  # type: ignore[attr-defined]
    assert integrity.look() == 0
    settings.SAFETY_BUDGET_MS = 2000  # type: ignore[attr-defined]
    MigrationRun.objects.update(state=RunState.RUNNING)
    assert integrity.look() == 0
    MigrationRun.objects.update(state=RunState.SUCCEEDED)
    Release.objects.update(state=ReleaseState.COMPLETE)
    assert integrity.look() == 0
    assert holds.standing(live) == []
    Release.objects.update(state=ReleaseState.ROLLING_OUT)
    assert integrity.look() == 1
