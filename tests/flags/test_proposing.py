"""A change that needs other people's yes: bound to the difference, void after any edit."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission, User
from django.db import transaction

from checklists.approvals import NobodyCouldApprove, OwnWork
from checklists.gates import GateClosed
from checklists.models import Gate
from flags.changing import proposing, rollout
from flags.changing.publishing import NeedsApproval, SegmentNeedsApproval, publish, published
from flags.models import Flag, FlagState, Override, ProposedChange, RulesetEntry, Segment, Variant
from flags.states import ChangeState
from releases.models import Environment, Event
from releases.timeline import Actor
from tests.flags.conftest import make_flag


@pytest.fixture
def guarded(production: Environment) -> Environment:
    """Production, where changes of flags need one other person."""
    production.flag_approvals_needed = 1
    production.save()
    return production


@pytest.fixture
def people(ana: User, ben: User) -> tuple[Actor, Actor]:
    """Ana proposes, Ben approves; both may."""
    for person in (ana, ben):
        rights = Permission.objects.filter(codename__in=["approve_change", "turn_dial"])
        person.user_permissions.add(*rights)
    users = User.objects
    return Actor.person(users.get(pk=ana.pk)), Actor.person(users.get(pk=ben.pk))


@pytest.fixture
def flag(guarded: Environment) -> Flag:
    return make_flag("x", guarded)


def turn(flag: Flag, environment: Environment, to: int, actor: Actor) -> rollout.Turned:
    return rollout.turn_dial(
        flag=flag, environment=environment, to=to, reason="week 2", actor=actor
    )


def proposed(flag: Flag, environment: Environment, to: int, actor: Actor) -> ProposedChange:
    with pytest.raises(proposing.Proposed) as refused:
        turn(flag, environment, to, actor)
    return refused.value.proposal


def dial(flag: Flag) -> int:
    return FlagState.objects.get(flag=flag).dial


def test_letting_more_in_becomes_a_proposal_and_changes_nothing(
    flag: Flag, guarded: Environment, people: tuple[Actor, Actor]
) -> None:
    ana, _ = people
    revision = RulesetEntry.objects.get(key="x", current=True).revision
    proposal = proposed(flag, guarded, 10_000, ana)
    assert (proposal.state, proposal.reason) == (ChangeState.WAITING, "week 2")
    assert (proposal.before["dial"], proposal.after["dial"]) == (0, 10_000)
    assert dial(flag) == 0
    assert RulesetEntry.objects.get(key="x", current=True).revision == revision
    assert proposed(flag, guarded, 10_000, ana) == proposal  # a second click is the same


def test_approved_by_another_it_is_carried_out_as_shown(
    flag: Flag, guarded: Environment, people: tuple[Actor, Actor]
) -> None:
    ana, ben = people
    proposal = proposed(flag, guarded, 10_000, ana)
    with pytest.raises(proposing.NotApprovedYet, match="approved by nobody"):
        proposing.carry_out(proposal=proposal, actor=ana)
    with pytest.raises(OwnWork):
        proposing.approve(proposal=proposal, actor=ana)
    proposing.approve(proposal=proposal, actor=ben)
    assert proposing.carry_out(proposal=proposal, actor=ana).state == ChangeState.APPLIED
    assert dial(flag) == 10_000
    assert published(guarded, "x") == proposal.after
    with pytest.raises(proposing.NotWaiting):
        proposing.carry_out(proposal=proposal, actor=ana)
    verbs = list(Event.objects.order_by("id").values_list("verb", flat=True))
    assert verbs[-3:] == ["flag_change.propose", "flag_change.approve", "flag_change.carry_out"]


def test_any_change_of_the_flag_voids_what_was_approved(
    flag: Flag, guarded: Environment, people: tuple[Actor, Actor]
) -> None:
    ana, ben = people
    proposal = proposed(flag, guarded, 10_000, ana)
    proposing.approve(proposal=proposal, actor=ben)
    rollout.kill(flag=flag, environment=guarded, reason="errors", actor=ana)
    proposal.refresh_from_db()
    assert proposal.state == ChangeState.VOID
    assert "changed meanwhile" in proposal.outcome
    with pytest.raises(proposing.NotWaiting, match="changed meanwhile"):
        proposing.carry_out(proposal=proposal, actor=ana)
    assert dial(flag) == 0


def test_taking_away_and_killing_ask_nobody(
    flag: Flag, guarded: Environment, people: tuple[Actor, Actor]
) -> None:
    ana, ben = people
    proposal = proposed(flag, guarded, 50_000, ana)
    proposing.approve(proposal=proposal, actor=ben)
    proposing.carry_out(proposal=proposal, actor=ben)
    assert turn(flag, guarded, 10_000, ana).changed
    assert rollout.kill(flag=flag, environment=guarded, reason="", actor=ana).changed
    assert rollout.rearm(flag=flag, environment=guarded, reason="fixed", actor=ana).changed
    assert not ProposedChange.objects.filter(state=ChangeState.WAITING).exists()


def test_where_nobody_could_approve_it_says_so_beforehand(
    flag: Flag, guarded: Environment, people: tuple[Actor, Actor]
) -> None:
    ana, _ = people
    User.objects.exclude(username="ana").update(is_active=False)
    with pytest.raises(NobodyCouldApprove):
        turn(flag, guarded, 10_000, ana)
    assert not ProposedChange.objects.exists()


def test_the_gate_is_asked_when_it_is_carried_out(
    guarded: Environment, people: tuple[Actor, Actor], universe: Flag
) -> None:
    ana, ben = people
    proposal = proposed(universe, guarded, 10_000, ana)
    proposing.approve(proposal=proposal, actor=ben)
    gate = Gate.objects.get(release=universe.release, name="turn_dial")
    gate.conditions.create(kind="signoff", role="release-manager")
    with pytest.raises(GateClosed):
        proposing.carry_out(proposal=proposal, actor=ana)
    proposal.refresh_from_db()
    assert proposal.state == ChangeState.WAITING


def test_its_author_withdraws_it(
    flag: Flag, guarded: Environment, people: tuple[Actor, Actor], cleo: User
) -> None:
    ana, _ = people
    proposal = proposed(flag, guarded, 10_000, ana)
    with pytest.raises(proposing.NotYours):
        proposing.withdraw(proposal=proposal, actor=Actor.person(cleo))
    assert proposing.withdraw(proposal=proposal, actor=ana).state == ChangeState.WITHDRAWN


def test_rules_and_overrides_are_written_as_they_were_approved(
    flag: Flag, guarded: Environment, people: tuple[Actor, Actor]
) -> None:
    ana, ben = people
    state = FlagState.objects.get(flag=flag)
    condition = {"attribute": "country", "operator": "in", "values": ["DE"]}
    on = Variant.objects.get(flag=flag, name="on")

    @transaction.atomic
    def target() -> None:
        state.rules.create(position=0, name="Germany", conditions=[condition], variant=on)
        Override.objects.create(state=state, key="ana", variant=on, reason="tests it")
        publish(guarded, flags=[flag])

    with pytest.raises(NeedsApproval) as needs:
        target()
    assert not state.rules.exists()
    proposal = proposing.propose(needs.value, verb="add_rule", reason="testers", actor=ana)
    proposing.approve(proposal=proposal, actor=ben)
    proposing.carry_out(proposal=proposal, actor=ana)
    assert [rule.name for rule in state.rules.all()] == ["Germany"]
    assert [(one.key, one.reason) for one in state.overrides.all()] == [("ana", "testers")]
    assert published(guarded, "x") == proposal.after


def test_a_segment_in_use_is_not_changed_past_the_approval(
    flag: Flag, guarded: Environment, people: tuple[Actor, Actor]
) -> None:
    state = FlagState.objects.get(flag=flag)
    segment = Segment.objects.create(key="germany", name="Germany", conditions=[])
    state.rules.create(position=0, name="Germany").segments.add(segment)
    with transaction.atomic():
        publish(guarded, approved=True)
    segment.conditions = [{"attribute": "country", "operator": "in", "values": ["DE"]}]
    segment.save()
    with pytest.raises(SegmentNeedsApproval, match="x uses germany"), transaction.atomic():
        publish(guarded, segments=[segment])
