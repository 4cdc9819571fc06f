"""Each operator holds for exactly the attributes for which the engine in `UnleashClient` does."""

from __future__ import annotations

import json
from typing import Any

import pytest
from yggdrasil_engine.engine import UnleashEngine

from flags.core.operators import predicate
from flags.core.specs import ConditionSpec, Operator

UNLEASH = {
    Operator.IN: "IN",
    Operator.CONTAINS: "STR_CONTAINS",
    Operator.STARTS_WITH: "STR_STARTS_WITH",
    Operator.ENDS_WITH: "STR_ENDS_WITH",
    **{one: one.value.upper() for one in Operator if "_" in one.value and one.value[0] in "nd"},
    Operator.SEMVER_EQ: "SEMVER_EQ",
    Operator.SEMVER_GT: "SEMVER_GT",
    Operator.SEMVER_LT: "SEMVER_LT",
}
TEXTS: list[Any] = [
    *("", "DE", "de", "xDEx", "straße", "STRASSE", "ΟΔΟΣ", "οδος", "i̇", "İ", "ς", " DE", "DE "),
    *(True, False, 5, -5, 0, 5.0, 5.5, -0.0, 1e20, 1e16, 0.1, 1e-5, 2**63, None, ["DE"], {"a": 1}),
]
NUMBERS: list[Any] = [
    *("5", "5.0", " 5", "+5", "5e0", "0x5", "5_0", "inf", "-Infinity", "nan", "5.", "05", ".5"),
    *("five", "٥", "1e400", "-1e400", "9007199254740993", "0.30000000000000004", "e5", "-", "5E1"),
]
DATES = [
    *("2026-06-01T00:00:00Z", "2026-06-01", "2026-06-01T00:00:00", "2026-06-01T00:00:00+02:00"),
    *("2026-06-01 00:00:00Z", "2026-06-01t00:00:00z", "2026-06-01T00:00:00.123456789Z", "x", ""),
    *("2026-06-01T00:00Z", "1700000000", "2026-06-01T24:00:00Z", "2026-06-30T23:59:60Z"),
    *("2026-02-30T00:00:00Z", "2026-06-01T00:00:00+0200", " 2026-06-01T00:00:00Z "),
    *("2026-05-31T23:59:59.999999999Z", "2026-06-01T00:00:00.000000001Z", "2026-6-1T0:0:0Z"),
    *("2026-06-01T00:00:00+24:00", "2026-06-01T00:00:00,5Z", "2026-06-01T02:00:00+02:00"),
]
VERSIONS = [
    *("1.2.3", "v1.2.3", "1.2", "1", "1.2.3-beta", "1.2.3+build", "01.2.3", "1.2.3.4", " 1.2.3"),
    *("1.2.3-01", "1.2.3-", "1.2.3+", "18446744073709551615.0.0", "18446744073709551616.0.0"),
    *("1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-2", "1.0.0-11", "1.0.0-rc.1"),
    *("1.0.0", "1.0.0+a", "1.0.0-A", "1.0.0-99999999999999999999999", "1.2.3-a.b.1", "1.10.0"),
]
ATTRIBUTES = [*TEXTS, *NUMBERS, *DATES, *VERSIONS]
VALUES: dict[Operator, tuple[tuple[str, ...], ...]] = {
    Operator.IN: (("DE", "true"), ("",), ("5", "5.0", "5.5"), ("0.00001", "1e+20", "-0.0")),
    **dict.fromkeys(
        (Operator.CONTAINS, Operator.STARTS_WITH, Operator.ENDS_WITH),
        (("DE", "STRASSE"), ("5",), ("e", "Σ"), ("",)),
    ),
    **dict.fromkeys(
        (one for one in Operator if one.value.startswith("num_")),
        (("5",), ("-5.0",), ("0.3",), ("9007199254740992",)),
    ),
    **dict.fromkeys(
        (Operator.DATE_AFTER, Operator.DATE_BEFORE),
        (("2026-06-01T00:00:00Z",), ("2026-06-30T23:59:59.500Z",)),
    ),
    **dict.fromkeys(
        (Operator.SEMVER_EQ, Operator.SEMVER_GT, Operator.SEMVER_LT),
        (("1.2.3",), ("1.0.0-alpha.1",), ("1.0.0-2",), ("1.0.0+b",)),
    ),
}
PART_OF_TEXT = {Operator.CONTAINS, Operator.STARTS_WITH, Operator.ENDS_WITH}


def _conditions(operator: Operator) -> list[ConditionSpec]:
    folded = (False, True) if operator in PART_OF_TEXT else (False,)
    return [
        ConditionSpec("fact", operator, values, negate, fold)
        for values in VALUES[operator]
        for negate in (False, True)
        for fold in folded
    ]


def _feature(number: int, condition: ConditionSpec) -> dict[str, object]:
    several = condition.operator is Operator.IN or condition.operator in PART_OF_TEXT
    constraint = {
        "contextName": condition.attribute,
        "operator": UNLEASH[condition.operator],
        "inverted": condition.negate,
        "caseInsensitive": condition.fold_case,
        "values": list(condition.values) if several else [],
        **({} if several else {"value": condition.values[0]}),
    }
    parameters = {"rollout": "100", "stickiness": "default", "groupId": "x"}
    strategy = {
        "name": "flexibleRollout",
        "parameters": parameters,
        "constraints": [constraint],
    }
    return {"name": str(number), "enabled": True, "strategies": [strategy]}


@pytest.mark.parametrize("operator", list(Operator))
def test_an_operator_holds_where_the_unleash_engine_says_so(operator: Operator) -> None:
    conditions = _conditions(operator)
    engine = UnleashEngine()
    features = [_feature(number, condition) for number, condition in enumerate(conditions)]
    engine.take_state(json.dumps({"version": 2, "features": features}))
    differences = [
        (condition, value)
        for number, condition in enumerate(conditions)
        for value in ATTRIBUTES
        if predicate(condition)({"fact": value})
        != engine.is_enabled(str(number), {"properties": {"fact": value}}).is_enabled
    ]
    assert differences == []
    missing = [
        condition
        for number, condition in enumerate(conditions)
        if predicate(condition)({}) != engine.is_enabled(str(number), {}).is_enabled
    ]
    assert missing == []
