"""What differs between two flags, in words that a person can say yes or no to. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC
from typing import Any

from flags.core.percent import format_percent
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

OPERATOR_WORDS = {
    Operator.IN: ("is", "is not"),
    Operator.CONTAINS: ("contains", "does not contain"),
    Operator.STARTS_WITH: ("starts with", "does not start with"),
    Operator.ENDS_WITH: ("ends with", "does not end with"),
    Operator.NUM_EQ: ("=", "≠"),
    Operator.NUM_GT: (">", "is not >"),
    Operator.NUM_GTE: ("≥", "is not ≥"),
    Operator.NUM_LT: ("<", "is not <"),
    Operator.NUM_LTE: ("≤", "is not ≤"),
    Operator.DATE_AFTER: ("is after", "is not after"),
    Operator.DATE_BEFORE: ("is before", "is not before"),
    Operator.SEMVER_EQ: ("is version", "is not version"),
    Operator.SEMVER_GT: ("is a version after", "is not a version after"),
    Operator.SEMVER_LT: ("is a version before", "is not a version before"),
}
_FEW = 5


def differences(before: FlagSpec | None, after: FlagSpec | None) -> list[str]:
    """Return one line for each difference; empty where both answer alike.

    >>> from dataclasses import replace
    >>> flag = FlagSpec("x", "x", True, False, 10_000, "off", ())
    >>> differences(flag, replace(flag, dial=25_000, enabled=False))
    ['Switched off.', 'Dial: 10 % → 25 %.']
    """
    if before is None or after is None:
        return [] if before is after else ["The flag is removed." if before else "The flag is new."]
    return [*_states(before, after), *_parts(before, after)]


def segment_differences(before: SegmentSpec, after: SegmentSpec) -> list[str]:
    """Return one line for each condition that goes or comes; all that stay have to hold.

    >>> germany = ConditionSpec("country", Operator.IN, ("DE",))
    >>> segment_differences(SegmentSpec("x", (germany,)), SegmentSpec("x"))
    ['No longer asked: country is DE.', 'Everybody belongs to it.']
    """
    gone = [one for one in before.conditions if one not in after.conditions]
    new = [one for one in after.conditions if one not in before.conditions]
    everybody = ["Everybody belongs to it."] if before.conditions and not after.conditions else []
    return [
        *(f"No longer asked: {condition_in_words(one)}." for one in gone),
        *(f"Asked as well: {condition_in_words(one)}." for one in new),
        *everybody,
    ]


def condition_in_words(condition: ConditionSpec) -> str:
    """Say what a condition asks for.

    >>> condition_in_words(ConditionSpec("country", Operator.IN, ("DE", "AT")))
    'country is DE or AT'
    """
    yes, no = OPERATOR_WORDS[condition.operator]
    values = [value or "(empty)" for value in condition.values]
    more = len(values) - _FEW
    shown = [*values[:_FEW], f"{more} more"] if more > 1 else values
    case = " (any case)" if condition.fold_case else ""
    return f"{condition.attribute} {no if condition.negate else yes} {' or '.join(shown)}{case}"


def rule_in_words(rule: RuleSpec) -> str:
    """Say whom a rule lets in and to what.

    >>> rule_in_words(RuleSpec("testers", (ConditionSpec("plan", Operator.IN, ("pro",)),)))
    'plan is pro → shared out by weight'
    """
    asked = [condition_in_words(condition) for condition in rule.conditions]
    asked += [f"in segment {key}" for key in rule.segments]
    share = "" if rule.percentage == 100_000 else f"{format_percent(rule.percentage)} % of "  # noqa: PLR2004
    whom = share + (" and ".join(asked) or "everybody")
    return f"{whom} → {rule.variant or 'shared out by weight'}"


def _states(before: FlagSpec, after: FlagSpec) -> Iterator[str]:
    if before.killed != after.killed:
        yield "Killed." if after.killed else "Re-armed after a kill."
    if before.enabled != after.enabled:
        yield "Switched on." if after.enabled else "Switched off."
    if before.dial != after.dial:
        yield f"Dial: {format_percent(before.dial)} % → {format_percent(after.dial)} %."
    for name, old, new in (
        ("Bucketing key", before.bucket_by, after.bucket_by),
        ("Salt", before.salt, after.salt),
        ("Answer for users not exposed", before.off_variant, after.off_variant),
        ("Kind", before.kind, after.kind),
    ):
        if old != new:
            yield f"{name}: {old} → {new}."


def _parts(before: FlagSpec, after: FlagSpec) -> Iterator[str]:
    yield from _keyed("Variant", before.variants, after.variants, _variant_in_words, "name")
    yield from _keyed("Prerequisite", before.requires, after.requires, _required, "flag")
    yield from _keyed("Override of", before.overrides, after.overrides, _override, "key")
    yield from _rules(before.rules, after.rules)


def _keyed(what: str, before: Any, after: Any, words: Any, name: str) -> Iterator[str]:
    old = {getattr(one, name): one for one in before}
    new = {getattr(one, name): one for one in after}
    for key in [*old, *(key for key in new if key not in old)]:
        if key not in new:
            yield f"{what} {key} removed (was: {words(old[key])})."
        elif key not in old:
            yield f"{what} {key} added: {words(new[key])}."
        elif words(old[key]) != words(new[key]):
            yield f"{what} {key}: {words(old[key])} → {words(new[key])}."


def _variant_in_words(variant: VariantSpec) -> str:
    value = json.dumps(variant.value, ensure_ascii=False, sort_keys=True)
    shown = value if len(value) <= 60 else value[:59] + "…"  # noqa: PLR2004
    return f"{shown}, weight {variant.weight}"


def _required(one: PrerequisiteSpec) -> str:
    return " or ".join(one.variants) or "any variant but off"


def _override(one: OverrideSpec) -> str:
    until = f" until {one.until.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if one.until else ""
    return f"{one.variant}{until}"


def _rules(before: tuple[RuleSpec, ...], after: tuple[RuleSpec, ...]) -> Iterator[str]:
    for place, rule in enumerate(before, 1):
        if rule not in after:
            yield f"Rule {place} “{rule.name}” removed (was: {rule_in_words(rule)})."
    for place, rule in enumerate(after, 1):
        if rule not in before:
            yield f"Rule {place} “{rule.name}” added: {rule_in_words(rule)}."
    kept = [rule for rule in before if rule in after]
    if kept != [rule for rule in after if rule in before]:
        yield "The order of the rules changes."
