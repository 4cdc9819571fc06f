"""Features of Unleash as our flags: the same decisions, or a note that says what is missing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from UnleashClient.constants import DISABLED_VARIATION
from yggdrasil_engine.engine import UnleashEngine

from flags.core.compiling import compile_ruleset
from flags.core.specs import flag_from, segment_from
from flags.models import FlagState
from flags.unleash.importing import carry_over, is_unleash
from releases.models import Environment

ROLLOUT = {"rollout": "25", "stickiness": "default", "groupId": "shop"}


def strategy(name: str = "flexibleRollout", **more: Any) -> dict[str, Any]:
    return {"name": name, "parameters": dict(ROLLOUT), "constraints": [], "segments": [], **more}


def constraint(operator: str, *values: str, of: str = "country", **more: Any) -> dict[str, Any]:
    several = operator in {"IN", "NOT_IN"} or operator.startswith("STR_")
    asked = {"values": list(values)} if several else {"value": values[0], "values": []}
    return {"contextName": of, "operator": operator, "inverted": False, **asked, **more}


def feature(*strategies: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": "shop", "enabled": True, "strategies": list(strategies), **more}


def file(*features: dict[str, Any], segments: Any = ()) -> dict[str, Any]:
    return {"version": 2, "features": list(features), "segments": list(segments)}


VARIANTS = [
    {"name": "a", "weight": 300, "payload": {"type": "string", "value": "A"}},
    {"name": "b", "weight": 700, "payload": {"type": "string", "value": "B"}},
]
SEGMENT = {"id": 7, "name": "pros", "constraints": [constraint("IN", "pro", of="plan")]}
CASES = {
    "a rollout": feature(strategy()),
    "everybody": feature(strategy("default")),
    "switched off": feature(strategy("default"), enabled=False),
    "constraints": feature(
        strategy(constraints=[constraint("IN", "DE", "AT"), constraint("NUM_GT", "3", of="age")])
    ),
    "inverted and any case": feature(
        strategy(
            "default",
            constraints=[
                constraint("STR_STARTS_WITH", "d", caseInsensitive=True),
                constraint("NOT_IN", "DE"),
                constraint("NUM_LTE", "30", of="age", inverted=True),
            ],
        )
    ),
    "a segment and a rollout": feature(strategy("default", segments=[7]), strategy()),
    "variants of the strategy": feature(strategy(variants=VARIANTS)),
    "named users": feature(strategy("userWithId", parameters={"userIds": "user-1, user-2"})),
}


@pytest.mark.parametrize("name", CASES)
def test_ours_decides_what_the_engine_of_unleash_decides(name: str) -> None:
    content = file(CASES[name], segments=[SEGMENT])
    engine = UnleashEngine()
    engine.take_state(json.dumps(content))
    carried = carry_over(content)
    assert carried.notes == []
    specs = {one["key"]: flag_from(one) for one in carried.file["flags"]}
    segments = {one["key"]: segment_from(one) for one in carried.file["segments"]}
    resolve = compile_ruleset(specs, segments).flags["shop"]
    for number in range(600):
        seen = {"country": ("DE", "AT", "FR")[number % 3], "age": str(number % 50)}
        seen["plan"] = ("pro", "free")[number % 2]
        ours = resolve({"targetingKey": f"user-{number}", **seen})
        context = {"userId": f"user-{number}", "properties": seen}
        assert (ours.variant != "off") == engine.is_enabled("shop", context).is_enabled
        theirs = engine.get_variant("shop", context).variant
        if theirs.name != DISABLED_VARIATION["name"]:
            assert (ours.variant, ours.value) == (theirs.name, theirs.payload["value"])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (strategy(parameters={**ROLLOUT, "stickiness": "random"}), "random"),
        (strategy("remoteAddress"), "no like"),
        (strategy(constraints=[constraint("REGEX", "x")]), "no like"),
        (strategy(segments=[9]), "not in the file"),
        (strategy(parameters={**ROLLOUT, "rollout": "250"}), "250"),
        (strategy(parameters={}), "rollout"),
    ],
)
def test_what_has_no_like_lets_nobody_in_and_is_noted(given: dict[str, Any], said: str) -> None:
    carried = carry_over(file(feature(given)))
    assert len(carried.notes) == 1
    assert said in carried.notes[0]
    specs = [flag_from(one) for one in carried.file["flags"]]
    assert all((one.dial, one.rules, one.overrides) == (0, (), ()) for one in specs)


@pytest.mark.parametrize(
    "odd",
    [
        feature(strategy(), strategy(parameters={**ROLLOUT, "groupId": "other"})),
        feature(strategy(), dependencies=[{"feature": "y", "enabled": False}]),
        feature(strategy(), variants=[{**VARIANTS[0], "weight": 1}]),
        feature(strategy(), variants=[{**VARIANTS[0], "name": "off", "weight": 1000}]),
        {"name": "x", "strategies": 3},
        {"strategies": []},
    ],
)
def test_a_feature_that_cannot_be_ours_is_left_out_and_noted(odd: dict[str, Any]) -> None:
    carried = carry_over(file(odd))
    assert carried.file["flags"] == []
    assert "left out" in carried.notes[0]


def test_an_export_of_an_environment_is_put_together() -> None:
    content = {
        "features": [{"name": "shop"}],
        "featureStrategies": [{**strategy(), "featureName": "shop"}],
        "featureEnvironments": [{"featureName": "shop", "enabled": True}],
        "segments": [],
    }
    assert is_unleash(content)
    flag = flag_from(carry_over(content).file["flags"][0])
    assert (flag.enabled, flag.dial) == (True, 25_000)


def test_a_file_of_unleash_is_imported_by_command(
    staging: Environment, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "unleash.json"
    odd = feature(strategy("remoteAddress"), name="by-address")
    path.write_text(json.dumps(file(CASES["a segment and a rollout"], odd, segments=[SEGMENT])))
    call_command("import_flags", str(path), "--environment", "staging", "--reason", "moved")
    said = capsys.readouterr().out
    assert "Not as in Unleash: by-address: strategy 1 lets nobody in here" in said
    state = FlagState.objects.get(flag__key="shop", environment=staging)
    assert (state.dial, state.rules.count()) == (25_000, 1)
