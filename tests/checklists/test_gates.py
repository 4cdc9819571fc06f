from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.db import connection

from checklists import gates, lifecycle, ticking
from checklists.models import Checklist, ChecklistItem, Gate
from checklists.states import GateName
from flags.changing import rollout
from flags.models import Flag, FlagState
from releases.models import Environment, Event, Release
from releases.refusals import MoveNotAllowed, NotPermitted
from releases.states import ReleaseState
from releases.timeline import Actor

S = ReleaseState


def ready(release: Release, actor: Actor) -> None:
    lifecycle.move(release=release, to=S.READY, actor=actor)


def test_the_start_is_refused_while_items_are_open_and_lists_them(
    release: Release, ana: User
) -> None:
    actor = Actor.person(ana)
    ready(release, actor)
    with pytest.raises(gates.GateClosed) as refused:
        lifecycle.move(release=release, to=S.IN_PROGRESS, actor=actor)
    assert "“Backup created” is open" in refused.value.message
    assert [u.item.text for u in refused.value.waits_for if u.item] == [
        "Backup created",
        "Reviewed",
    ]
    release.refresh_from_db()
    assert release.state == S.READY


def test_an_open_gate_lets_the_release_start(
    release: Release, items: list[ChecklistItem], ana: User
) -> None:
    actor = Actor.person(ana)
    for item in items:
        ticking.tick(item=item, actor=actor)
    ready(release, actor)
    moved = lifecycle.move(release=release, to=S.IN_PROGRESS, actor=actor)
    assert (moved.state, moved.driver) == (S.IN_PROGRESS, ana)
    assert moved.started_at is not None
    assert Event.objects.filter(verb="release.move").count() == 2


def test_optional_and_removed_items_hold_nobody_up(
    release: Release, items: list[ChecklistItem]
) -> None:
    ChecklistItem.objects.filter(pk=items[0].pk).update(required=False)
    ChecklistItem.objects.filter(pk=items[1].pk).update(removed_at="2026-11-22T00:00Z")
    assert gates.unmet(release, GateName.START) == []


def test_a_signoff_condition_waits_for_its_role(release: Release, ana: User, dora: User) -> None:
    gates.ensure(release, signoffs={"complete": ("Product",)})
    gate = Gate.objects.get(release=release, name="complete")
    assert [u.text for u in gates.unmet(release, "complete")] == ["Product has not signed off"]
    with pytest.raises(gates.NotThatRole, match="Product"):
        gates.sign_off(gate=gate, role="Product", go=True, actor=Actor.person(ana))
    gates.sign_off(
        gate=gate, role="Product", go=False, actor=Actor.person(dora), reason="banner missing"
    )
    assert "Product said no: banner missing" in gates.unmet(release, "complete")[0].text
    gates.sign_off(gate=gate, role="Product", go=True, actor=Actor.person(dora))
    assert gates.unmet(release, "complete") == []
    with pytest.raises(gates.AlreadySigned):
        gates.sign_off(gate=gate, role="Product", go=True, actor=Actor.person(dora))


def test_a_state_can_not_be_jumped_over(release: Release, ana: User) -> None:
    with pytest.raises(MoveNotAllowed, match="draft can go to: cancelled, ready"):
        lifecycle.move(release=release, to=S.COMPLETE, actor=Actor.person(ana))


def test_cancelling_needs_a_reason_and_asks_no_gate(release: Release, ana: User) -> None:
    with pytest.raises(ticking.ReasonMissing):
        lifecycle.move(release=release, to=S.CANCELLED, actor=Actor.person(ana))
    moved = lifecycle.move(
        release=release, to=S.CANCELLED, actor=Actor.person(ana), reason="not this year"
    )
    assert moved.finished_at is not None


def test_only_a_release_manager_moves_a_release(release: Release, ben: User, dora: User) -> None:
    for person in (ben, dora):
        with pytest.raises(NotPermitted):
            lifecycle.move(release=release, to=S.READY, actor=Actor.person(person))


@pytest.mark.django_db(transaction=True)
def test_a_move_and_a_note_at_the_same_time_do_not_block_each_other(
    release: Release, items: list[ChecklistItem]
) -> None:
    """The chain of the timeline and the release's row, taken in either order."""
    failures: list[Exception] = []

    def again_and_again(act: Callable[[int], object]) -> None:
        try:
            for turn in range(20):
                act(turn)
        except Exception as failed:  # noqa: BLE001  (told by the assertion below)
            failures.append(failed)
        finally:
            connection.close()

    actor = Actor.command("test")
    moves = (S.READY, S.DRAFT)
    threads = [
        threading.Thread(
            target=again_and_again,
            args=(lambda turn: lifecycle.move(release=release, to=moves[turn % 2], actor=actor),),
        ),
        threading.Thread(
            target=again_and_again,
            args=(
                lambda turn: ticking.annotate(
                    item=items[0], actor=actor, note=str(turn), evidence_url=""
                ),
            ),
        ),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert failures == []


def test_the_dial_waits_for_a_checklist_that_is_hung_on_it(
    release: Release, production: Environment
) -> None:
    flag = Flag.objects.create(key="f", name="F", release=release)
    FlagState.objects.create(flag=flag, environment=production)
    actor = Actor.command("test")
    Checklist.objects.filter(key="before").update(gate=GateName.TURN_DIAL)
    with pytest.raises(gates.GateClosed, match="Backup created"):
        rollout.turn_dial(flag=flag, environment=production, to=1000, reason="r", actor=actor)
    Checklist.objects.filter(key="before").update(gate=GateName.START)
    turned = rollout.turn_dial(flag=flag, environment=production, to=1000, reason="r", actor=actor)
    assert turned.changed


def test_a_waiver_that_was_asked_ends_when_the_work_begins(
    items: list[ChecklistItem], ana: User
) -> None:
    actor = Actor.person(ana)
    for act in (ticking.begin, lambda **who: ticking.block(reason="disk", **who)):
        ticking.ask_waiver(item=items[0], actor=actor, reason="r")
        act(item=items[0], actor=actor)
    ticking.ask_waiver(item=items[0], actor=actor, reason="r")
