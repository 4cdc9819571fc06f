"""From a flag's settings to its answers: compiled once, asked very often. Pure.

`compile_flag` turns an immutable `FlagSpec` into one closure. All answers the flag can ever give
are built beforehand and all that its settings decide is decided, so that asking costs a few
look-ups, a hash and a comparison, and makes no object. Nothing here knows a database or the
network; of the clock, only an override with an end and a condition on ``currentTime`` ask.

The order of decisions, first hit wins::

    killed or switched off              → off variant, DISABLED
    a flag it stands on lets nobody in  → off variant, DISABLED, {"prerequisite": key}
    an override of the targetingKey     → its variant, TARGETING_MATCH
    a rule whose conditions and segments hold, below the rule's percentage
                                        → its variant or a share, TARGETING_MATCH
                                          (SPLIT where a hash had a say)
    dial at 0 %                         → off variant, STATIC   (nobody)
    dial at 100 %                       → exposed,     STATIC   (everybody, with or without a key)
    no bucketing key                    → off variant, UNKNOWN  (no place, so not let in)
    place below the dial                → exposed,     SPLIT
    otherwise                           → off variant, SPLIT

"Exposed" means the variants that carry a weight: a single one is simply that one; several are
shared out by a second hash that does not know the dial (reason SPLIT), and somebody without a key
gets the first of them (reason UNKNOWN).
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from flags.core.answers import (
    KILLED,
    Outcome,
    Reason,
    Resolution,
    Resolver,
    always,
    answer,
    prerequisite,
)
from flags.core.attributes import Context, bucket_text, text_of
from flags.core.bucketing import EVERYBODY, NOBODY
from flags.core.dialing import below, dialed, everybody, sharing
from flags.core.operators import Clock, Predicate, all_of, conjunction, look_ups, never
from flags.core.specs import TARGETING_KEY, FlagSpec, RuleSpec, VariantSpec
from releases.refusals import Refused

__all__ = [
    "FlagNotCompilable",
    "Parent",
    "Reason",
    "Resolution",
    "Resolver",
    "Surroundings",
    "compile_flag",
]

MOST_WEIGHT = 2**31 - 1
_MOST_NESTED = 4
"""Up to here rules are closures in closures; more are asked in a loop, so no stack runs out."""


class FlagNotCompilable(Refused):
    """These flag settings cannot be evaluated."""

    def __init__(self, key: str, why: str) -> None:
        self.key = key
        self.why = why
        super().__init__(f"Flag “{key}”: {why}.")


class Parent(NamedTuple):
    """A flag that others stand on: how it answers, and which of its variants let somebody in."""

    resolve: Resolver
    letting_in: frozenset[str]


@dataclass(frozen=True, slots=True, eq=False)
class Surroundings:
    """What a flag needs of others: segments and flags by key, compiled, and the time.

    A segment that is not there holds nobody; a flag that is not there lets nobody in.
    """

    segments: Mapping[str, Predicate] = field(default_factory=dict)
    parents: Mapping[str, Parent] = field(default_factory=dict)
    clock: Clock = time.time


def compile_flag(spec: FlagSpec, around: Surroundings | None = None) -> Resolver:
    """Return the closure that answers for ``spec``; it never raises, whatever the context holds.

    Raises `FlagNotCompilable` when the settings contradict themselves (a dial out of range, an
    unknown or doubled variant, no variant to let people into).

    >>> spec = FlagSpec(
    ...     key="universe-v2", salt="universe-v2", enabled=True, killed=False, dial=20_000,
    ...     off_variant="off",
    ...     variants=(VariantSpec("on", True, 1000), VariantSpec("off", False)),
    ... )
    >>> resolve = compile_flag(spec)
    >>> resolve({"targetingKey": "user-1"}).value, resolve({"targetingKey": "user-2"}).value
    (False, True)
    >>> resolve({"targetingKey": "user-2"}) is resolve({"targetingKey": "user-4"})
    True
    """
    _refuse_contradictions(spec)
    around = around or Surroundings()
    variants = {variant.name: variant for variant in spec.variants}
    off = variants[spec.off_variant]
    if spec.killed:
        return always(answer(off, Reason.DISABLED, KILLED)).resolve
    if not spec.enabled:
        return always(answer(off, Reason.DISABLED)).resolve
    resolve = _ruled(spec, variants, around, dialed(spec, off)).resolve
    if spec.overrides:
        resolve = _overridden(spec, variants, around.clock, resolve)
    return _standing_on(spec, off, around.parents, resolve) if spec.requires else resolve


# --- Rules --------------------------------------------------------------------------------------
def _ruled(
    spec: FlagSpec, variants: Mapping[str, VariantSpec], around: Surroundings, dial: Outcome
) -> Outcome:
    if len(spec.rules) > _MOST_NESTED:
        whom = [_whom(spec, rule, around) for rule in spec.rules]
        inside = [_given(spec, rule, variants).resolve for rule in spec.rules]
        return _first_of(tuple(zip(whom, inside, strict=True)), dial)
    outcome = dial
    for rule in reversed(spec.rules):
        given, pair = _given(spec, rule, variants), look_ups(rule.conditions)
        if pair and not rule.segments and rule.percentage == EVERYBODY:
            outcome = _if_both(*pair, given, outcome)
        else:
            outcome = _if(_whom(spec, rule, around), given, outcome)
    return outcome


def _whom(spec: FlagSpec, rule: RuleSpec, around: Surroundings) -> Predicate:
    asked = [conjunction(rule.conditions, around.clock)] if rule.conditions else []
    asked += [around.segments.get(key, never) for key in rule.segments]
    if rule.percentage < EVERYBODY:
        asked.append(below(spec, rule.percentage))
    return all_of(asked)


def _given(spec: FlagSpec, rule: RuleSpec, variants: Mapping[str, VariantSpec]) -> Outcome:
    reason = Reason.SPLIT if rule.percentage < EVERYBODY else Reason.TARGETING_MATCH
    shares = sharing(spec) if rule.variant is None else (variants[rule.variant],)
    return everybody(spec, shares, reason)


def _if(matches: Predicate, given: Outcome, otherwise: Outcome) -> Outcome:
    (inside, inside_of), (outside, outside_of) = given, otherwise

    def resolve(context: Context) -> Resolution:
        if matches(context):
            return inside or inside_of(context)
        return outside or outside_of(context)

    return Outcome(None, resolve)


def _if_both(  # noqa: PLR0917  (a pair of look-ups, and what comes of it)
    attribute: str,
    values: frozenset[str],
    other: str,
    other_values: frozenset[str],
    given: Outcome,
    otherwise: Outcome,
) -> Outcome:
    """Do what `_if` does with `operators.both`, in one call instead of two."""
    asked = _Both(attribute, values, other, other_values, *given, *otherwise)
    return Outcome(None, asked.resolve)


@dataclass(slots=True, eq=False)
class _Both:
    """Two look-ups and what comes of them, in one piece of memory (see `dialing`)."""

    attribute: str
    values: frozenset[str]
    other: str
    other_values: frozenset[str]
    inside: Resolution | None
    inside_of: Resolver
    outside: Resolution | None
    outside_of: Resolver

    def resolve(self, context: Context) -> Resolution:
        value = context.get(self.attribute)
        if (value if type(value) is str else text_of(value)) in self.values:
            value = context.get(self.other)
            if (value if type(value) is str else text_of(value)) in self.other_values:
                return self.inside or self.inside_of(context)
        return self.outside or self.outside_of(context)


def _first_of(rules: tuple[tuple[Predicate, Resolver], ...], otherwise: Outcome) -> Outcome:
    decide = otherwise.resolve

    def resolve(context: Context) -> Resolution:
        for matches, inside in rules:
            if matches(context):
                return inside(context)
        return decide(context)

    return Outcome(None, resolve)


# --- Before the rules ---------------------------------------------------------------------------
def _overridden(
    spec: FlagSpec, variants: Mapping[str, VariantSpec], clock: Clock, otherwise: Resolver
) -> Resolver:
    lasting = float("inf")
    by_key = {
        override.key: (
            override.until.timestamp() if override.until else lasting,
            answer(variants[override.variant], Reason.TARGETING_MATCH),
        )
        for override in spec.overrides
    }

    def resolve(context: Context) -> Resolution:
        key = context.get(TARGETING_KEY)
        found = by_key.get(key if type(key) is str else bucket_text(key) or "")
        if found is not None and (found[0] == lasting or clock() < found[0]):
            return found[1]
        return otherwise(context)

    return resolve


def _standing_on(
    spec: FlagSpec, off: VariantSpec, parents: Mapping[str, Parent], otherwise: Resolver
) -> Resolver:
    needed = []
    for one in spec.requires:
        closed = answer(off, Reason.DISABLED, prerequisite(one.flag))
        parent = parents.get(one.flag, Parent(always(closed).resolve, frozenset()))
        letting_in = parent.letting_in & set(one.variants) if one.variants else parent.letting_in
        needed.append((parent.resolve, letting_in, closed))
    asked = tuple(needed)

    def resolve(context: Context) -> Resolution:
        for parent_of, letting_in, closed in asked:
            if parent_of(context).variant not in letting_in:
                return closed
        return otherwise(context)

    return resolve


# --- Contradictions -----------------------------------------------------------------------------
def _refuse_contradictions(spec: FlagSpec) -> None:
    names = {variant.name for variant in spec.variants}
    weights = [variant.weight for variant in spec.variants]
    contradictions = (
        (len(names) != len(weights), "two variants have the same name"),
        (spec.off_variant not in names, f"its off variant “{spec.off_variant}” does not exist"),
        (any(weight < 0 for weight in weights), "a variant has a negative weight"),
        (sum(weights) <= 0, "no variant has a weight, so nobody could be let in"),
        (sum(weights) > MOST_WEIGHT, "the weights add up to more than 2^31 - 1"),
        (not NOBODY <= spec.dial <= EVERYBODY, f"its dial {spec.dial} is not in 0…{EVERYBODY}"),
        (not _has_utf8(spec.salt), "its salt has no UTF-8 form"),
    )
    for contradicts, why in contradictions:
        if contradicts:
            raise FlagNotCompilable(spec.key, why)
    _refuse_unknown_answers(spec, names)


def _refuse_unknown_answers(spec: FlagSpec, names: set[str]) -> None:
    for number, rule in enumerate(spec.rules, 1):
        if rule.variant is not None and rule.variant not in names:
            raise FlagNotCompilable(
                spec.key, f"rule {number} answers “{rule.variant}”, which is no variant"
            )
    for override in spec.overrides:
        if override.variant not in names:
            raise FlagNotCompilable(
                spec.key, f"“{override.key}” is given “{override.variant}”, which is no variant"
            )


def _has_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
