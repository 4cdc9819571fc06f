"""The screens of rules, overrides, prerequisites and segments: pressed as people press them."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from flags.changing import segments, targeting
from flags.core.specs import ConditionSpec, Operator, OverrideSpec, RuleSpec
from flags.models import Flag, FlagState, Segment
from releases.models import Environment
from tests.flags.conftest import OPERATOR, make_flag

ROWS = {"c-TOTAL_FORMS": "2", "c-INITIAL_FORMS": "0"}
GERMANS = {
    **ROWS,
    "c-0-attribute": "country",
    "c-0-operator": "in",
    "c-0-values": "DE\nAT",
    "c-1-operator": "in",
}


@pytest.fixture
def flag(staging: Environment, production: Environment) -> Flag:
    return make_flag("x", staging, production)


@pytest.fixture
def state(flag: Flag, staging: Environment) -> FlagState:
    return FlagState.objects.get(flag=flag, environment=staging)


@pytest.fixture
def page(ana: User) -> Client:
    client = Client()
    client.force_login(ana)
    return client


def url(name: str, state: FlagState, query: str = "") -> str:
    return reverse(f"admin:flags_flagstate_{name}", args=[state.pk]) + query


def rule(**more: str) -> dict[str, str]:
    return {
        "name": "Germany",
        "percentage": "100",
        "variant": "on",
        "reason": "x",
        **GERMANS,
        **more,
    }


def now(flag: Flag, staging: Environment) -> Any:
    return targeting.spec(flag, staging)


def test_a_rule_is_previewed_added_changed_moved_and_removed(
    page: Client, flag: Flag, state: FlagState, staging: Environment
) -> None:
    shown = page.post(url("rule", state), rule(_preview="1")).text
    assert "Rule 1 “Germany” added: country is DE or AT → on." in shown
    assert now(flag, staging).rules == ()
    page.post(url("rule", state), rule())
    half = {"name": "Half", "percentage": "50", "variant": "", "c-0-attribute": "plan"}
    page.post(url("rule", state), rule(**half))
    assert [one.name for one in now(flag, staging).rules] == ["Germany", "Half"]
    seen = page.get(reverse("admin:flags_flagstate_change", args=[state.pk])).text
    assert "Rule “Half”: 50 % of plan is DE or AT → shared out by weight." in seen
    up = url("retarget", state, "?do=up&place=1")
    assert "The order of the rules changes." in page.get(up).text
    page.post(up, {"reason": "first"})
    assert [one.name for one in now(flag, staging).rules] == ["Half", "Germany"]
    assert "DE\nAT" in page.get(url("rule", state, "?place=0")).text
    page.post(url("rule", state, "?place=0"), rule(name="Third", percentage="33", variant=""))
    assert now(flag, staging).rules[0].percentage == 33_000
    page.post(url("retarget", state, "?do=remove&place=0"), {"reason": "done"})
    assert [one.name for one in now(flag, staging).rules] == ["Germany"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"c-0-operator": "num_gt"}, "is not a number"),
        ({"percentage": "250"}, "between 0 and 100"),
        ({"variant": "off", "percentage": "5"}, "100 %"),
        ({"reason": ""}, "required"),
        ({"c-0-operator": "like"}, "valid choice"),
        ({"c-TOTAL_FORMS": "999"}, "at most"),
    ],
)
def test_what_cannot_be_is_refused_and_what_was_typed_stays(
    page: Client, flag: Flag, state: FlagState, staging: Environment, given: Any, said: str
) -> None:
    answer = page.post(url("rule", state), rule(**given))
    assert answer.status_code == 200
    assert said in answer.text
    assert 'value="Germany"' in answer.text
    assert now(flag, staging).rules == ()


def test_the_slower_of_two_is_told_and_loses_nothing(
    page: Client, flag: Flag, state: FlagState, staging: Environment
) -> None:
    known = targeting.fingerprint(now(flag, staging))
    page.post(url("rule", state), rule(known=known))
    answer = page.post(url("rule", state), rule(name="Mine", known=known))
    assert "Somebody changed this flag since" in answer.text
    assert 'value="Mine"' in answer.text


def test_a_user_is_overridden_and_let_go(
    page: Client, flag: Flag, state: FlagState, staging: Environment
) -> None:
    page.post(url("override", state), {"key": "ana & co", "variant": "on", "reason": "tests"})
    assert now(flag, staging).overrides == (OverrideSpec("ana & co", "on"),)
    seen = page.get(reverse("admin:flags_flagstate_change", args=[state.pk])).text
    assert "?do=lift&amp;key=ana%20%26%20co" in seen
    page.post(url("retarget", state, "?do=lift&key=ana%20%26%20co"), {"reason": "done"})
    assert now(flag, staging).overrides == ()
    again = page.post(url("retarget", state, "?do=lift&key=ana"), {"reason": "done"})
    assert "no override of that key" in again.text


def test_prerequisites_are_typed_a_line_each(
    page: Client, flag: Flag, state: FlagState, staging: Environment
) -> None:
    make_flag("y", staging)
    page.post(url("requires", state), {"requires": "y: on", "reason": "x"})
    assert [(one.flag, one.variants) for one in now(flag, staging).requires] == [("y", ("on",))]
    assert "y: on" in page.get(url("requires", state)).text
    for odd in ("x", "no such", "nowhere"):
        answer = page.post(url("requires", state), {"requires": odd, "reason": "x"})
        assert answer.status_code == 200
        assert "errorlist" in answer.text


def test_what_is_not_there_is_not_found(page: Client, state: FlagState) -> None:
    for query in ("?do=remove&place=7", "?do=fly&place=0", "?do=remove", "?do=up&place=x"):
        assert page.get(url("retarget", state, query)).status_code == 404
    assert page.get(url("rule", state, "?place=3")).status_code == 404


def test_who_may_not_target_sees_but_cannot_touch(state: FlagState, dora: User) -> None:
    client = Client()
    client.force_login(dora)
    seen = client.get(reverse("admin:flags_flagstate_change", args=[state.pk])).text
    assert "Who gets what, in this order" in seen
    assert "Add a rule" not in seen
    for name in ("rule", "override", "requires", "retarget"):
        assert client.get(url(name, state)).status_code == 403


def test_a_segment_is_made_used_and_archived(
    page: Client, flag: Flag, state: FlagState, staging: Environment
) -> None:
    where = reverse("admin:flags_segment_add")
    given = {"key": "germany", "name": "Germany", "reason": "x", **GERMANS}
    page.post(where, given)
    segment = Segment.objects.get()
    listed = page.get(reverse("admin:flags_segment_changelist")).text
    assert "country is DE or AT" in listed
    targeting.change(
        flag=flag,
        environment=staging,
        edit=targeting.adding_rule(RuleSpec("there", segments=("germany",))),
        reason="x",
        actor=OPERATOR,
    )
    its = reverse("admin:flags_segment_change", args=[segment.pk])
    assert "x on Staging, rule “there”" in page.get(its).text
    refused = page.post(its, {**given, "_archive": "1"})
    assert "Rules still name this segment" in refused.text
    odd = page.post(its, {**given, "c-0-operator": "semver_gt"})
    assert "is not a version" in odd.text
    assert page.get(reverse("admin:flags_segment_change", args=[999])).status_code == 302


def test_without_a_script_the_button_answers_with_more_rows_and_all_that_was_typed(
    page: Client, state: FlagState
) -> None:
    given = rule(name="", **{"c-1-values": "kept", "_more": "1"})
    shown = page.post(url("rule", state), given).text
    assert 'name="c-TOTAL_FORMS" value="4"' in shown
    for kept in ('value="country"', "DE\nAT", "kept", 'name="reason" value="x"'):
        assert kept in shown
    assert "This field is required" not in shown
    assert not state.rules.exists()
    segment = {"key": "germany", "name": "Germany", "reason": "x", **GERMANS, "_more": "1"}
    shown = page.post(reverse("admin:flags_segment_add"), segment).text
    assert 'value="country"' in shown
    assert not Segment.objects.exists()
    full = {"c-TOTAL_FORMS": "20", "c-INITIAL_FORMS": "0", "_more": "1"}
    full |= {f"c-{place}-attribute": "a" for place in range(20)}
    assert "Add another condition" not in page.post(url("rule", state), rule(**full)).text


def test_the_list_of_segments_costs_the_same_for_many(
    page: Client, django_assert_max_num_queries: Any
) -> None:
    for number in range(12):
        segments.save_segment(
            key=f"s{number}",
            name="S",
            conditions=[ConditionSpec("a", Operator.IN, ("b",))],
            reason="x",
            actor=OPERATOR,
        )
    with django_assert_max_num_queries(9):
        page.get(reverse("admin:flags_segment_changelist"))
