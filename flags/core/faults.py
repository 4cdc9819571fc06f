"""What is impossible in a flag or a segment, in words: asked before it is saved. Pure.

An empty list means that it can be saved. Each line is a sentence that says where and what, so that
whoever reads it knows what to change. Compiling doesn't need this: whatever slipped through has a
defined answer (`flags.core.compiling`).
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace

from flags.core.bucketing import EVERYBODY, NOBODY
from flags.core.operators import readable
from flags.core.ordering import MOST_ASKED, answers_needed, ground_up
from flags.core.specs import ConditionSpec, FlagSpec, Operator, RuleSpec, SegmentSpec

ALL_WEIGHT = 1000
MOST_RULES = 100
MOST_CONDITIONS = 20
MOST_VALUES = 1000
MOST_OVERRIDES = 10_000
LONGEST_VALUE = 500
_SHOWN = 60

_ATTRIBUTE = re.compile(r"[A-Za-z_$][A-Za-z0-9._$-]{0,99}")
_JSON_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
# RFC 3339 as the Unleash SDKs read it in a constraint: capitals, milliseconds or none.
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{3})?"
    r"(?:Z|[+-][0-9]{2}:[0-9]{2})"
)
_SEVERAL = frozenset({Operator.IN, Operator.CONTAINS, Operator.STARTS_WITH, Operator.ENDS_WITH})
_PARTS = _SEVERAL - {Operator.IN}


def flag_faults(
    spec: FlagSpec, specs: Mapping[str, FlagSpec], segments: Mapping[str, SegmentSpec]
) -> list[str]:
    """Return what is impossible in a flag, given the others of its environment and the segments.

    `specs` may hold the flag itself, as it was; `spec` is how it is to be.

    >>> from flags.core.specs import VariantSpec
    >>> on, off = VariantSpec("on", True, 1000), VariantSpec("off", False)
    >>> flag = FlagSpec("new", "new", True, False, 0, "off", (on, off))
    >>> flag_faults(flag, {}, {})
    []
    >>> flag_faults(replace(flag, rules=(RuleSpec("odd", variant="blue"),)), {}, {})
    ['Rule 1 “odd” answers “blue”, which is no variant of this flag.']
    """
    return [
        *_itself(spec),
        *_variants(spec),
        *_requirements(spec, {**specs, spec.key: spec}),
        *_overrides(spec),
        *_rules(spec, segments),
    ]


def segment_faults(segment: SegmentSpec) -> list[str]:
    """Return what is impossible in a segment.

    >>> segment_faults(SegmentSpec("new", (ConditionSpec("app", Operator.SEMVER_GT, ("2",)),)))
    ['Condition 1: “2” is not a version such as 2.1.0.']
    """
    return list(_conditions(segment.conditions))


# --- The flag itself ----------------------------------------------------------------------------
def _itself(spec: FlagSpec) -> Iterator[str]:
    if not NOBODY <= spec.dial <= EVERYBODY:
        yield "The dial lies between 0 and 100 %."
    if not _ATTRIBUTE.fullmatch(spec.bucket_by):
        yield f"“{_short(spec.bucket_by)}” cannot be the name of an attribute to bucket by."
    if not _storable(spec.salt):
        yield "The salt is no text that can be stored."


def _variants(spec: FlagSpec) -> Iterator[str]:
    names = Counter(variant.name for variant in spec.variants)
    yield from (f"Two variants are named “{name}”." for name, times in names.items() if times > 1)
    if spec.off_variant not in names:
        yield "Exactly one variant is the off variant."
    total = sum(variant.weight for variant in spec.variants)
    if total != ALL_WEIGHT:
        yield f"The weights add up to {total}, not to {ALL_WEIGHT}."
    for variant in spec.variants:
        if variant.weight < 0:
            yield f"Variant “{variant.name}” has a negative weight."
        if variant.name == spec.off_variant and variant.weight:
            yield f"The off variant “{variant.name}” takes no share: its weight is 0."
        if not _fits(spec.kind, variant.value):
            yield f"The value of variant “{variant.name}” is not of the flag's kind, {spec.kind}."


def _fits(kind: str, value: object) -> bool:
    if kind == "boolean":
        return isinstance(value, bool)
    if kind == "string":
        return isinstance(value, str)
    if kind == "number":
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, dict | list)


# --- What it stands on, and what stands on it ---------------------------------------------------
def _requirements(spec: FlagSpec, specs: Mapping[str, FlagSpec]) -> Iterator[str]:
    twice = Counter(one.flag for one in spec.requires)
    yield from (f"It stands on “{key}” twice." for key, times in twice.items() if times > 1)
    for one in spec.requires:
        if one.flag not in specs:
            yield f"It stands on “{one.flag}”, which does not exist or is archived."
            continue
        parent = specs[one.flag]
        yield from _wanted(one.variants, parent, f"It wants of “{parent.key}” the answer")
    for other in specs.values():
        for one in other.requires:
            if one.flag == spec.key != other.key:
                yield from _wanted(
                    one.variants, spec, f"“{other.key}” wants of this flag the answer"
                )
    yield from _heights(spec, specs)


def _wanted(variants: tuple[str, ...], parent: FlagSpec, said: str) -> Iterator[str]:
    names = {variant.name for variant in parent.variants}
    for name in variants:
        if name not in names:
            yield f"{said} “{name}”, which is no variant of it."
        elif name == parent.off_variant:
            yield f"{said} “{name}”, which is its off variant: that never lets anybody in."


def _heights(spec: FlagSpec, specs: Mapping[str, FlagSpec]) -> Iterator[str]:
    if not spec.requires:
        return  # and then no circle goes through it
    order, circles = ground_up(specs)
    if spec.key in circles:
        yield f"Flags would stand on each other in a circle: {' → '.join(circles[spec.key])}."
        return
    concerned = {spec.key}
    for key, asked in answers_needed(specs, order).items():
        if any(one.flag in concerned for one in specs[key].requires):
            concerned.add(key)
        if key in concerned and asked > MOST_ASKED:
            yield f"“{key}” would need more than {MOST_ASKED} answers of flags for one of its own."


# --- Overrides ----------------------------------------------------------------------------------
def _overrides(spec: FlagSpec) -> Iterator[str]:
    names = {variant.name for variant in spec.variants}
    keys = Counter(override.key for override in spec.overrides)
    if len(spec.overrides) > MOST_OVERRIDES:
        yield f"A flag has at most {MOST_OVERRIDES} overrides; a segment names more people at once."
    for key, times in keys.items():
        if times > 1:
            yield f"“{_short(key)}” has two overrides."
        if not key or not _storable(key):
            yield "An override names a targeting key: text that is not empty and can be stored."
    for override in spec.overrides:
        if override.variant not in names:
            whom = _short(override.key)
            yield f"“{whom}” is given “{override.variant}”, which is no variant of this flag."


# --- Rules --------------------------------------------------------------------------------------
def _rules(spec: FlagSpec, segments: Mapping[str, SegmentSpec]) -> Iterator[str]:
    if len(spec.rules) > MOST_RULES:
        yield f"A flag has at most {MOST_RULES} rules."
    for number, rule in enumerate(spec.rules, 1):
        said = f"Rule {number} “{rule.name}”"
        yield from (f"{said} {fault}" for fault in _answer(spec, rule))
        yield from (f"{said}: {fault}" for fault in _conditions(rule.conditions))
        for key, times in Counter(rule.segments).items():
            if key not in segments:
                yield f"{said} names the segment “{key}”, which does not exist or is archived."
            if times > 1:
                yield f"{said} names the segment “{key}” twice."
    yield from _unreachable(spec.rules)


def _answer(spec: FlagSpec, rule: RuleSpec) -> Iterator[str]:
    if not NOBODY <= rule.percentage <= EVERYBODY:
        yield "has a percentage that does not lie between 0 and 100 %."
    if rule.variant is None:
        return
    if rule.variant not in {variant.name for variant in spec.variants}:
        yield f"answers “{rule.variant}”, which is no variant of this flag."
    elif rule.variant == spec.off_variant and rule.percentage != EVERYBODY:
        yield "keeps people out, so its percentage is 100 %; let a share in by another rule."


def _unreachable(rules: tuple[RuleSpec, ...]) -> Iterator[str]:
    """A rule that asks all that an earlier one asks, and more, is never reached."""
    for number, rule in enumerate(rules, 1):
        for earlier, first in enumerate(rules[: number - 1], 1):
            if first.percentage == EVERYBODY and _asks_all_of(rule, first):
                everybody = not first.conditions and not first.segments
                why = "is for everybody" if everybody else "takes everybody whom this one is for"
                yield (
                    f"Rule {number} “{rule.name}” can never match: "
                    f"rule {earlier} “{first.name}” before it {why}."
                )
                break


def _asks_all_of(rule: RuleSpec, first: RuleSpec) -> bool:
    return set(first.conditions) <= set(rule.conditions) and set(first.segments) <= set(
        rule.segments
    )


# --- Conditions ---------------------------------------------------------------------------------
def _conditions(conditions: tuple[ConditionSpec, ...]) -> Iterator[str]:
    if len(conditions) > MOST_CONDITIONS:
        yield f"There are at most {MOST_CONDITIONS} conditions."
    for number, condition in enumerate(conditions, 1):
        yield from (f"Condition {number}: {fault}" for fault in _condition(condition))
        opposite = replace(condition, negate=not condition.negate)
        if opposite in conditions[: number - 1]:
            other = conditions.index(opposite) + 1
            yield f"Conditions {other} and {number} contradict each other: nobody fulfils both."


def _condition(condition: ConditionSpec) -> Iterator[str]:
    operator, values = condition.operator, condition.values
    if not _ATTRIBUTE.fullmatch(condition.attribute):
        yield f"“{_short(condition.attribute)}” cannot be the name of an attribute."
    if not values:
        yield "It compares with nothing: give it a value."
    if len(values) > MOST_VALUES:
        yield f"It has {len(values)} values; at most {MOST_VALUES} are allowed."
    if len(values) > 1 and operator not in _SEVERAL:
        yield "It compares with one value, not with several."
    if condition.fold_case and operator not in _PARTS:
        yield "Only “contains”, “starts with” and “ends with” can leave capitals aside."
    for value in values:
        yield from _value(operator, value)


def _value(operator: Operator, value: str) -> Iterator[str]:
    if len(value) > LONGEST_VALUE or not _storable(value):
        yield f"“{_short(value)}” cannot be a value: at most {LONGEST_VALUE} characters of text."
    elif operator in _PARTS and not value:
        yield "An empty text is a part of every text."
    elif operator.value.startswith("num_") and not _number(value):
        yield f"“{_short(value)}” is not a number such as 12 or 0.5."
    elif operator.value.startswith("date_") and not _date(operator, value):
        yield f"“{_short(value)}” is not a moment such as 2027-01-31T09:00:00Z, with its zone."
    elif operator.value.startswith("semver_") and not readable(operator, value):
        yield f"“{_short(value)}” is not a version such as 2.1.0."


def _number(value: str) -> bool:
    return bool(_JSON_NUMBER.fullmatch(value)) and math.isfinite(float(value))


def _date(operator: Operator, value: str) -> bool:
    return bool(_MOMENT.fullmatch(value)) and readable(operator, value)


def _storable(text: str) -> bool:
    """Say whether a text is one that a database can hold: no NUL, no half of a surrogate pair."""
    return "\x00" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)


def _short(text: str) -> str:
    shown = text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
    return shown.replace("\x00", "").encode("utf-8", "replace").decode()
