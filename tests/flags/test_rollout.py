"""The verbs of the dial."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from checklists.gates import GateClosed
from checklists.models import Checklist, ChecklistItem
from flags.changing import rollout
from flags.changing.publishing import OutsideTransaction, publish
from flags.models import Flag, FlagState, Rollout, RulesetRevision
from flags.states import RolloutState
from releases.models import Environment, Event, Release
from releases.refusals import NotPermitted
from releases.timeline import Actor
from tests.flags.conftest import OPERATOR

WHY = "phase 1"


def state_of(flag: Flag, environment: Environment) -> FlagState:
    return FlagState.objects.get(flag=flag, environment=environment)


def revision_of(environment: Environment) -> int:
    return RulesetRevision.objects.get(environment=environment).revision


def turn(flag: Flag, environment: Environment, to: int, actor: Actor = OPERATOR) -> rollout.Turned:
    return rollout.turn_dial(flag=flag, environment=environment, to=to, reason=WHY, actor=actor)


def kill(flag: Flag, environment: Environment, actor: Actor = OPERATOR) -> rollout.Turned:
    return rollout.kill(flag=flag, environment=environment, reason="errors", actor=actor)


def test_turning_the_dial_changes_one_environment_and_says_so(
    universe: Flag, staging: Environment, production: Environment, ana: User
) -> None:
    before = revision_of(staging)
    turned = turn(universe, staging, 12_500, Actor.person(ana))
    assert (turned.before, turned.after, turned.changed) == (0, 12_500, True)
    assert state_of(universe, staging).dial == 12_500
    assert state_of(universe, production).dial == 0
    assert revision_of(staging) == before + 1
    event = Event.objects.get(verb="flag.turn_dial")
    assert event.actor_name == "Ana Almeida"
    assert event.release == universe.release
    assert event.environment == staging
    assert event.data == {
        "flag": "universe-v2",
        "before": "0",
        "after": "12.5",
        "reason": WHY,
        "revision": before + 1,
    }


def test_a_dial_that_stands_there_already_is_left_alone(
    universe: Flag, staging: Environment
) -> None:
    turn(universe, staging, 10_000)
    revision, events = revision_of(staging), Event.objects.count()
    assert turn(universe, staging, 10_000).changed is False
    assert (revision_of(staging), Event.objects.count()) == (revision, events)


@pytest.mark.parametrize("to", [-1, 100_001])
def test_a_dial_outside_its_range_is_refused(universe: Flag, staging: Environment, to: int) -> None:
    with pytest.raises(rollout.DialOutOfRange):
        turn(universe, staging, to)


def test_a_turn_without_a_reason_is_refused(universe: Flag, staging: Environment) -> None:
    with pytest.raises(rollout.ReasonMissing):
        rollout.turn_dial(flag=universe, environment=staging, to=1, reason="  ", actor=OPERATOR)


@pytest.mark.parametrize("person", ["dan", "vic", "cleo"])
def test_only_roles_that_may_turn_and_kill_can(
    universe: Flag, staging: Environment, person: str, request: pytest.FixtureRequest
) -> None:
    actor = Actor.person(request.getfixturevalue(person))
    with pytest.raises(NotPermitted):
        turn(universe, staging, 1000, actor)
    with pytest.raises(NotPermitted):
        kill(universe, staging, actor)
    assert state_of(universe, staging).dial == 0


def test_a_closed_gate_keeps_the_dial_from_growing_but_not_from_shrinking(
    universe: Flag, staging: Environment, release: Release
) -> None:
    turn(universe, staging, 50_000)
    checklist = Checklist.objects.create(
        release=release, key="dial", title="Before the dial", position=9, gate=rollout.GATE
    )
    ChecklistItem.objects.create(checklist=checklist, key="d", position=0, text="Watch errors")
    with pytest.raises(GateClosed, match="Watch errors"):
        turn(universe, staging, 60_000)
    assert turn(universe, staging, 40_000).changed
    assert kill(universe, staging).changed


def test_a_kill_latches_at_zero_until_a_person_rearms(universe: Flag, staging: Environment) -> None:
    turn(universe, staging, 25_000)
    killed = kill(universe, staging)
    assert (killed.before, killed.after, killed.changed) == (25_000, 0, True)
    with pytest.raises(rollout.KilledNeedsRearm):
        turn(universe, staging, 1000)
    assert rollout.rearm(flag=universe, environment=staging, reason="fixed", actor=OPERATOR).changed
    assert state_of(universe, staging).dial == 0
    assert turn(universe, staging, 1000).changed


def test_a_second_kill_says_that_it_was_killed_already(
    universe: Flag, staging: Environment
) -> None:
    kill(universe, staging)
    revision = revision_of(staging)
    assert kill(universe, staging).changed is False
    assert revision_of(staging) == revision
    assert Event.objects.filter(verb="flag.kill").count() == 1


@pytest.mark.parametrize("before", RolloutState)
def test_a_kill_works_from_every_state_of_a_rollout(
    universe: Flag, staging: Environment, before: RolloutState
) -> None:
    planned = Rollout.objects.create(state_of=state_of(universe, staging), state=before)
    assert kill(universe, staging).changed
    planned.refresh_from_db()
    assert planned.state == RolloutState.KILLED
    rollout.rearm(flag=universe, environment=staging, reason="fixed", actor=OPERATOR)
    planned.refresh_from_db()
    assert planned.state == RolloutState.PAUSED


def test_a_kill_works_where_the_flag_has_never_been_and_on_a_faulty_row(
    universe: Flag, staging: Environment, production: Environment
) -> None:
    FlagState.objects.filter(flag=universe, environment=production).delete()
    assert kill(universe, production).changed
    FlagState.objects.filter(flag=universe, environment=staging).update(dial=100_000, enabled=False)
    assert kill(universe, staging).before == 100_000


def test_a_reason_nobody_could_store_does_not_stop_a_kill(
    universe: Flag, staging: Environment
) -> None:
    rollout.kill(flag=universe, environment=staging, reason="bad\x00 \udcff bytes", actor=OPERATOR)
    assert Event.objects.get(verb="flag.kill").data["reason"] == "bad ? bytes"


def test_a_flag_that_is_not_killed_cannot_be_rearmed(universe: Flag, staging: Environment) -> None:
    with pytest.raises(rollout.NotKilled):
        rollout.rearm(flag=universe, environment=staging, reason="?", actor=OPERATOR)


def test_switching_off_keeps_the_dial_and_switching_on_brings_it_back(
    universe: Flag, staging: Environment
) -> None:
    turn(universe, staging, 30_000)

    def switch(*, on: bool) -> rollout.Turned:
        return rollout.switch(flag=universe, environment=staging, on=on, reason=WHY, actor=OPERATOR)

    assert switch(on=False).changed
    assert switch(on=False).changed is False
    state = state_of(universe, staging)
    assert (state.enabled, state.dial) == (False, 30_000)
    assert switch(on=True).changed
    kill(universe, staging)
    switch(on=False)
    with pytest.raises(rollout.KilledNeedsRearm):
        switch(on=True)


@pytest.mark.django_db(transaction=True)
def test_publishing_outside_a_transaction_is_refused(staging: Environment) -> None:
    with pytest.raises(OutsideTransaction):
        publish(staging)
