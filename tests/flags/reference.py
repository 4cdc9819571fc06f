"""A second evaluator, slow and plain, that follows the order of decisions word for word.

It shares no code with `operators`, `dialing`, `evaluation` and `compiling` of `flags.core`,
which it is there to judge; the hash is the project's plain formula.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from flags.core.bucketing import position, variant_index
from flags.core.specs import ConditionSpec, FlagSpec, OverrideSpec, RuleSpec, SegmentSpec

Said = tuple[str, str, dict[str, Any]]
"""Variant, reason, metadata."""


class Reference:
    """What every flag of an environment answers at one moment."""

    def __init__(
        self, specs: Mapping[str, FlagSpec], segments: Mapping[str, SegmentSpec], now: float
    ) -> None:
        self.specs, self.segments, self.now = specs, segments, now

    def ask(self, key: str, context: Mapping[str, Any]) -> Said:
        flag = self.specs[key]
        if flag.killed:
            return flag.off_variant, "DISABLED", {"killed": True}
        if not flag.enabled:
            return flag.off_variant, "DISABLED", {}
        for needed in flag.requires:
            if self._on_a_circle(key) or not self._lets_in(needed.flag, needed.variants, context):
                return flag.off_variant, "DISABLED", {"prerequisite": needed.flag}
        for override in flag.overrides:
            if override.key == _name(context.get("targetingKey")) and self._lasts(override):
                return override.variant, "TARGETING_MATCH", {}
        for rule in flag.rules:
            said = self._by_rule(flag, rule, context)
            if said is not None:
                return said
        return self._by_dial(flag, context)

    def _on_a_circle(self, key: str) -> bool:
        reached, waiting = set(), [one.flag for one in self.specs[key].requires]
        while waiting:
            one = waiting.pop()
            if one not in reached and one in self.specs:
                reached.add(one)
                waiting += [further.flag for further in self.specs[one].requires]
        return key in reached

    def _lets_in(self, key: str, variants: tuple[str, ...], context: Mapping[str, Any]) -> bool:
        if key not in self.specs:
            return False
        variant, _, _ = self.ask(key, context)
        return variant != self.specs[key].off_variant and (not variants or variant in variants)

    def _lasts(self, override: OverrideSpec) -> bool:
        return override.until is None or self.now < override.until.timestamp()

    def _by_rule(self, flag: FlagSpec, rule: RuleSpec, context: Mapping[str, Any]) -> Said | None:
        asked = list(rule.conditions)
        for key in rule.segments:
            if key not in self.segments:
                return None
            asked += self.segments[key].conditions
        if not all(self._holds(condition, context) for condition in asked):
            return None
        name = _name(context.get(flag.bucket_by))
        if rule.percentage < 100_000 and (
            name is None or position(flag.salt, name) >= rule.percentage
        ):
            return None
        alone = "TARGETING_MATCH" if rule.percentage == 100_000 else "SPLIT"
        if rule.variant is not None:
            return rule.variant, alone, {}
        return _share(flag, name, alone)

    def _by_dial(self, flag: FlagSpec, context: Mapping[str, Any]) -> Said:
        name = _name(context.get(flag.bucket_by))
        if flag.dial == 0:
            return flag.off_variant, "STATIC", {}
        if flag.dial == 100_000:
            return _share(flag, name, "STATIC")
        if name is None:
            return flag.off_variant, "UNKNOWN", {"targetingKeyMissing": True}
        if position(flag.salt, name) < flag.dial:
            return _share(flag, name, "SPLIT")
        return flag.off_variant, "SPLIT", {}

    def _holds(self, condition: ConditionSpec, context: Mapping[str, Any]) -> bool:
        text = _text(context.get(condition.attribute))
        kind, _, comparison = condition.operator.value.partition("_")
        if kind in {"num", "date", "semver"}:
            limits = [_read(kind, value) for value in condition.values]
            if not limits or None in limits:
                return False
            mine = None if text is None else _read(kind, text)
            if kind == "date" and condition.attribute == "currentTime" and text is None:
                mine = Fraction(self.now)
            fits = mine is not None and any(_compare(comparison, mine, one) for one in limits)
        elif kind == "in":
            fits = text is not None and text in condition.values
        else:
            if not condition.values:
                return False
            fits = text is not None and any(
                _part(kind, text, value, fold=condition.fold_case) for value in condition.values
            )
        return fits != condition.negate


def _share(flag: FlagSpec, name: str | None, alone: str) -> Said:
    sharing = [variant for variant in flag.variants if variant.weight > 0]
    if len(sharing) == 1:
        return sharing[0].name, alone, {}
    if name is None:
        return sharing[0].name, "UNKNOWN", {"targetingKeyMissing": True}
    chosen = sharing[variant_index(flag.salt, name, [variant.weight for variant in sharing])]
    return chosen.name, "SPLIT", {}


def _name(value: object) -> str | None:
    if type(value) is int:
        return str(value)
    return value if isinstance(value, str) and value else None


def _text(value: object) -> str | None:
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    return value if isinstance(value, str) else None


def _part(kind: str, text: str, value: str, *, fold: bool) -> bool:
    if fold:
        text, value = text.lower(), value.lower()
    if kind == "contains":
        return text.find(value) >= 0
    return text[: len(value)] == value if kind == "starts" else text.endswith(value)


def _read(kind: str, text: str) -> Any:
    if kind == "num":
        return Decimal(text) if re.fullmatch(r"-?\d+(\.\d+)?", text, re.ASCII) else None
    if kind == "date":
        if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", text):
            return None
        return Fraction(datetime.fromisoformat(text).timestamp())
    return _version(text)


def _version(text: str) -> Any:
    release, dash, before = text.partition("+")[0].partition("-")
    if not re.fullmatch(r"\d+\.\d+\.\d+", release) or (dash and not before):
        return None
    words = [(0, int(one), "") if one.isdigit() else (1, 0, one) for one in before.split(".")]
    return [int(number) for number in release.split(".")], not dash, words


def _compare(comparison: str, mine: Any, other: Any) -> bool:
    if comparison in {"gt", "after"}:
        return bool(mine > other)
    if comparison in {"lt", "before"}:
        return bool(mine < other)
    return bool({"eq": mine == other, "gte": mine >= other, "lte": mine <= other}[comparison])
