"""While a release is live its targets are looked at, and a new contradiction holds them."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest
from django.contrib.auth.models import User
from django.db.models.functions import Now
from django_q.models import OrmQ

from migrations_runner import execution, holds, hooks, integrity
from migrations_runner.models import Hold, IntegrityBaseline, IntegrityFinding, MigrationRun
from migrations_runner.safety import whole
from migrations_runner.states import RunState
from releases import targets
from releases.models import Event, Evidence, Release, TargetDatabase, Verdict
from releases.refusals import NotPermitted
from releases.states import ReleaseState
from releases.timeline import Actor
from tests.migrations_runner.conftest import QueueRun
from tests.migrations_runner.safety.conftest import Carry, Target

ANA = Actor.command("ana")
ASTRAY = "UPDATE books SET universe_id = 1 WHERE id IN (1, 4)"
Look = Callable[[], bool]


@pytest.fixture
def live(world: Target, carry: Carry) -> Release:
    """A release that is live and had a run on the target, whose books are all where they belong."""
    world.execute("UPDATE books SET universe_id = user_id")
    carry("SELECT 1")
    Release.objects.update(state=ReleaseState.ROLLING_OUT)
    return Release.objects.get()


@pytest.fixture
def look(live: Release, target: TargetDatabase) -> Look:
    """Look now; the release is live."""
    return lambda: integrity.check(target.pk)


def said(release: Release) -> list[str]:
    found = Evidence.objects.filter(release=release, subject__startswith="targetdatabase")
    return list(found.order_by("id").values_list("verdict", flat=True))


def test_a_new_contradiction_is_a_finding_evidence_and_a_hold(
    look: Look, world: Target, live: Release, target: TargetDatabase
) -> None:
    assert look()
    world.execute(ASTRAY)
    assert look()
    found = IntegrityFinding.objects.get()
    assert found.summary == (
        "2 books belong to another account: books.user_id and universes.account_id disagree"
    )
    assert (found.rows, found.samples, found.release) == (2, ["id 1", "id 4"], live)
    hold = Hold.objects.get(target=target)
    assert (hold.cause, hold.reason) == (Hold.Cause.INTEGRITY, found.summary)
    assert said(live) == [Verdict.PASS, Verdict.FAIL]
    events = Event.objects.filter(release=live).values_list("verb", flat=True)
    assert {"finding.open", "target.hold"} <= set(events)


def test_a_queued_run_waits_until_a_person_lifts_the_hold(
    look: Look,
    world: Target,
    queue: QueueRun,
    target: TargetDatabase,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hooks, "PREFLIGHT", ())
    look()
    world.execute(ASTRAY)
    look()
    run = queue("SELECT 2", names=("b",))
    execution.execute(run.pk)
    assert MigrationRun.objects.get(pk=run.pk).state == RunState.QUEUED
    holds.lift(target=target, reason="seen", actor=ANA)
    look()  # the same rows do not overrule a person
    execution.execute(run.pk)
    assert MigrationRun.objects.get(pk=run.pk).state == RunState.SUCCEEDED
    world.execute("UPDATE books SET universe_id = 1 WHERE id = 7")
    look()  # one more does
    assert len(holds.standing(target)) == 1


def test_what_was_so_before_is_no_news(look: Look, world: Target, live: Release) -> None:
    world.execute(ASTRAY)
    look()
    look()
    assert not IntegrityFinding.objects.exists()
    assert not Hold.objects.exists()
    world.execute("UPDATE books SET universe_id = 1 WHERE id = 7")
    look()
    assert IntegrityFinding.objects.get().rows == 1


def test_a_rule_that_the_release_brought_had_no_rows_before(
    look: Look, world: Target, live: Release
) -> None:
    world.execute("ALTER TABLE books DROP COLUMN universe_id")
    look()
    world.execute("ALTER TABLE books ADD universe_id int REFERENCES universes")
    world.execute("UPDATE books SET universe_id = CASE WHEN id < 6 THEN 1 ELSE user_id END")
    look()
    assert IntegrityFinding.objects.get().rows == 4


def test_orphans_behind_a_foreign_key_that_is_not_valid(
    look: Look, world: Target, live: Release
) -> None:
    world.execute(
        "CREATE TABLE pages (id int PRIMARY KEY, book int);"
        "INSERT INTO pages VALUES (1, 1), (2, 500);"
        "ALTER TABLE pages ADD FOREIGN KEY (book) REFERENCES books NOT VALID"
    )
    look()
    world.execute("SET session_replication_role = replica")
    world.execute("INSERT INTO pages VALUES (3, 501)")
    look()
    assert IntegrityFinding.objects.get().summary == "1 page points at no book: pages.book"


def test_a_finding_is_resolved_when_the_rows_agree_again_and_the_hold_stays(
    look: Look, world: Target, live: Release, target: TargetDatabase
) -> None:
    look()
    world.execute(ASTRAY)
    look()
    world.execute("UPDATE books SET universe_id = user_id")
    look()
    assert IntegrityFinding.objects.get().resolved_at is not None
    assert len(holds.standing(target)) == 1
    assert said(live) == [Verdict.PASS, Verdict.FAIL, Verdict.PASS]
    world.execute(ASTRAY)
    look()
    assert IntegrityFinding.objects.filter(resolved_at=None).count() == 1


def test_where_most_rows_always_differed_there_is_no_rule(
    look: Look, world: Target, live: Release
) -> None:
    world.execute("UPDATE books SET universe_id = 1 + user_id % 3")
    look()
    world.execute("INSERT INTO books VALUES (50, 1, 2, 'guest')")
    look()
    assert not IntegrityFinding.objects.exists()


def test_a_person_may_accept_rows_and_says_why(look: Look, world: Target, live: Release) -> None:
    look()
    world.execute(ASTRAY)
    look()
    found = IntegrityFinding.objects.get()
    with pytest.raises(integrity.ReasonMissing):
        integrity.accept(finding=found, reason=" ", actor=ANA)
    with pytest.raises(NotPermitted):
        integrity.accept(finding=found, reason="x", actor=_stranger())
    integrity.accept(finding=found, reason="shared on purpose", actor=ANA)
    with pytest.raises(integrity.NotOpen):
        integrity.accept(finding=found, reason="again", actor=ANA)
    look()
    assert not IntegrityFinding.objects.filter(resolved_at=None).exists()
    assert Event.objects.get(verb="finding.accept").data["reason"] == "shared on purpose"


def _stranger() -> Actor:
    return Actor.person(User.objects.create(username="stranger"))


def test_without_time_or_without_the_target_nothing_is_claimed(
    look: Look,
    world: Target,
    live: Release,
    settings: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.SAFETY_BUDGET_MS = 0  # type: ignore[attr-defined]
    assert not look()
    settings.SAFETY_BUDGET_MS = 2000  # type: ignore[attr-defined]
    monkeypatch.delenv("TARGET_SCRATCH_URL")
    assert not look()
    assert said(live) == []
    monkeypatch.undo()


def test_a_locked_table_is_cannot_tell(
    look: Look, world: Target, live: Release, target_url: str
) -> None:
    with psycopg.connect(target_url) as other:
        other.execute("LOCK TABLE books")
        assert look()
    assert said(live) == [Verdict.INCONCLUSIVE]
    look()
    world.execute(ASTRAY)
    look()
    assert IntegrityFinding.objects.get().rows == 2


def test_a_large_table_is_read_in_windows_and_nothing_known_is_new(
    look: Look, world: Target, live: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whole, "WINDOW", 2)
    world.execute(
        "INSERT INTO books SELECT n, 1 + n % 3, 1 + n % 3, repeat('x', 500)"
        " FROM generate_series(1000, 1100) n"
    )
    world.execute("UPDATE books SET universe_id = 3 WHERE id = 1100 AND user_id <> 3")
    for _ in range(8):
        look()
    assert not IntegrityFinding.objects.exists()
    assert IntegrityBaseline.objects.filter(key__contains=" @").count() > 2
    # a row that was wrong from the beginning moves to another window
    world.execute("UPDATE books SET title = 'moved' WHERE id = 1100")
    for _ in range(8):
        look()
    assert not IntegrityFinding.objects.exists()
    world.execute("UPDATE books SET universe_id = 1 + user_id % 3 WHERE id BETWEEN 1000 AND 1003")
    for _ in range(8):
        look()
    assert IntegrityFinding.objects.filter(resolved_at=None).exists()


def test_the_timetable_asks_for_each_target_once_a_period(
    live: Release, target: TargetDatabase
) -> None:
    assert (integrity.look(), integrity.look()) == (1, 0)
    assert OrmQ.objects.count() >= 1
    IntegrityBaseline.objects.filter(target=target).update(at=Now() - 2 * integrity.EVERY)
    MigrationRun.objects.update(state=RunState.RUNNING)
    assert integrity.due() == []  # the run's own guard looks there
    MigrationRun.objects.update(state=RunState.SUCCEEDED)
    assert integrity.due() == [target.pk]
    Release.objects.update(state=ReleaseState.COMPLETE)
    IntegrityBaseline.objects.filter(target=target).update(at=Now() - 2 * integrity.EVERY)
    assert integrity.due() == []


def test_looking_changes_nothing_on_the_target(target: TargetDatabase, world: Target) -> None:
    connection = targets.connect(target, application_name="t", autocommit=True)
    with (
        connection,
        whole.looking(connection),
        pytest.raises(psycopg.errors.ReadOnlySqlTransaction),
    ):
        connection.execute("DELETE FROM public.books")
