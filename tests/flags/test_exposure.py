"""What lets more people in, and what only takes away: tried on every key of a population."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from flags.core.exposure import grows, lets_anybody_in
from flags.core.specs import (
    ConditionSpec,
    FlagSpec,
    Operator,
    OverrideSpec,
    PrerequisiteSpec,
    RuleSpec,
    VariantSpec,
)

FLAG = FlagSpec(
    key="x",
    salt="x",
    enabled=True,
    killed=False,
    dial=10_000,
    off_variant="off",
    variants=(VariantSpec("on", value=True, weight=1000), VariantSpec("off", value=False)),
)
GERMANS = ConditionSpec("country", Operator.IN, ("DE",))
IN = RuleSpec("testers", (GERMANS,), variant="on")
OUT = RuleSpec("not there", (GERMANS,), variant="off")
ANA = OverrideSpec("ana", "on")
SOON = datetime(2026, 12, 1, tzinfo=UTC)
RULED = replace(FLAG, rules=(IN, replace(IN, percentage=50_000)))
FENCED = replace(FLAG, rules=(OUT, IN))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (FLAG, replace(FLAG, dial=10_001)),
        (FLAG, replace(FLAG, rules=(IN,))),
        (FLAG, replace(FLAG, overrides=(ANA,))),
        (FLAG, replace(FLAG, salt="y")),
        (FLAG, replace(FLAG, bucket_by="organisation")),
        (FLAG, replace(FLAG, variants=(*FLAG.variants, VariantSpec("new", value=True)))),
        (replace(FLAG, killed=True), FLAG),
        (replace(FLAG, enabled=False), FLAG),
        (replace(FLAG, requires=(PrerequisiteSpec("y"),)), FLAG),
        (replace(FLAG, overrides=(replace(ANA, until=SOON),)), replace(FLAG, overrides=(ANA,))),
        (replace(FLAG, overrides=(replace(ANA, variant="off"),)), FLAG),
        (replace(FLAG, rules=(replace(IN, percentage=5),)), replace(FLAG, rules=(IN,))),
        (FENCED, replace(FLAG, rules=(IN,))),
        (FENCED, replace(FLAG, rules=(IN, OUT))),
        (None, FLAG),
    ],
)
def test_letting_somebody_in_grows(before: FlagSpec | None, after: FlagSpec) -> None:
    assert grows(before, after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (FLAG, FLAG),
        (FLAG, replace(FLAG, dial=9_999)),
        (FLAG, replace(FLAG, dial=0, killed=True)),
        (RULED, replace(RULED, enabled=False, dial=99_000)),
        (RULED, FLAG),
        (RULED, replace(FLAG, rules=(replace(IN, percentage=7),))),
        (FLAG, replace(FLAG, requires=(PrerequisiteSpec("y"),))),
        (FLAG, replace(FLAG, rules=(OUT,))),
        (FENCED, replace(FENCED, rules=(OUT, OUT, IN))),
        (replace(FLAG, overrides=(ANA,)), FLAG),
        (replace(FLAG, overrides=(ANA,)), replace(FLAG, overrides=(replace(ANA, until=SOON),))),
        (FLAG, replace(FLAG, overrides=(replace(ANA, variant="off"),))),
        (FLAG, None),
        (None, replace(FLAG, dial=0)),
        (replace(FLAG, killed=True, dial=0), replace(FLAG, dial=0)),
    ],
)
def test_taking_away_and_leaving_alone_do_not(
    before: FlagSpec | None, after: FlagSpec | None
) -> None:
    assert not grows(before, after)


def test_a_rule_that_keeps_people_out_lets_nobody_in() -> None:
    assert not lets_anybody_in(replace(FLAG, dial=0, rules=(OUT,)))
    assert lets_anybody_in(replace(FLAG, dial=0, rules=(OUT, IN)))
