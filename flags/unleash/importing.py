"""Features of an Unleash server → a file of our flags, and what could not be carried over. Pure.

Reads what Unleash answers its SDKs (``GET /api/client/features``: features with strategies, and
segments) and its environment export (features, featureStrategies and featureEnvironments apart). A
feature's strategies become, in order, overrides (userWithId), rules (constraints or segments) and
the dial (the one flexibleRollout that asks for nothing else).

What ours can't decide as Unleash would is left out on the safe side, nobody is let in by it, and a
note says so: random stickiness, strategies by address or host name, hashing that differs between
the strategies of one feature.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from flags.core.bucketing import EVERYBODY
from flags.core.specs import (
    FORMAT,
    TARGETING_KEY,
    ConditionSpec,
    FlagSpec,
    Operator,
    OverrideSpec,
    PrerequisiteSpec,
    RuleSpec,
    SegmentSpec,
    VariantSpec,
    flag_document,
    segment_document,
)

_OPERATORS = {
    "IN": (Operator.IN, False),
    "NOT_IN": (Operator.IN, True),
    "STR_CONTAINS": (Operator.CONTAINS, False),
    "STR_STARTS_WITH": (Operator.STARTS_WITH, False),
    "STR_ENDS_WITH": (Operator.ENDS_WITH, False),
    **{
        name: (Operator(name.lower()), False)
        for name in (
            "NUM_EQ",
            "NUM_GT",
            "NUM_GTE",
            "NUM_LT",
            "NUM_LTE",
            "DATE_AFTER",
            "DATE_BEFORE",
            "SEMVER_EQ",
            "SEMVER_GT",
            "SEMVER_LT",
        )
    },
}
_SHARES = 1000
_PERCENT = 1000
_EMPTY = {"string": "", "number": 0, "json": {}}


class NotCarried(Exception):
    """This part of a feature has no like in ours."""


@dataclass
class Carried:
    """Our file, and a sentence for everything that is not as it was."""

    file: dict[str, Any]
    notes: list[str] = field(default_factory=list)


@dataclass
class _Way:
    """How a feature's strategies hash: all of them must do it alike."""

    salt: str
    bucket_by: str


def is_unleash(content: Any) -> bool:
    """Say whether this looks like a file of Unleash and not like one of ours."""
    return (
        isinstance(content, dict)
        and isinstance(content.get("features"), list)
        and "release_control_flags" not in content
    )


def carry_over(content: Mapping[str, Any]) -> Carried:
    """Return our form of a file of Unleash. Parts of the wrong shape are left out with a note."""
    carried = Carried({"release_control_flags": FORMAT, "segments": [], "flags": []})
    segments = _segments(content, carried)
    for feature in _features(content):
        name = str(feature.get("name"))
        try:
            flag = _flag(feature, segments, carried.notes)
        except (NotCarried, KeyError, TypeError, ValueError, AttributeError) as odd:
            carried.notes.append(f"{name}: left out: {_why(odd)}.")
        else:
            carried.file["flags"].append(flag_document(flag))
    return carried


