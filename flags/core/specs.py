"""A flag and a segment as plain values, and as the JSON documents that are published. Pure.

A document is what an environment's ruleset is made of, what its history keeps, what approvals are
bound to, what is written to disk, exported, imported and compared. `flag_from` and `segment_from`
read one back; `flag_document(flag_from(d)) == d` for every document that this module wrote.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypeAlias, TypeVar

from flags.core.bucketing import EVERYBODY
from releases.refusals import Refused

FORMAT = 1
TARGETING_KEY = "targetingKey"

Document: TypeAlias = Mapping[str, Any]

Kind = TypeVar("Kind")
_KIND_WORDS = {str: "a text", bool: "true or false", int: "a whole number", list: "a list"}


class UnknownDocument(Refused):
    """This is not a flag or segment document that this version can read; nothing was changed."""


class Operator(StrEnum):
    """How a condition compares an attribute with its values: true if any value fits.

    An attribute that is missing fits nothing, so only a negated condition holds for it. Each
    operator means what the Unleash client specification says of its namesake.
    """

    IN = "in"
    CONTAINS = "contains"
    STARTS_WITH = "starts_with"
    ENDS_WITH = "ends_with"
    NUM_EQ = "num_eq"
    NUM_GT = "num_gt"
    NUM_GTE = "num_gte"
    NUM_LT = "num_lt"
    NUM_LTE = "num_lte"
    DATE_AFTER = "date_after"
    DATE_BEFORE = "date_before"
    SEMVER_EQ = "semver_eq"
    SEMVER_GT = "semver_gt"
    SEMVER_LT = "semver_lt"


@dataclass(frozen=True, slots=True)
class VariantSpec:
    """A named value that a flag may answer with, and its share of those let in (any scale)."""

    name: str
    value: Any
    weight: int = 0


@dataclass(frozen=True, slots=True)
class ConditionSpec:
    """One comparison. ``values`` are texts, as they were typed; several only where any may fit."""

    attribute: str
    operator: Operator
    values: tuple[str, ...]
    negate: bool = False
    fold_case: bool = False


@dataclass(frozen=True, slots=True)
class SegmentSpec:
    """A named group: whoever fulfils all conditions. Without conditions it is everybody."""

    key: str
    conditions: tuple[ConditionSpec, ...] = ()


@dataclass(frozen=True, slots=True)
class RuleSpec:
    """Who fulfils all conditions, is in all segments and stands below the percentage is let in.

    ``percentage`` counts thousandths of a percent. ``variant`` names the answer; None shares out by
    weight. Naming the off variant keeps people out, and then the percentage is everybody.
    """

    name: str
    conditions: tuple[ConditionSpec, ...] = ()
    segments: tuple[str, ...] = ()
    percentage: int = EVERYBODY
    variant: str | None = None


@dataclass(frozen=True, slots=True)
class OverrideSpec:
    """One targeting key that gets one answer, until a moment (aware, UTC) or for good."""

    key: str
    variant: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class PrerequisiteSpec:
    """Another flag that must let the user in; ``variants`` narrows it to some of its answers."""

    flag: str
    variants: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FlagSpec:
    """A flag in one environment, as plain values.

    ``dial`` counts thousandths of a percent, 0 to 100,000. ``off_variant`` names the variant for
    everybody not let in; the others share those let in by weight. A boolean flag has two variants,
    ``on`` with all the weight and ``off`` with none. ``bucket_by`` names the attribute whose value
    is hashed; overrides always go by targetingKey.
    """

    key: str
    salt: str
    enabled: bool
    killed: bool
    dial: int
    off_variant: str
    variants: tuple[VariantSpec, ...]
    bucket_by: str = TARGETING_KEY
    requires: tuple[PrerequisiteSpec, ...] = ()
    overrides: tuple[OverrideSpec, ...] = ()
    rules: tuple[RuleSpec, ...] = ()
    kind: str = "boolean"


# --- Writing ------------------------------------------------------------------------------------
def flag_document(flag: FlagSpec) -> dict[str, Any]:
    """Return the JSON form of a flag: only lists, texts, numbers, booleans and null.

    >>> flag = FlagSpec("x", "x", True, False, 5, "off", (VariantSpec("off", False),))
    >>> flag_from(flag_document(flag)) == flag
    True
    """
    return {
        "format": FORMAT,
        "key": flag.key,
        "kind": flag.kind,
        "salt": flag.salt,
        "bucket_by": flag.bucket_by,
        "enabled": flag.enabled,
        "killed": flag.killed,
        "dial": flag.dial,
        "off": flag.off_variant,
        "variants": [{"name": v.name, "value": v.value, "weight": v.weight} for v in flag.variants],
        "requires": [{"flag": r.flag, "variants": list(r.variants)} for r in flag.requires],
        "overrides": [_override_document(override) for override in flag.overrides],
        "rules": [_rule_document(rule) for rule in flag.rules],
    }


def segment_document(segment: SegmentSpec) -> dict[str, Any]:
    """Return the JSON form of a segment."""
    conditions = [condition_document(condition) for condition in segment.conditions]
    return {"format": FORMAT, "key": segment.key, "conditions": conditions}


def condition_document(condition: ConditionSpec) -> dict[str, Any]:
    """Return the JSON form of a condition, as rules and segments keep it."""
    return {
        "attribute": condition.attribute,
        "operator": condition.operator.value,
        "values": list(condition.values),
        "negate": condition.negate,
        "fold_case": condition.fold_case,
    }


def _rule_document(rule: RuleSpec) -> dict[str, Any]:
    return {
        "name": rule.name,
        "conditions": [condition_document(condition) for condition in rule.conditions],
        "segments": list(rule.segments),
        "percentage": rule.percentage,
        "variant": rule.variant,
    }


def _override_document(override: OverrideSpec) -> dict[str, Any]:
    until = override.until.astimezone(UTC).isoformat() if override.until else None
    return {"key": override.key, "variant": override.variant, "until": until}


# --- Reading ------------------------------------------------------------------------------------
def flag_from(document: Document) -> FlagSpec:
    """Return the flag of a document. Raises `UnknownDocument`, naming what is missing or odd."""
    try:
        return _flag(document)
    except (KeyError, TypeError, ValueError, AttributeError) as odd:
        raise UnknownDocument(_said(odd)) from None


def segment_from(document: Document) -> SegmentSpec:
    """Return the segment of a document. Raises `UnknownDocument`."""
    try:
        _known_format(document)
        conditions = tuple(map(condition_from, _of(list, document["conditions"])))
        return SegmentSpec(_of(str, document["key"]), conditions)
    except (KeyError, TypeError, ValueError, AttributeError) as odd:
        raise UnknownDocument(_said(odd)) from None


def condition_from(document: Document) -> ConditionSpec:
    """Return one condition; KeyError, TypeError or ValueError where it is none."""
    return ConditionSpec(
        attribute=_of(str, document["attribute"]),
        operator=Operator(document["operator"]),
        values=tuple(str(value) for value in _of(list, document["values"])),
        negate=_of(bool, document.get("negate", False)),
        fold_case=_of(bool, document.get("fold_case", False)),
    )


def _flag(document: Document) -> FlagSpec:
    _known_format(document)
    return FlagSpec(
        key=_of(str, document["key"]),
        kind=_of(str, document["kind"]),
        salt=_of(str, document["salt"]),
        bucket_by=_of(str, document["bucket_by"]),
        enabled=_of(bool, document["enabled"]),
        killed=_of(bool, document["killed"]),
        dial=_whole(document["dial"]),
        off_variant=_of(str, document["off"]),
        variants=tuple(map(_variant, _of(list, document["variants"]))),
        requires=tuple(map(_requirement, _of(list, document["requires"]))),
        overrides=tuple(map(_override, _of(list, document["overrides"]))),
        rules=tuple(map(_rule, _of(list, document["rules"]))),
    )


def _of(kind: type[Kind], value: object) -> Kind:
    if not isinstance(value, kind):
        raise TypeError(f"{str(value)[:60]!r} where {_KIND_WORDS[kind]} belongs")
    return value


def _whole(value: object) -> int:
    if isinstance(value, bool):
        raise TypeError(f"{value!r} where a whole number belongs")
    return _of(int, value)


def _texts(value: object) -> tuple[str, ...]:
    return tuple(_of(str, one) for one in _of(list, value))


def _variant(document: Document) -> VariantSpec:
    return VariantSpec(_of(str, document["name"]), document["value"], _whole(document["weight"]))


def _requirement(document: Document) -> PrerequisiteSpec:
    return PrerequisiteSpec(_of(str, document["flag"]), _texts(document["variants"]))


def _known_format(document: Document) -> None:
    if document["format"] != FORMAT:
        raise ValueError(f"format {document['format']!r}; this version reads format {FORMAT}")


def _rule(document: Document) -> RuleSpec:
    variant = document["variant"]
    return RuleSpec(
        name=_of(str, document["name"]),
        conditions=tuple(map(condition_from, _of(list, document["conditions"]))),
        segments=_texts(document["segments"]),
        percentage=_whole(document["percentage"]),
        variant=None if variant is None else _of(str, variant),
    )


def _override(document: Document) -> OverrideSpec:
    until = document["until"]
    moment = None if until is None else datetime.fromisoformat(_of(str, until))
    if moment is not None and moment.tzinfo is None:
        raise ValueError(f"{until} without its time zone")
    return OverrideSpec(_of(str, document["key"]), _of(str, document["variant"]), moment)


def _said(odd: Exception) -> str:
    return f"Without {odd}." if isinstance(odd, KeyError) else f"{odd}."
