"""Changes at their time: once, with the planner's rights, never late into somebody's day."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.utils import timezone

from flags.changing import proposing, rollout, scheduling
from flags.models import Flag, FlagState, ScheduledChange
from flags.states import ChangeState
from releases.models import Environment, Event
from releases.timeline import Actor
from tests.flags.conftest import OPERATOR


def planned(
    flag: Flag, environment: Environment, change: dict[str, Any], actor: Actor = OPERATOR
) -> ScheduledChange:
    return scheduling.schedule(
        flag=flag,
        environment=environment,
        change=change,
        due_at=timezone.now() + timedelta(hours=1),
        reason="week 2",
        actor=actor,
    )


def let_it_be_due(change: ScheduledChange, late: timedelta = timedelta(0)) -> None:
    ScheduledChange.objects.filter(pk=change.pk).update(due_at=timezone.now() - late)


def dial(flag: Flag, environment: Environment) -> int:
    return FlagState.objects.get(flag=flag, environment=environment).dial


def test_a_change_happens_at_its_time_and_once(universe: Flag, staging: Environment) -> None:
    change = planned(universe, staging, {"verb": "turn_dial", "to": 25_000})
    assert scheduling.carry_out_due() == 0
    assert dial(universe, staging) == 0
    let_it_be_due(change)
    assert scheduling.carry_out_due() == 1
    assert dial(universe, staging) == 25_000
    rollout.turn_dial(flag=universe, environment=staging, to=5000, reason="no", actor=OPERATOR)
    assert scheduling.carry_out_due() == 0
    assert dial(universe, staging) == 5000
    change.refresh_from_db()
    assert (change.state, change.outcome) == (ChangeState.APPLIED, "Done.")


def test_a_worker_that_dies_between_verb_and_record_leaves_it_waiting(
    universe: Flag, staging: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = planned(universe, staging, {"verb": "turn_dial", "to": 25_000})
    let_it_be_due(change)

    def die(*_: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr(scheduling, "_end", die)
        with pytest.raises(SystemExit):
            scheduling.carry_out_due()
    assert dial(universe, staging) == 0
    assert scheduling.carry_out_due() == 1
    assert dial(universe, staging) == 25_000


def test_what_comes_too_late_is_not_done_but_a_kill_is(
    universe: Flag, staging: Environment
) -> None:
    rollout.turn_dial(flag=universe, environment=staging, to=5000, reason="go", actor=OPERATOR)
    late = planned(universe, staging, {"verb": "turn_dial", "to": 25_000})
    kill = planned(universe, staging, {"verb": "kill"})
    let_it_be_due(late, scheduling.GRACE * 2)
    assert scheduling.carry_out_due() == 1
    assert dial(universe, staging) == 5000
    let_it_be_due(kill, scheduling.GRACE * 2)
    assert scheduling.carry_out_due() == 1
    late.refresh_from_db()
    assert (late.state, late.outcome) == (
        ChangeState.REFUSED,
        "No worker came within 15 minutes of its time.",
    )
    assert FlagState.objects.get(flag=universe, environment=staging).killed_at is not None


def test_a_refusal_at_its_time_stands_with_it(universe: Flag, staging: Environment) -> None:
    change = planned(universe, staging, {"verb": "turn_dial", "to": 25_000})
    rollout.kill(flag=universe, environment=staging, reason="errors", actor=OPERATOR)
    let_it_be_due(change)
    assert scheduling.carry_out_due() == 1
    change.refresh_from_db()
    assert change.state == ChangeState.REFUSED
    assert "re-arm" in change.outcome
    assert Event.objects.latest("id").verb == "flag_change.refuse"


def test_the_planners_rights_count_when_it_happens(
    universe: Flag, staging: Environment, ben: User
) -> None:
    ben.user_permissions.add(Permission.objects.get(codename="turn_dial"))
    actor = Actor.person(User.objects.get(pk=ben.pk))
    change = planned(universe, staging, {"verb": "switch", "on": False}, actor)
    ben.groups.clear()
    ben.user_permissions.clear()
    let_it_be_due(change)
    scheduling.carry_out_due()
    change.refresh_from_db()
    assert change.state == ChangeState.REFUSED
    assert "role" in change.outcome


def test_where_approval_is_asked_for_the_clock_only_proposes(
    universe: Flag, staging: Environment, ana: User, ben: User
) -> None:
    for person in (ana, ben):
        person.user_permissions.add(*Permission.objects.filter(codename="approve_change"))
    change = planned(universe, staging, {"verb": "turn_dial", "to": 25_000})
    staging.flag_approvals_needed = 1
    staging.save()
    let_it_be_due(change)
    scheduling.carry_out_due()
    change.refresh_from_db()
    assert change.state == ChangeState.REFUSED
    assert "waits for approval" in change.outcome
    assert FlagState.objects.get(flag=universe, environment=staging).proposals.count() == 1


def test_one_that_is_cancelled_does_not_happen(universe: Flag, staging: Environment) -> None:
    change = planned(universe, staging, {"verb": "turn_dial", "to": 25_000})
    scheduling.cancel(scheduled=change, actor=OPERATOR)
    let_it_be_due(change)
    assert scheduling.carry_out_due() == 0
    with pytest.raises(proposing.NotWaiting):
        scheduling.cancel(scheduled=change, actor=OPERATOR)


@pytest.mark.parametrize(
    "change",
    [
        {"verb": "archive"},
        {"verb": "turn_dial"},
        {"verb": "turn_dial", "to": "5"},
        {"verb": "turn_dial", "to": True},
        {"verb": "switch", "on": 1},
        {"verb": "kill", "to": 3},
        {},
    ],
)
def test_what_is_no_change_is_refused(
    universe: Flag, staging: Environment, change: dict[str, Any]
) -> None:
    with pytest.raises(scheduling.NotSchedulable):
        planned(universe, staging, change)
    assert not ScheduledChange.objects.exists()


def test_the_past_is_refused(universe: Flag, staging: Environment) -> None:
    with pytest.raises(scheduling.DueInThePast):
        scheduling.schedule(
            flag=universe,
            environment=staging,
            change={"verb": "kill"},
            due_at=timezone.now(),
            reason="x",
            actor=OPERATOR,
        )