# --- Files --------------------------------------------------------------------------------------
def _features(content: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Features as SDKs see them; those of an export get their parts put together."""
    apart = [one for one in content.get("featureStrategies") or [] if isinstance(one, dict)]
    states = [one for one in content.get("featureEnvironments") or [] if isinstance(one, dict)]
    for feature in content["features"]:
        if not isinstance(feature, dict):
            continue
        name = feature.get("name")
        own = {"strategies": [one for one in apart if one.get("featureName") == name]}
        enabled = [bool(one.get("enabled")) for one in states if one.get("featureName") == name]
        yield {**own, **feature, **({"enabled": enabled[0]} if enabled else {})}


def _segments(content: Mapping[str, Any], carried: Carried) -> dict[int, str]:
    keys: dict[int, str] = {}
    for segment in content.get("segments") or []:
        try:
            number = int(segment["id"])
            key = f"unleash-segment-{number}"
            spec = SegmentSpec(key, tuple(map(_condition, segment["constraints"])))
        except (NotCarried, KeyError, TypeError, ValueError, AttributeError) as odd:
            carried.notes.append(f"A segment is left out, nobody is in it: {_why(odd)}.")
            continue
        keys[number] = key
        carried.file["segments"].append(segment_document(spec))
    return keys


def _why(odd: Exception) -> str:
    return f"without {odd}" if isinstance(odd, KeyError) else str(odd) or "of another shape"


# --- One feature --------------------------------------------------------------------------------
def _flag(feature: Mapping[str, Any], segments: Mapping[int, str], notes: list[str]) -> FlagSpec:
    name = feature["name"]
    strategies = feature.get("strategies") or []
    variants, kind = _variants(_all_variants(feature, strategies))
    way = _way(name, strategies)
    overrides, rules, dial = _strategies(name, strategies, segments, notes)
    return FlagSpec(
        key=name,
        kind=kind,
        salt=way.salt,
        bucket_by=way.bucket_by,
        enabled=bool(feature.get("enabled")),
        killed=False,
        dial=dial,
        off_variant="off",
        variants=variants,
        requires=tuple(map(_prerequisite, feature.get("dependencies") or [])),
        overrides=tuple(
            OverrideSpec(key, next(v.name for v in variants if v.weight)) for key in overrides
        ),
        rules=tuple(rules),
    )


def _strategies(
    name: str, strategies: list[Any], segments: Mapping[int, str], notes: list[str]
) -> tuple[list[str], list[RuleSpec], int]:
    overrides: dict[str, None] = {}
    rules: list[RuleSpec] = []
    dial = 0
    for place, strategy in enumerate(strategies, 1):
        if strategy.get("disabled"):
            continue
        try:
            keys, rule = _strategy(place, strategy, segments)
        except (NotCarried, KeyError, TypeError, ValueError, AttributeError) as odd:
            notes.append(f"{name}: strategy {place} lets nobody in here: {_why(odd)}.")
            continue
        overrides |= dict.fromkeys(keys)
        if rule is None:
            continue
        if rule.conditions or rule.segments:
            rules.append(rule)
        else:
            dial = max(dial, rule.percentage)
    return list(overrides), rules, dial


def _strategy(
    place: int, strategy: Mapping[str, Any], segments: Mapping[int, str]
) -> tuple[list[str], RuleSpec | None]:
    kind, given = strategy["name"], strategy.get("parameters") or {}
    asked = (strategy.get("constraints") or []), (strategy.get("segments") or [])
    if kind == "userWithId" and not any(asked):
        return [key.strip() for key in given["userIds"].split(",") if key.strip()], None
    if kind not in {"default", "flexibleRollout"}:
        raise NotCarried(f"a strategy “{kind}” has no like in ours")
    percentage = EVERYBODY if kind == "default" else int(given["rollout"]) * _PERCENT
    if not 0 <= percentage <= EVERYBODY:
        raise NotCarried(f"its rollout is {given['rollout']}")
    constraints, groups = asked
    if missing := [one for one in groups if one not in segments]:
        raise NotCarried(f"segment {missing[0]} is not in the file")
    title = str(strategy.get("title") or f"Strategy {place}")[:200]
    return [], RuleSpec(
        title,
        tuple(map(_condition, constraints)),
        tuple(segments[one] for one in groups),
        percentage,
    )


def _way(name: str, strategies: list[Any]) -> _Way:
    ways = set()
    for strategy in strategies:
        if strategy.get("name") != "flexibleRollout" or strategy.get("disabled"):
            continue
        given = strategy.get("parameters") or {}
        sticky = given.get("stickiness") or "default"
        if sticky == "random":
            raise NotCarried("it is random for everybody each time")
        ways.add((given.get("groupId") or name, _attribute(sticky)))
    if len(ways) > 1:
        raise NotCarried("its strategies hash in different ways, so users would move")
    salt, bucket_by = next(iter(ways), (name, TARGETING_KEY))
    return _Way(salt, bucket_by)


def _attribute(name: str) -> str:
    return TARGETING_KEY if name in {"userId", "default"} else name


def _condition(constraint: Mapping[str, Any]) -> ConditionSpec:
    operator, negated = _OPERATORS.get(constraint["operator"], (None, False))
    if operator is None:
        raise NotCarried(f"an operator “{constraint['operator']}” has no like in ours")
    values = constraint.get("values") or [constraint.get("value", "")]
    return ConditionSpec(
        attribute=_attribute(constraint["contextName"]),
        operator=operator,
        values=tuple(str(value) for value in values),
        negate=negated != bool(constraint.get("inverted")),
        fold_case=bool(constraint.get("caseInsensitive")) and operator is not Operator.IN,
    )


def _prerequisite(dependency: Mapping[str, Any]) -> PrerequisiteSpec:
    if dependency.get("enabled", True) is False:
        raise NotCarried("it stands on a feature that must be off")
    return PrerequisiteSpec(dependency["feature"], tuple(dependency.get("variants") or ()))


# --- Variants -----------------------------------------------------------------------------------
def _all_variants(feature: Mapping[str, Any], strategies: list[Any]) -> list[Any]:
    of_strategies = [one.get("variants") for one in strategies if one.get("variants")]
    if any(one != of_strategies[0] for one in of_strategies):
        raise NotCarried("its strategies share out different variants")
    variants = list(of_strategies[0] if of_strategies else feature.get("variants") or [])
    if any(one.get("overrides") for one in variants):
        raise NotCarried("its variants have overrides of their own")
    return variants


def _variants(given: list[Any]) -> tuple[tuple[VariantSpec, ...], str]:
    if not given:
        on, off = VariantSpec("on", value=True, weight=_SHARES), VariantSpec("off", value=False)
        return (on, off), "boolean"
    if sum(int(one["weight"]) for one in given) != _SHARES:
        raise NotCarried(f"its variants' weights do not add up to {_SHARES}")
    if any(one["name"] == "off" for one in given):
        raise NotCarried("one of its variants is called off, as ours for users not exposed")
    kinds = {(one.get("payload") or {}).get("type", "string") for one in given}
    kind = kinds.pop() if len(kinds) == 1 else "string"
    kind = kind if kind in _EMPTY else "string"
    readers: dict[str, Callable[[str], Any]] = {"number": _number, "json": json.loads}
    read = readers.get(kind, str)
    variants = [
        VariantSpec(one["name"], read((one.get("payload") or {}).get("value", "")), one["weight"])
        for one in given
    ]
    return (*variants, VariantSpec("off", _EMPTY[kind])), kind


def _number(text: str) -> int | float:
    number = float(text)
    return int(number) if number.is_integer() and "." not in str(text) else number
