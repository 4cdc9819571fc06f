"""Rules, overrides, prerequisites, segments and the archive: the verbs and what they refuse."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import User

from checklists.gates import GateClosed
from checklists.models import Gate
from flags.changing import segments, targeting
from flags.changing.proposing import Proposed
from flags.changing.publishing import published
from flags.changing.replacing import Impossible, UnknownPrerequisite
from flags.changing.rollout import ReasonMissing, turn_dial
from flags.changing.targeting import Edit
from flags.core.specs import ConditionSpec, Operator, PrerequisiteSpec, RuleSpec
from flags.models import Flag, FlagState, Segment
from releases.models import Environment, Event
from releases.refusals import NotPermitted
from releases.timeline import Actor
from tests.flags.conftest import OPERATOR, make_flag

GERMANS = ConditionSpec("country", Operator.IN, ("DE",))
IN = RuleSpec("Germany", (GERMANS,), variant="on")
PRO = RuleSpec("Pro", (ConditionSpec("plan", Operator.IN, ("pro",)),), percentage=50_000)


@pytest.fixture
def flag(staging: Environment, production: Environment) -> Flag:
    return make_flag("x", staging, production)


def change(flag: Flag, where: Environment, edit: Edit, **more: str) -> targeting.Changed:
    return targeting.change(
        flag=flag, environment=where, edit=edit, reason="testers", actor=OPERATOR, **more
    )


def names(flag: Flag, where: Environment) -> list[str]:
    return [rule.name for rule in targeting.spec(flag, where).rules]


def test_rules_are_added_moved_changed_and_removed(flag: Flag, staging: Environment) -> None:
    change(flag, staging, targeting.adding_rule(IN))
    change(flag, staging, targeting.adding_rule(PRO))
    assert names(flag, staging) == ["Germany", "Pro"]
    change(flag, staging, targeting.moving_rule(1, 0))
    assert names(flag, staging) == ["Pro", "Germany"]
    wider = RuleSpec("Pro or team", PRO.conditions, percentage=100_000)
    told = change(flag, staging, targeting.changing_rule(0, wider))
    assert any("Pro or team" in line for line in told.lines)
    change(flag, staging, targeting.removing_rule(1))
    assert names(flag, staging) == ["Pro or team"]
    document = published(staging, "x")
    assert document is not None
    assert [rule["name"] for rule in document["rules"]] == ["Pro or team"]
    event = Event.objects.latest("id")
    assert (event.verb, event.data["reason"]) == ("flag.target", "testers")


def test_a_change_that_changes_nothing_records_nothing(flag: Flag, staging: Environment) -> None:
    events = Event.objects.count()
    assert not change(flag, staging, lambda spec: spec).changed
    assert Event.objects.count() == events


def test_overrides_come_end_and_go(flag: Flag, staging: Environment) -> None:
    until = datetime(2099, 1, 1, tzinfo=UTC)
    change(flag, staging, targeting.overriding("ana", "on"))
    change(flag, staging, targeting.overriding("ana", "off", until))
    (one,) = targeting.spec(flag, staging).overrides
    assert (one.key, one.variant, one.until) == ("ana", "off", until)
    change(flag, staging, targeting.lifting("ana"))
    assert targeting.spec(flag, staging).overrides == ()
    with pytest.raises(targeting.NoSuchOverride):
        change(flag, staging, targeting.lifting("ana"))
    with pytest.raises(targeting.NoSuchVariant):
        change(flag, staging, targeting.overriding("ana", "blue"))


def test_what_is_impossible_is_refused_with_its_reason(flag: Flag, staging: Environment) -> None:
    for rule, said in (
        (RuleSpec("all", variant="off", percentage=5), "100 %"),
        (RuleSpec("odd", (ConditionSpec("n", Operator.NUM_GT, ("much",)),)), "not a number"),
        (RuleSpec("in a gap", segments=("gone",)), "gone"),
    ):
        with pytest.raises(Impossible, match=said):
            change(flag, staging, targeting.adding_rule(rule))
    with pytest.raises(targeting.NoSuchRule):
        change(flag, staging, targeting.removing_rule(0))
    assert names(flag, staging) == []


def test_prerequisites_reach_every_environment_and_make_no_circle(
    flag: Flag, staging: Environment, production: Environment
) -> None:
    other = make_flag("y", staging, production)
    change(flag, staging, targeting.requiring([PrerequisiteSpec("y", ("on",))]))
    for where in (staging, production):
        document = published(where, "x")
        assert document is not None
        assert document["requires"] == [{"flag": "y", "variants": ["on"]}]
    with pytest.raises(Impossible, match="x"):
        change(other, staging, targeting.requiring([PrerequisiteSpec("x")]))
    with pytest.raises((Impossible, UnknownPrerequisite)):
        change(flag, staging, targeting.requiring([PrerequisiteSpec("nowhere")]))


def test_the_slower_of_two_people_is_told_who_was_faster(flag: Flag, staging: Environment) -> None:
    seen = targeting.fingerprint(targeting.spec(flag, staging))
    change(flag, staging, targeting.adding_rule(IN), known=seen)
    with pytest.raises(targeting.ChangedSince, match=OPERATOR.name):
        change(flag, staging, targeting.adding_rule(PRO), known=seen)
    assert names(flag, staging) == ["Germany"]


def test_letting_more_in_asks_the_gate_and_keeping_out_does_not(
    universe: Flag, staging: Environment
) -> None:
    gate = Gate.objects.get(release=universe.release, name="turn_dial")
    gate.conditions.create(kind="signoff", role="release-manager")
    with pytest.raises(GateClosed):
        change(universe, staging, targeting.adding_rule(IN))
    out = RuleSpec("not there", (GERMANS,), variant="off")
    assert change(universe, staging, targeting.adding_rule(out)).changed


def test_where_others_approve_it_becomes_a_proposal(
    flag: Flag, production: Environment, ana: User, ben: User
) -> None:
    production.flag_approvals_needed = 1
    production.save()
    with pytest.raises(Proposed):
        change(flag, production, targeting.adding_rule(IN))
    assert names(flag, production) == []


def test_who_may_not_and_who_gives_no_reason(flag: Flag, staging: Environment, vic: User) -> None:
    with pytest.raises(NotPermitted):
        targeting.change(
            flag=flag,
            environment=staging,
            edit=targeting.adding_rule(IN),
            reason="x",
            actor=Actor.person(vic),
        )
    with pytest.raises(ReasonMissing):
        targeting.change(
            flag=flag,
            environment=staging,
            edit=targeting.adding_rule(IN),
            reason=" ",
            actor=OPERATOR,
        )


# --- Segments and the archive -------------------------------------------------------------------
def save(*conditions: ConditionSpec, key: str = "germany") -> Segment:
    return segments.save_segment(
        key=key, name="Germany", conditions=conditions, reason="x", actor=OPERATOR
    )


def test_a_segment_reaches_its_rules(flag: Flag, staging: Environment) -> None:
    segment = save(GERMANS)
    change(flag, staging, targeting.adding_rule(RuleSpec("there", segments=("germany",))))
    save(ConditionSpec("country", Operator.IN, ("AT",)))
    with pytest.raises(segments.SegmentInUse, match="x on Staging"):
        segments.archive_segment(segment=segment, reason="x", actor=OPERATOR)
    change(flag, staging, targeting.removing_rule(0))
    archived = segments.archive_segment(segment=segment, reason="x", actor=OPERATOR)
    assert archived.archived_at is not None


def test_a_segment_that_cannot_be_is_refused(staging: Environment) -> None:
    for key, conditions in (
        ("bad key", (GERMANS,)),
        ("odd", (ConditionSpec("app", Operator.SEMVER_GT, ("2",)),)),
    ):
        with pytest.raises(segments.SegmentFaulty):
            save(*conditions, key=key)
    assert not Segment.objects.exists()


def test_a_flag_is_put_away_when_nothing_hangs_on_it(flag: Flag, staging: Environment) -> None:
    other = make_flag("y", staging)
    change(other, staging, targeting.requiring([PrerequisiteSpec("x")]))
    turn_dial(flag=flag, environment=staging, to=1, reason="x", actor=OPERATOR)
    with pytest.raises(segments.FlagInUse, match="y"):
        segments.archive_flag(flag=flag, reason="x", actor=OPERATOR)
    change(other, staging, targeting.requiring([]))
    with pytest.raises(segments.StillExposed, match="Staging"):
        segments.archive_flag(flag=flag, reason="x", actor=OPERATOR)
    segments.archive_flag(flag=flag, reason="x", actor=OPERATOR, confirmed=True)
    assert published(staging, "x") is None
    segments.restore_flag(flag=flag, reason="x", actor=OPERATOR)
    assert FlagState.objects.get(flag=flag, environment=staging).dial == 1
    document = published(staging, "x")
    assert document is not None
    assert document["dial"] == 1
