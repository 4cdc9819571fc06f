"""Every difference between two flags has a line of its own, and none is left out."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from flags.core.differences import OPERATOR_WORDS, condition_in_words, differences
from flags.core.specs import (
    ConditionSpec,
    FlagSpec,
    Operator,
    OverrideSpec,
    PrerequisiteSpec,
    RuleSpec,
    VariantSpec,
)

GERMANS = ConditionSpec("country", Operator.IN, ("DE",))
FLAG = FlagSpec(
    key="x",
    salt="x",
    enabled=True,
    killed=False,
    dial=10_000,
    off_variant="off",
    variants=(VariantSpec("on", value=True, weight=1000), VariantSpec("off", value=False)),
    overrides=(OverrideSpec("ana", "on"),),
    rules=(RuleSpec("testers", (GERMANS,)), RuleSpec("others", percentage=5000, variant="on")),
    requires=(PrerequisiteSpec("y"),),
)
CHANGES: dict[str, Any] = {
    "key": "z",
    "salt": "s",
    "enabled": False,
    "killed": True,
    "dial": 25_000,
    "off_variant": "none",
    "variants": (VariantSpec("on", value=1, weight=1000), VariantSpec("off", value=False)),
    "bucket_by": "organisation",
    "requires": (PrerequisiteSpec("y", ("on",)),),
    "overrides": (OverrideSpec("ana", "on", datetime(2026, 12, 1, tzinfo=UTC)),),
    "rules": FLAG.rules[::-1],
    "kind": "number",
}


@pytest.mark.parametrize("name", [field.name for field in fields(FlagSpec) if field.name != "key"])
def test_no_part_of_a_flag_changes_without_a_line(name: str) -> None:
    assert differences(FLAG, FLAG) == []
    assert len(differences(FLAG, replace(FLAG, **{name: CHANGES[name]}))) == 1


def test_lines_say_what_was_and_what_will_be() -> None:
    after = replace(
        FLAG,
        overrides=(),
        requires=(),
        rules=(replace(FLAG.rules[0], percentage=50_000), FLAG.rules[1]),
        variants=(*FLAG.variants, VariantSpec("blue", value="x" * 99)),
    )
    assert differences(FLAG, after) == [
        f'Variant blue added: "{"x" * 58}…, weight 0.',
        "Prerequisite y removed (was: any variant but off).",
        "Override of ana removed (was: on).",
        "Rule 1 “testers” removed (was: country is DE → shared out by weight).",
        "Rule 1 “testers” added: 50 % of country is DE → shared out by weight.",
    ]


def test_a_flag_that_comes_or_goes_is_one_line() -> None:
    assert differences(None, FLAG) == ["The flag is new."]
    assert differences(FLAG, None) == ["The flag is removed."]
    assert differences(None, None) == []


def test_true_and_one_are_two_answers() -> None:
    one = replace(FLAG, variants=(VariantSpec("on", value=1, weight=1000), FLAG.variants[1]))
    assert differences(FLAG, one) == ["Variant on: true, weight 1000 → 1, weight 1000."]


def test_every_operator_has_words_for_yes_and_no() -> None:
    assert set(OPERATOR_WORDS) == set(Operator)
    assert all(yes != no for yes, no in OPERATOR_WORDS.values())


def test_long_lists_are_shortened() -> None:
    many = ConditionSpec("id", Operator.IN, tuple("abcdefgh"), negate=True, fold_case=True)
    assert condition_in_words(many) == "id is not a or b or c or d or e or 3 more (any case)"
