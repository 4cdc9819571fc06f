from __future__ import annotations

import threading

import pytest
from django.contrib.auth.models import User
from django.db import connection

from checklists import ticking
from checklists.models import ChecklistItem, Tick
from checklists.states import GateName
from releases import evidence
from releases.models import Event, Release, Verdict
from releases.refusals import NotPermitted
from releases.states import ReleaseState
from releases.timeline import Actor, broken_links


def test_a_tick_says_who_and_when_and_stands_on_the_timeline(
    items: list[ChecklistItem], ana: User
) -> None:
    made = ticking.tick(item=items[0], actor=Actor.person(ana), note="dump checked")
    made.refresh_from_db()
    items[0].refresh_from_db()
    assert (made.by, made.note) == (ana, "dump checked")
    assert items[0].state == "done"
    assert items[0].ended_at is not None
    event = Event.objects.get(verb="item.tick")
    assert (event.actor_name, event.data) == ("Ana Almeida", {"note": "dump checked"})


def test_the_second_tick_is_told_who_was_first(
    items: list[ChecklistItem], ana: User, ben: User
) -> None:
    ticking.tick(item=items[0], actor=Actor.person(ana))
    with pytest.raises(ticking.AlreadyTicked, match="Ana Almeida ticked it"):
        ticking.tick(item=items[0], actor=Actor.person(ben))
    assert Tick.objects.count() == 1
    assert Event.objects.filter(verb="item.tick").count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_people_at_once_get_one_tick_and_one_clear_answer(
    items: list[ChecklistItem], ana: User, ben: User
) -> None:
    start = threading.Barrier(2)
    answers: list[str] = []

    def tick_as(user: User) -> None:
        try:
            start.wait(timeout=10)
            ticking.tick(item=items[0], actor=Actor.person(user))
            answers.append("ticked")
        except ticking.AlreadyTicked:
            answers.append("already")
        finally:
            connection.close()

    threads = [threading.Thread(target=tick_as, args=(user,)) for user in (ana, ben)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert sorted(answers) == ["already", "ticked"]
    assert Tick.objects.filter(undone_at=None).count() == 1


def test_numbered_steps_keep_their_order(steps: list[ChecklistItem], ana: User) -> None:
    with pytest.raises(ticking.EarlierStepOpen, match="Step 1, “Run migrations”"):
        ticking.tick(item=steps[1], actor=Actor.person(ana))
    ticking.tick(item=steps[0], actor=Actor.person(ana))
    ticking.tick(item=steps[1], actor=Actor.person(ana))
    steps[1].refresh_from_db()
    assert steps[1].state == "done"


def test_a_later_step_cannot_be_begun_either(steps: list[ChecklistItem], ana: User) -> None:
    with pytest.raises(ticking.EarlierStepOpen):
        ticking.begin(item=steps[1], actor=Actor.person(ana))
    steps[1].refresh_from_db()
    assert steps[1].state == "open"


def test_an_unticked_item_keeps_the_old_tick_on_record(
    items: list[ChecklistItem], ana: User, ben: User
) -> None:
    ticking.tick(item=items[0], actor=Actor.person(ana))
    ticking.untick(item=items[0], actor=Actor.person(ben), reason="dump is empty")
    ticking.tick(item=items[0], actor=Actor.person(ana))
    first, second = Tick.objects.order_by("id")
    assert (first.undone_by_name, first.undone_reason) == ("Ben Bauer", "dump is empty")
    assert second.undone_at is None


def test_what_is_not_ticked_cannot_be_unticked(items: list[ChecklistItem], ana: User) -> None:
    with pytest.raises(ticking.NotTicked):
        ticking.untick(item=items[0], actor=Actor.person(ana))


def test_a_required_item_is_waived_by_two_people_only(
    items: list[ChecklistItem], ana: User, ben: User
) -> None:
    item = items[0]
    ticking.ask_waiver(item=item, actor=Actor.person(ana), reason="no data to back up")
    item.refresh_from_db()
    assert item.state == "waiving"
    with pytest.raises(ticking.SecondPersonNeeded, match="Ana Almeida asked"):
        ticking.confirm_waiver(item=item, actor=Actor.person(ana))
    ticking.confirm_waiver(item=item, actor=Actor.person(ben))
    item.refresh_from_db()
    assert item.state == "waived"


def test_an_optional_item_is_waived_by_one_person(items: list[ChecklistItem], ana: User) -> None:
    ChecklistItem.objects.filter(pk=items[0].pk).update(required=False)
    ticking.ask_waiver(item=items[0], actor=Actor.person(ana), reason="not needed here")
    items[0].refresh_from_db()
    assert items[0].state == "waived"


@pytest.mark.parametrize("reason", ["", "   "])
def test_waiving_and_blocking_need_a_reason(
    items: list[ChecklistItem], ana: User, reason: str
) -> None:
    with pytest.raises(ticking.ReasonMissing):
        ticking.ask_waiver(item=items[0], actor=Actor.person(ana), reason=reason)
    with pytest.raises(ticking.ReasonMissing):
        ticking.block(item=items[0], actor=Actor.person(ana), reason=reason)
    items[0].refresh_from_db()
    assert items[0].state == "open"


def test_a_tick_against_failing_evidence_is_refused(items: list[ChecklistItem], ana: User) -> None:
    evidence.record(subject=items[0], verdict=Verdict.FAIL, summary="the dump can't be listed")
    with pytest.raises(ticking.EvidenceSpeaksAgainst, match="can't be listed"):
        ticking.tick(item=items[0], actor=Actor.person(ana))


def test_the_actual_start_is_the_first_begin(items: list[ChecklistItem], ana: User) -> None:
    actor = Actor.person(ana)
    ticking.begin(item=items[0], actor=actor)
    items[0].refresh_from_db()
    began = items[0].started_at
    ticking.block(item=items[0], actor=actor, reason="disk full")
    ticking.begin(item=items[0], actor=actor)
    ticking.tick(item=items[0], actor=actor)
    items[0].refresh_from_db()
    assert items[0].started_at == began
    assert items[0].reason == ""


def test_who_has_no_rights_changes_nothing(
    items: list[ChecklistItem], dan: User, vic: User, cleo: User
) -> None:
    for person in (dan, vic, cleo):
        with pytest.raises(NotPermitted):
            ticking.tick(item=items[0], actor=Actor.person(person))
    assert not Event.objects.exists()


def test_an_ended_release_keeps_its_checklist(
    release: Release, items: list[ChecklistItem], ana: User
) -> None:
    Release.objects.filter(pk=release.pk).update(state=ReleaseState.CANCELLED)
    with pytest.raises(ticking.ReleaseIsOver, match="cancelled"):
        ticking.tick(item=items[0], actor=Actor.person(ana))


def test_after_a_rollback_its_own_items_can_be_ticked(
    release: Release, items: list[ChecklistItem], ana: User
) -> None:
    Release.objects.filter(pk=release.pk).update(state=ReleaseState.ROLLED_BACK)
    with pytest.raises(ticking.ReleaseIsOver):
        ticking.tick(item=items[0], actor=Actor.person(ana))
    items[0].checklist.gate = GateName.AFTER_ROLLBACK
    items[0].checklist.save(update_fields=["gate"])
    ticking.tick(item=items[0], actor=Actor.person(ana))
    items[0].refresh_from_db()
    assert items[0].state == "done"


def test_next_open_follows_the_plan(
    release: Release, items: list[ChecklistItem], steps: list[ChecklistItem], ana: User
) -> None:
    for item in items:
        assert ticking.next_open(release) == item
        ticking.tick(item=item, actor=Actor.person(ana))
    assert ticking.next_open(release) == steps[0]


def test_the_timeline_is_chained_and_whole(
    release: Release, items: list[ChecklistItem], ana: User
) -> None:
    for item in items:
        ticking.tick(item=item, actor=Actor.person(ana))
    assert list(broken_links(release)) == []
