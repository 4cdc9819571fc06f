"""A whole ruleset: flags that stand on each other and on segments, rebuilt only where needed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flags.core.compiling import Compiled, compile_ruleset
from flags.core.evaluation import Reason
from flags.core.ordering import MOST_ASKED
from flags.core.specs import (
    ConditionSpec,
    FlagSpec,
    Operator,
    PrerequisiteSpec,
    RuleSpec,
    SegmentSpec,
    VariantSpec,
)

GERMANS = SegmentSpec("germans", (ConditionSpec("country", Operator.IN, ("DE",)),))
USER = {"targetingKey": "u1", "country": "DE"}


def flag(key: str, *needs: str, dial: int = 100_000, rules: tuple[RuleSpec, ...] = ()) -> FlagSpec:
    variants = (VariantSpec("on", value=True, weight=1000), VariantSpec("off", value=False))
    return FlagSpec(
        key,
        salt=key,
        enabled=True,
        killed=False,
        dial=dial,
        off_variant="off",
        variants=variants,
        requires=tuple(map(PrerequisiteSpec, needs)),
        rules=rules,
    )


def compiled(
    *flags: FlagSpec, segments: tuple[SegmentSpec, ...] = (), before: Compiled | None = None
) -> Compiled:
    by_key = {segment.key: segment for segment in segments}
    return compile_ruleset({one.key: one for one in flags}, by_key, before=before)


def answers(of: Compiled) -> dict[str, str]:
    return {key: resolve(USER).variant for key, resolve in of.flags.items()}


def test_a_flag_is_on_only_where_what_it_stands_on_is() -> None:
    rules = compiled(flag("ground"), flag("upper", "ground"), flag("top", "upper"))
    assert answers(rules) == {"ground": "on", "upper": "on", "top": "on"}
    rules = compiled(flag("ground", dial=0), flag("upper", "ground"), flag("top", "upper"))
    assert answers(rules) == {"ground": "off", "upper": "off", "top": "off"}
    closed = rules.flags["top"](USER)
    assert (closed.reason, closed.metadata) == (Reason.DISABLED, {"prerequisite": "upper"})


def test_a_prerequisite_may_want_one_variant() -> None:
    picky = replace(flag("upper"), requires=(PrerequisiteSpec("ground", ("other",)),))
    assert answers(compiled(flag("ground"), picky))["upper"] == "off"
    picky = replace(flag("upper"), requires=(PrerequisiteSpec("ground", ("on", "other")),))
    assert answers(compiled(flag("ground"), picky))["upper"] == "on"


def test_the_off_answer_of_a_prerequisite_never_lets_in() -> None:
    odd = replace(flag("upper"), requires=(PrerequisiteSpec("ground", ("off",)),))
    assert answers(compiled(flag("ground", dial=0), odd))["upper"] == "off"


def test_a_missing_or_broken_prerequisite_keeps_the_flag_off_and_says_so() -> None:
    broken = replace(flag("ground"), off_variant="nothing")
    rules = compiled(broken, flag("upper", "ground"), flag("lost", "nowhere"))
    assert answers(rules) == {"upper": "off", "lost": "off"}
    assert rules.broken == {"ground": "its off variant “nothing” does not exist"}
    assert rules.warnings == {
        "upper": "it is off, because the flag it stands on, “ground”, has no answer",
        "lost": "it is off, because the flag it stands on, “nowhere”, does not exist",
    }
    assert rules.flags["lost"](USER).metadata == {"prerequisite": "nowhere"}


def test_flags_on_a_circle_are_off_and_so_is_what_stands_on_them() -> None:
    rules = compiled(flag("a", "b"), flag("b", "c"), flag("c", "a"), flag("d", "a"), flag("e"))
    assert answers(rules) == {"a": "off", "b": "off", "c": "off", "d": "off", "e": "on"}
    assert rules.warnings.keys() == {"a", "b", "c"}
    assert rules.warnings["a"].endswith("in a circle: a → b → c → a")


def test_a_flag_that_needs_too_many_answers_is_off() -> None:
    tower = [flag("f0"), *(flag(f"f{n}", f"f{n - 1}") for n in range(1, MOST_ASKED + 5))]
    rules = compiled(*tower)
    said = answers(rules)
    assert said[f"f{MOST_ASKED}"] == "on"
    assert said[f"f{MOST_ASKED + 1}"] == "off"
    assert f"f{MOST_ASKED + 1}" in rules.warnings


def test_a_rule_with_an_unknown_segment_matches_nobody_and_says_so() -> None:
    ruled = flag("a", dial=0, rules=(RuleSpec("Germans", segments=("germans",)),))
    rules = compiled(ruled)
    assert answers(rules) == {"a": "off"}
    assert rules.warnings == {"a": "rule 1 names the segment “germans”, which does not exist"}
    assert answers(compiled(ruled, segments=(GERMANS,))) == {"a": "on"}


@pytest.mark.parametrize(
    ("change", "rebuilt"),
    [
        ("nothing", set()),
        ("ground", {"ground", "upper", "top"}),
        ("alone", {"alone"}),
        ("segment", {"ruled"}),
        ("gone", {"upper", "top"}),
        ("clock", {"ground", "upper", "top", "alone", "ruled"}),
    ],
)
def test_only_what_changed_and_what_stands_on_it_is_rebuilt(change: str, rebuilt: set[str]) -> None:
    ruled = flag("ruled", rules=(RuleSpec("Germans", segments=("germans",)),))
    specs = {
        one.key: one
        for one in (flag("ground"), flag("upper", "ground"), flag("top", "upper"), flag("alone"))
    } | {"ruled": ruled}
    segments = {"germans": GERMANS}
    before = compile_ruleset(specs, segments)
    after = {
        "nothing": lambda: compile_ruleset(dict(specs), dict(segments), before=before),
        "ground": lambda: compile_ruleset(
            specs | {"ground": flag("ground", dial=0)}, segments, before=before
        ),
        "alone": lambda: compile_ruleset(
            specs | {"alone": flag("alone", dial=0)}, segments, before=before
        ),
        "segment": lambda: compile_ruleset(
            specs, {"germans": replace(GERMANS, conditions=())}, before=before
        ),
        "gone": lambda: compile_ruleset(
            {key: one for key, one in specs.items() if key != "ground"}, segments, before=before
        ),
        "clock": lambda: compile_ruleset(specs, segments, lambda: 0.0, before=before),
    }[change]()
    fresh = compile_ruleset(after.specs, after.segments)
    differ = {key for key in after.flags if after.flags[key] is not before.flags[key]}
    assert differ == rebuilt
    assert answers(after) == answers(fresh)
    assert (after.broken, after.warnings) == (fresh.broken, fresh.warnings)


def test_a_circle_that_opens_or_closes_is_seen_by_all_on_it() -> None:
    a, b, c = flag("a", "b"), flag("b", "c"), flag("c")
    opened = compiled(a, b, c)
    closed = compiled(a, b, flag("c", "a"), before=opened)
    assert set(answers(closed).values()) == {"off"}
    again = compiled(a, b, c, before=closed)
    assert set(answers(again).values()) == {"on"}
    assert again.warnings == {}


@pytest.mark.parametrize("more", [0, 5])
def test_the_first_rule_that_matches_decides(more: int) -> None:
    german = ConditionSpec("country", Operator.IN, ("DE",))
    known = ConditionSpec("targetingKey", Operator.IN, ("u1", "u2"))
    passing = tuple(RuleSpec(f"none {n}", segments=("gone",)) for n in range(more))
    opening, closing = RuleSpec("in", (german, known)), RuleSpec("out", (german,), variant="off")
    for rules, variant in (((opening, closing), "on"), ((closing, opening), "off")):
        assert answers(compiled(flag("a", rules=(*passing, *rules)))) == {"a": variant}
