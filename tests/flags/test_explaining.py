"""An explanation always agrees with the answer, and what it says would change it does."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flags.core.compiling import compile_ruleset
from flags.core.evaluation import FlagNotCompilable
from flags.core.explaining import explain
from flags.core.explanation import DecidedBy, Explanation
from flags.core.percent import parse_percent
from flags.core.specs import (
    ConditionSpec,
    FlagSpec,
    Operator,
    OverrideSpec,
    PrerequisiteSpec,
    RuleSpec,
    SegmentSpec,
    VariantSpec,
)
from tests.flags import strategies as some

NOW = some.NOW.timestamp()
ON, OFF = VariantSpec("on", value=True, weight=1000), VariantSpec("off", value=False)
FLAG = FlagSpec("new", "new", True, False, 25_000, "off", (ON, OFF))  # noqa: FBT003
GERMANS = SegmentSpec("germans", (ConditionSpec("country", Operator.IN, ("DE", "AT")),))
USER = {"targetingKey": "user-1", "country": "FR"}  # stands at 74.864 %


def clock() -> float:
    return NOW


def told(flag: FlagSpec, *others: FlagSpec, **context: Any) -> Explanation:
    specs = {one.key: one for one in others}
    return explain(flag, specs, {"germans": GERMANS}, {**USER, **context}, clock)


@settings(max_examples=45, deadline=None)
@given(some.rulesets, some.segments, st.lists(some.contexts, min_size=2, max_size=4))
def test_an_explanation_says_what_the_compiled_flag_answers(
    specs: dict[str, FlagSpec], segments: dict[str, SegmentSpec], contexts: list[dict[str, Any]]
) -> None:
    compiled = compile_ruleset(specs, segments, clock)
    for context in contexts:
        for key, resolve in compiled.flags.items():
            given, said = resolve(context), explain(specs[key], specs, segments, context, clock)
            assert (said.value, said.variant, said.reason, said.metadata) == (
                given.value,
                given.variant,
                given.reason,
                given.metadata,
            )


@settings(max_examples=60, deadline=None)
@given(some.flags("a"), some.segments, some.contexts)
def test_the_dial_that_would_let_somebody_in_does(
    flag: FlagSpec, segments: dict[str, SegmentSpec], context: dict[str, Any]
) -> None:
    alone = replace(flag, requires=(), rules=(), overrides=(), enabled=True, killed=False)
    (change,) = explain(alone, {}, segments, context, clock).changes
    found = re.fullmatch(
        r"(Let in|Out) when the dial (?:reaches|goes down to) ([\d.]+) %.*", change
    )
    if found is None:
        assert alone.bucket_by in change
        return
    dial = parse_percent(found[2])
    inside = found[1] == "Let in"
    for at, is_in in ((dial, inside), (dial - 1 if inside else dial + 1, not inside)):
        turned = replace(alone, dial=at)
        resolve = compile_ruleset({"a": turned}, segments, clock).flags["a"]
        assert (resolve(context).variant != "off") is is_in


def test_a_place_on_the_line_is_told_with_the_dial_that_lets_in() -> None:
    said = told(FLAG)
    assert (said.decided_by, said.place, said.exposed) == (DecidedBy.DIAL, 74_864, False)
    assert said.decision == "The user stands at 74.864 % on the line and the dial at 25 %."
    assert said.changes == ("Let in when the dial reaches 74.865 %.",)


def test_a_rule_that_passed_over_says_what_it_wanted() -> None:
    rule = RuleSpec("Neighbours", segments=("germans",), percentage=10_000)
    pro = RuleSpec("Pro", (ConditionSpec("plan", Operator.IN, ("pro",)),))
    said = told(replace(FLAG, rules=(rule, pro)))
    assert said.changes[1:] == (
        (
            "Rule 1 “Neighbours” would match if country were DE or AT "
            "and it were for 74.865 % or more."
        ),
        "Rule 2 “Pro” would match if plan were pro.",
    )
    verdicts = [verdict for look in said.rules for verdict in look.verdicts]
    assert [verdict.found for verdict in verdicts] == [
        "country is “FR”",
        "stands at 74.864 %",
        "plan is missing",
    ]


def test_the_rule_that_decided_is_named_and_what_is_without_it() -> None:
    german = RuleSpec("Germans", segments=("germans",), percentage=80_000)
    said = told(replace(FLAG, rules=(RuleSpec("None", percentage=0), german)), country="DE")
    assert (said.decided_by, said.number, said.name) == (DecidedBy.RULE, 2, "Germans")
    assert said.decision == (
        "Rule 2 “Germans” matches: the user stands at 74.864 %, below its 80 %."
    )
    assert said.changes[1:] == (
        "Rule 2 passes when it goes down to 74.864 %.",
        "Without rule 2: “off”.",
    )


def test_an_override_is_named_with_its_end() -> None:
    until = some.NOW + timedelta(hours=1)
    said = told(replace(FLAG, overrides=(OverrideSpec("user-1", "on", until),)))
    assert (said.decided_by, said.name) == (DecidedBy.OVERRIDE, "user-1")
    assert said.decision == "“user-1” has an override, until 2026-11-23 01:00 UTC."
    assert said.changes == ("Without its override: “off”.",)
    ended = told(replace(FLAG, overrides=(OverrideSpec("user-1", "on", some.NOW),)))
    assert ended.decided_by is DecidedBy.DIAL


def test_a_flag_that_keeps_another_closed_is_named_with_its_own_reasons() -> None:
    ground = replace(FLAG, key="ground", salt="new")
    said = told(replace(FLAG, dial=100_000, requires=(PrerequisiteSpec("ground"),)), ground)
    assert (said.decided_by, said.name) == (DecidedBy.PREREQUISITE, "ground")
    assert said.decision == "The flag stands on “ground”, which answers “off” to this user."
    assert said.changes[1] == "On “ground”: Let in when the dial reaches 74.865 %."
    assert [(look.flag, look.lets_in) for look in said.parents] == [("ground", False)]


def test_a_flag_that_cannot_have_what_it_stands_on_says_why() -> None:
    lost = told(replace(FLAG, requires=(PrerequisiteSpec("gone"),)))
    assert "“gone”, does not exist" in lost.decision
    ground = replace(FLAG, key="ground", requires=(PrerequisiteSpec("new"),))
    circular = told(replace(FLAG, requires=(PrerequisiteSpec("ground"),)), ground)
    assert "in a circle: new → ground → new" in circular.decision


@pytest.mark.parametrize(
    ("change", "decided_by", "said"),
    [
        ({"killed": True}, DecidedBy.KILL, "Nobody is let in before the flag is re-armed"),
        ({"enabled": False}, DecidedBy.SWITCH, "Switched on: “off”."),
        ({"dial": 0}, DecidedBy.DIAL, "Let in when the dial reaches 74.865 %."),
        ({"dial": 100_000}, DecidedBy.DIAL, "Out when the dial goes down to 74.864 %."),
        ({"bucket_by": "team"}, DecidedBy.DIAL, "reaches 100 %, or with team given."),
        ({"bucket_by": "team", "dial": 100_000}, DecidedBy.DIAL, "for want of team."),
    ],
)
def test_each_last_word_is_named(change: dict[str, Any], decided_by: DecidedBy, said: str) -> None:
    explained = told(replace(FLAG, **change))
    assert explained.decided_by is decided_by
    assert said in explained.changes[0]


def test_a_flag_without_an_answer_has_no_explanation() -> None:
    with pytest.raises(FlagNotCompilable, match="off variant"):
        told(replace(FLAG, off_variant="none"))
