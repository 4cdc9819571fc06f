"""What reaches several environments waits as one proposal: a flag's own form, and segments."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.urls import reverse

from flags.changing import proposing, rollout, segments, targeting
from flags.changing.publishing import published
from flags.core.specs import ConditionSpec, Operator, PrerequisiteSpec, RuleSpec
from flags.models import Flag, FlagState, ProposedChange, Segment
from flags.states import ChangeState
from releases.models import Environment
from releases.timeline import Actor
from tests.flags.conftest import OPERATOR, make_flag

GERMANS = ConditionSpec("country", Operator.IN, ("DE",))
FRENCH = ConditionSpec("country", Operator.IN, ("FR",))
AUSTRIANS = ConditionSpec("country", Operator.IN, ("AT",))


@pytest.fixture
def people(ana: User, ben: User) -> tuple[Actor, Actor]:
    """Ana proposes, Ben approves; both may."""
    for person in (ana, ben):
        person.user_permissions.add(Permission.objects.get(codename="approve_change"))
    return Actor.person(User.objects.get(pk=ana.pk)), Actor.person(User.objects.get(pk=ben.pk))


@pytest.fixture
def flag(staging: Environment, production: Environment, people: tuple[Actor, Actor]) -> Flag:
    """At 50 % on both, and from then on production asks for one other person."""
    made = make_flag("x", staging, production)
    for where in (staging, production):
        turn(made, where, 50_000)
    ask(production, 1)
    return made


def turn(flag: Flag, where: Environment, to: int) -> None:
    rollout.turn_dial(flag=flag, environment=where, to=to, reason="week 1", actor=OPERATOR)


def ask(environment: Environment, people: int) -> None:
    Environment.objects.filter(pk=environment.pk).update(flag_approvals_needed=people)


def signed_in(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def form_of(flag: Flag, **fields: str) -> dict[str, str]:
    """The flag's form as it stands, with what was typed over it."""
    given = {"name": flag.name, "kind": flag.kind, "use": flag.use, "bucket_by": flag.bucket_by}
    given |= {"variants-TOTAL_FORMS": "2", "variants-INITIAL_FORMS": "2"}
    for place, variant in enumerate(flag.variants.all()):
        given |= {
            f"variants-{place}-id": str(variant.pk),
            f"variants-{place}-flag": str(flag.pk),
            f"variants-{place}-name": variant.name,
            f"variants-{place}-value": "true" if variant.value else "false",
            f"variants-{place}-weight": str(variant.weight),
            f"variants-{place}-position": str(variant.position),
        }
    return {**given, "variants-1-is_off": "on", **fields}


def edited(flag: Flag, ana: User, **fields: str) -> Any:
    address = reverse("admin:flags_flag_change", args=[flag.pk])
    return signed_in(ana).post(address, form_of(flag, **fields), follow=True)


def bucketed_by(flag: Flag, *environments: Environment) -> list[str]:
    return [(published(where, flag.key) or {})["bucket_by"] for where in environments]


# --- A flag's own form --------------------------------------------------------------------------
def test_what_a_flags_form_decides_waits_and_the_rest_is_saved(
    flag: Flag, staging: Environment, production: Environment, people: Any, ana: User
) -> None:
    shown = edited(flag, ana, name="New name", bucket_by="organisation", reason="by company")
    assert "needs 1 other people" in shown.text
    assert "Bucketing key: targetingKey → organisation." in shown.text
    assert "it was changed successfully" not in shown.text
    flag.refresh_from_db()
    assert (flag.name, flag.bucket_by) == ("New name", "targetingKey")
    assert bucketed_by(flag, staging, production) == ["targetingKey", "targetingKey"]
    proposal = ProposedChange.objects.get()
    assert (proposal.state, proposal.reason) == (ChangeState.WAITING, "by company")
    proposing.approve(proposal=proposal, actor=people[1])
    proposing.carry_out(proposal=proposal, actor=people[0])
    assert bucketed_by(flag, staging, production) == ["organisation", "organisation"]
    with pytest.raises(proposing.NotWaiting):
        proposing.carry_out(proposal=proposal, actor=people[0])


def test_variants_wait_too_and_a_name_alone_waits_for_nobody(
    flag: Flag, people: Any, ana: User
) -> None:
    assert edited(flag, ana, name="New name").status_code == 200
    assert not ProposedChange.objects.exists()
    edited(flag, ana, **{"variants-0-name": "yes"})
    assert {one.name for one in flag.variants.all()} == {"on", "off"}
    proposal = ProposedChange.objects.get()
    proposing.approve(proposal=proposal, actor=people[1])
    proposing.carry_out(proposal=proposal, actor=people[0])
    assert {one.name for one in flag.variants.all()} == {"yes", "off"}


def test_any_edit_voids_it(flag: Flag, production: Environment, people: Any, ana: User) -> None:
    edited(flag, ana, bucket_by="organisation")
    proposal = ProposedChange.objects.get()
    proposing.approve(proposal=proposal, actor=people[1])
    turn(flag, production, 40_000)  # taking away asks nobody
    proposal.refresh_from_db()
    assert proposal.state == ChangeState.VOID
    with pytest.raises(proposing.NotWaiting):
        proposing.carry_out(proposal=proposal, actor=people[0])
    assert bucketed_by(flag, production) == ["targetingKey"]


