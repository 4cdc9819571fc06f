"""What cannot be saved, and the sentence that says so."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from flags.core.faults import MOST_RULES, MOST_VALUES, flag_faults, segment_faults
from flags.core.ordering import MOST_ASKED
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

ON, OFF = VariantSpec("on", value=True, weight=1000), VariantSpec("off", value=False)
FLAG = FlagSpec("new", "new", True, False, 0, "off", (ON, OFF))  # noqa: FBT003
OTHER = replace(FLAG, key="other", salt="other")
GERMAN = ConditionSpec("country", Operator.IN, ("DE",))
PRO = ConditionSpec("plan", Operator.IN, ("pro",))
SPECS = {"other": OTHER, "new": FLAG}
SEGMENTS = {"germans": SegmentSpec("germans", (GERMAN,))}


def rules(*given: RuleSpec) -> dict[str, Any]:
    return {"rules": given}


def condition(operator: Operator, *values: str, **more: Any) -> dict[str, Any]:
    return rules(RuleSpec("x", (ConditionSpec("a", operator, values, **more),)))


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"requires": (PrerequisiteSpec("other", ("on",)),)},
        {"overrides": (OverrideSpec("u1", "on"), OverrideSpec("u2", "off"))},
        rules(RuleSpec("a", (GERMAN,), ("germans",), 500), RuleSpec("b", variant="off")),
        rules(RuleSpec("a", (GERMAN,)), RuleSpec("b", (PRO,)), RuleSpec("c", (), ("germans",))),
        rules(RuleSpec("some", percentage=10_000), RuleSpec("more", (GERMAN,))),
        condition(Operator.NUM_LTE, "-1.5e3"),
        condition(Operator.DATE_AFTER, "2027-01-31T09:00:00.500+01:00"),
        condition(Operator.SEMVER_LT, "2.0.0-rc.1+build"),
        condition(Operator.CONTAINS, "x", "y", fold_case=True),
        condition(Operator.IN, ""),
    ],
)
def test_what_makes_sense_has_no_fault(change: dict[str, Any]) -> None:
    assert flag_faults(replace(FLAG, **change), SPECS, SEGMENTS) == []


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"dial": 100_001}, "The dial lies between 0 and 100 %."),
        ({"bucket_by": "1 x"}, "“1 x” cannot be the name of an attribute to bucket by."),
        ({"salt": "\ud800"}, "The salt is no text that can be stored."),
        ({"off_variant": "none"}, "Exactly one variant is the off variant."),
        ({"variants": (ON, OFF, replace(ON, weight=0))}, "Two variants are named “on”."),
        ({"variants": (replace(ON, weight=999), OFF)}, "The weights add up to 999, not to 1000."),
        (
            {"variants": (replace(ON, weight=900), replace(OFF, weight=100))},
            "The off variant “off” takes no share: its weight is 0.",
        ),
        (
            {"variants": (ON, OFF, VariantSpec("x", value=True, weight=-1))},
            "Variant “x” has a negative weight.",
        ),
        ({"kind": "string"}, "The value of variant “on” is not of the flag's kind, string."),
        ({"kind": "number"}, "The value of variant “on” is not of the flag's kind, number."),
        ({"kind": "json"}, "The value of variant “off” is not of the flag's kind, json."),
        (
            {"requires": (PrerequisiteSpec("nowhere"),)},
            "It stands on “nowhere”, which does not exist or is archived.",
        ),
        (
            {"requires": (PrerequisiteSpec("other"), PrerequisiteSpec("other", ("on",)))},
            "It stands on “other” twice.",
        ),
        (
            {"requires": (PrerequisiteSpec("new"),)},
            "Flags would stand on each other in a circle: new → new.",
        ),
        (
            {"requires": (PrerequisiteSpec("other", ("blue",)),)},
            "It wants of “other” the answer “blue”, which is no variant of it.",
        ),
        (
            {"requires": (PrerequisiteSpec("other", ("off",)),)},
            (
                "It wants of “other” the answer “off”, which is its off variant: "
                "that never lets anybody in."
            ),
        ),
        (
            {"overrides": (OverrideSpec("u1", "on"), OverrideSpec("u1", "off"))},
            "“u1” has two overrides.",
        ),
        (
            {"overrides": (OverrideSpec("u1", "blue"),)},
            "“u1” is given “blue”, which is no variant of this flag.",
        ),
        (
            {"overrides": (OverrideSpec("", "on"),)},
            "An override names a targeting key: text that is not empty and can be stored.",
        ),
        (
            rules(RuleSpec("x", variant="blue")),
            "Rule 1 “x” answers “blue”, which is no variant of this flag.",
        ),
        (
            rules(RuleSpec("x", (GERMAN,), percentage=50_000, variant="off")),
            (
                "Rule 1 “x” keeps people out, so its percentage is 100 %; "
                "let a share in by another rule."
            ),
        ),
        (
            rules(RuleSpec("x", percentage=-1)),
            "Rule 1 “x” has a percentage that does not lie between 0 and 100 %.",
        ),
        (
            rules(RuleSpec("x", segments=("french",))),
            "Rule 1 “x” names the segment “french”, which does not exist or is archived.",
        ),
        (
            rules(RuleSpec("x", segments=("germans", "germans"))),
            "Rule 1 “x” names the segment “germans” twice.",
        ),
        (
            rules(RuleSpec("all"), RuleSpec("more", (GERMAN,))),
            "Rule 2 “more” can never match: rule 1 “all” before it is for everybody.",
        ),
        (
            rules(RuleSpec("one", (GERMAN,)), RuleSpec("two", (PRO, GERMAN), percentage=5)),
            (
                "Rule 2 “two” can never match: "
                "rule 1 “one” before it takes everybody whom this one is for."
            ),
        ),
        (
            rules(RuleSpec("x", (GERMAN, replace(GERMAN, negate=True)))),
            "Rule 1 “x”: Conditions 1 and 2 contradict each other: nobody fulfils both.",
        ),
        (
            rules(RuleSpec("x", (replace(GERMAN, attribute="so to say"),))),
            "Rule 1 “x”: Condition 1: “so to say” cannot be the name of an attribute.",
        ),
        (
            rules(*(RuleSpec(str(n), percentage=n) for n in range(MOST_RULES + 1))),
            f"A flag has at most {MOST_RULES} rules.",
        ),
        (
            condition(Operator.IN),
            "Rule 1 “x”: Condition 1: It compares with nothing: give it a value.",
        ),
        (
            condition(Operator.IN, *map(str, range(MOST_VALUES + 1))),
            "Rule 1 “x”: Condition 1: It has 1001 values; at most 1000 are allowed.",
        ),
        (
            condition(Operator.NUM_GT, "1", "2"),
            "Rule 1 “x”: Condition 1: It compares with one value, not with several.",
        ),
        (
            condition(Operator.IN, "x", fold_case=True),
            (
                "Rule 1 “x”: Condition 1: "
                "Only “contains”, “starts with” and “ends with” can leave capitals aside."
            ),
        ),
        (
            condition(Operator.STARTS_WITH, ""),
            "Rule 1 “x”: Condition 1: An empty text is a part of every text.",
        ),
        (
            condition(Operator.NUM_GT, ".5"),
            "Rule 1 “x”: Condition 1: “.5” is not a number such as 12 or 0.5.",
        ),
        (
            condition(Operator.NUM_GT, "1e999"),
            "Rule 1 “x”: Condition 1: “1e999” is not a number such as 12 or 0.5.",
        ),
        (
            condition(Operator.DATE_BEFORE, "2027-02-30T00:00:00Z"),
            (
                "Rule 1 “x”: Condition 1: "
                "“2027-02-30T00:00:00Z” is not a moment "
                "such as 2027-01-31T09:00:00Z, with its zone."
            ),
        ),
        (
            condition(Operator.SEMVER_EQ, "v1.0.0"),
            "Rule 1 “x”: Condition 1: “v1.0.0” is not a version such as 2.1.0.",
        ),
        (
            condition(Operator.IN, "a\x00b"),
            "Rule 1 “x”: Condition 1: “ab” cannot be a value: at most 500 characters of text.",
        ),
    ],
)
def test_what_makes_no_sense_is_said_in_a_sentence(change: dict[str, Any], sentence: str) -> None:
    assert sentence in flag_faults(replace(FLAG, **change), SPECS, SEGMENTS)


def test_a_circle_through_other_flags_is_found() -> None:
    standing = replace(OTHER, requires=(PrerequisiteSpec("new"),))
    closing = replace(FLAG, requires=(PrerequisiteSpec("other"),))
    found = flag_faults(closing, {"other": standing, "new": FLAG}, {})
    assert found == ["Flags would stand on each other in a circle: new → other → new."]


def test_a_variant_that_another_flag_wants_cannot_go() -> None:
    wanting = replace(OTHER, requires=(PrerequisiteSpec("new", ("blue",)),))
    found = flag_faults(FLAG, {"other": wanting}, {})
    assert found == ["“other” wants of this flag the answer “blue”, which is no variant of it."]


def test_a_tower_of_flags_may_only_be_so_high() -> None:
    tower = {"f0": replace(FLAG, key="f0")}
    for n in range(1, MOST_ASKED + 1):
        tower[f"f{n}"] = replace(FLAG, key=f"f{n}", requires=(PrerequisiteSpec(f"f{n - 1}"),))
    top = replace(FLAG, requires=(PrerequisiteSpec(f"f{MOST_ASKED}"),))
    (fault,) = flag_faults(top, tower, {})
    assert fault == "“new” would need more than 100 answers of flags for one of its own."
    lower = replace(FLAG, requires=(PrerequisiteSpec("f0"),))
    assert flag_faults(lower, tower, {}) == []


def test_a_segment_has_the_faults_of_its_conditions() -> None:
    odd = ConditionSpec("country", Operator.IN, ())
    assert segment_faults(SegmentSpec("x", (GERMAN,))) == []
    assert segment_faults(SegmentSpec("x", (GERMAN, odd))) == [
        "Condition 2: It compares with nothing: give it a value."
    ]