def test_two_environments_that_ask_are_one_question_of_the_stricter(
    flag: Flag, staging: Environment, production: Environment, people: Any, ana: User, dora: User
) -> None:
    ask(staging, 2)
    dora.user_permissions.add(Permission.objects.get(codename="approve_change"))
    edited(flag, ana, bucket_by="organisation")
    proposal = ProposedChange.objects.get()
    assert (proposal.of.environment, proposing.quorum(proposal)) == (staging, 2)
    assert list(proposal.change["elsewhere"]) == ["production"]
    proposing.approve(proposal=proposal, actor=people[1])
    with pytest.raises(proposing.NotApprovedYet, match="2 needed"):
        proposing.carry_out(proposal=proposal, actor=people[0])
    proposing.approve(proposal=proposal, actor=Actor.person(User.objects.get(pk=dora.pk)))
    turn(flag, production, 40_000)  # elsewhere, but it was part of what was approved
    assert "what stood when this was proposed" in page_of(proposal, ana)
    with pytest.raises(proposing.ChangedMeanwhile):
        proposing.carry_out(proposal=proposal, actor=people[0])
    proposal.refresh_from_db()
    assert proposal.state == ChangeState.VOID
    assert bucketed_by(flag, staging, production) == ["targetingKey", "targetingKey"]


def test_a_prerequisite_reaches_no_environment_past_its_own_approval(
    flag: Flag, staging: Environment, production: Environment, people: Any
) -> None:
    make_flag("base", staging, production)
    targeting.change(
        flag=flag,
        environment=staging,
        edit=targeting.requiring([PrerequisiteSpec("base")]),
        reason="x",
        actor=OPERATOR,
    )
    with pytest.raises(proposing.Proposed) as refused:
        targeting.change(
            flag=flag,
            environment=staging,
            edit=targeting.requiring([]),
            reason="x",
            actor=people[0],
        )
    assert refused.value.proposal.of.environment == production
    assert (published(staging, "x") or {})["requires"]


def page_of(proposal: ProposedChange, person: User) -> str:
    address = reverse("admin:flags_proposedchange_change", args=[proposal.pk])
    return signed_in(person).get(address).text


# --- A segment ----------------------------------------------------------------------------------
@pytest.fixture
def used(flag: Flag, production: Environment) -> Segment:
    """A segment that a rule on production names."""
    ask(production, 0)
    made = save_segment(GERMANS, OPERATOR)
    use(flag, production)
    ask(production, 1)
    return made


def save_segment(condition: ConditionSpec, actor: Actor, name: str = "There") -> Segment:
    return segments.save_segment(
        key="there", name=name, conditions=[condition], reason="new market", actor=actor
    )


def use(flag: Flag, where: Environment) -> None:
    rule = RuleSpec("there", segments=("there",))
    edit = targeting.adding_rule(rule)
    targeting.change(flag=flag, environment=where, edit=edit, reason="x", actor=OPERATOR)


def propose(condition: ConditionSpec, actor: Actor) -> ProposedChange:
    with pytest.raises(proposing.Proposed) as refused:
        save_segment(condition, actor, "Somewhere")
    return refused.value.proposal


def asked_for(segment: Segment) -> Any:
    segment.refresh_from_db()
    return segment.name, segment.conditions[0]["values"]


def test_a_segment_in_use_waits_and_is_changed_as_it_was_approved(
    used: Segment, people: Any, ana: User
) -> None:
    proposal = propose(AUSTRIANS, people[0])
    assert asked_for(used) == ("There", ["DE"])
    assert propose(AUSTRIANS, people[0]) == proposal  # a second click is the same
    shown = page_of(proposal, ana)
    assert "Asked as well: country is AT." in shown
    assert "Name: There → Somewhere." in shown
    assert "used by production: x" in shown
    proposing.approve(proposal=proposal, actor=people[1])
    proposing.carry_out(proposal=proposal, actor=people[0])
    assert asked_for(used) == ("Somewhere", ["AT"])
    with pytest.raises(proposing.NotWaiting):
        proposing.carry_out(proposal=proposal, actor=people[0])


def test_a_segment_changed_meanwhile_or_used_by_one_more_is_another_question(
    used: Segment, people: Any, flag: Flag, production: Environment, staging: Environment
) -> None:
    first, second = propose(AUSTRIANS, people[0]), propose(FRENCH, people[0])
    for proposal in (first, second):
        proposing.approve(proposal=proposal, actor=people[1])
    proposing.carry_out(proposal=first, actor=people[0])
    second.refresh_from_db()
    assert second.state == ChangeState.VOID
    third = propose(GERMANS, people[0])
    proposing.approve(proposal=third, actor=people[1])
    ask(production, 0)
    use(make_flag("y", staging, production), production)
    ask(production, 1)
    with pytest.raises(proposing.ChangedMeanwhile):
        proposing.carry_out(proposal=third, actor=people[0])
    assert asked_for(used) == ("Somewhere", ["AT"])


def test_a_segment_that_no_guarded_flag_uses_is_changed_at_once(
    flag: Flag, staging: Environment, people: Any
) -> None:
    segment = save_segment(GERMANS, people[0])
    use(flag, staging)
    save_segment(AUSTRIANS, people[0], "Somewhere")
    assert asked_for(segment) == ("Somewhere", ["AT"])
    assert not ProposedChange.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_carried_out_by_two_at_once_it_happens_once(used: Segment, people: Any) -> None:
    proposal = propose(AUSTRIANS, people[0])
    proposing.approve(proposal=proposal, actor=people[1])
    endings: list[str] = []

    def carry_out() -> None:
        try:
            proposing.carry_out(proposal=proposal, actor=people[0])
            endings.append("done")
        except proposing.NotWaiting:
            endings.append("too late")
        finally:
            connection.close()

    threads = [threading.Thread(target=carry_out) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(endings) == ["done", "too late"]
    assert FlagState.objects.filter(dial=50_000).count() == 2
