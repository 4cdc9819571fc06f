"""From a flag's settings to its answers: compiled once, asked very often.

`compile_flag` turns an immutable `FlagSpec` into one closure. All answers the flag can ever give
are built beforehand, so that asking costs one dictionary look-up, one hash and one comparison,
and makes no object. Nothing here knows a database, a clock or the network.

The order of decisions, first hit wins::

    killed or switched off  → off variant, DISABLED
    dial at 0 %             → off variant, STATIC      (nobody)
    dial at 100 %           → exposed,     STATIC      (everybody, with or without a key)
    no targeting key        → off variant, UNKNOWN     (no place on the line, so not let in)
    place below the dial    → exposed,     SPLIT
    otherwise               → off variant, SPLIT

"Exposed" means the variants that carry a weight: a single one is simply that one; several are
shared out by a second hash that does not know the dial (reason SPLIT), and somebody without a key
gets the first of them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import accumulate
from types import MappingProxyType
from typing import Any, TypeAlias

from mmh3 import mmh3_32_uintdigest

from flags.bucketing import EVERYBODY, NOBODY, VARIANT_SEED
from flags.specs import TARGETING_KEY, FlagSpec, VariantSpec
from releases.refusals import Refused

Scalar: TypeAlias = bool | int | float | str
Context: TypeAlias = Mapping[str, Any]
"""What is known of the one who asks; ``targetingKey`` is a non-empty text or missing."""

MOST_WEIGHT = 2**31 - 1


class Reason(StrEnum):
    """Why an answer is what it is: the five words that OFREP 0.3 knows, and no other."""

    STATIC = "STATIC"
    TARGETING_MATCH = "TARGETING_MATCH"
    SPLIT = "SPLIT"
    DISABLED = "DISABLED"
    UNKNOWN = "UNKNOWN"


class FlagNotCompilable(Refused):
    """These flag settings cannot be evaluated."""

    def __init__(self, key: str, why: str) -> None:
        self.key = key
        self.why = why
        super().__init__(f"Flag “{key}”: {why}.")


@dataclass(frozen=True, slots=True, eq=False)
class Resolution:
    """One possible answer of a flag. Compared by identity: each is built once per compilation."""

    value: Any
    variant: str
    reason: Reason
    metadata: Mapping[str, Scalar] = field(default_factory=lambda: MappingProxyType({}))


Resolver: TypeAlias = Callable[[Context], Resolution]

KILLED = MappingProxyType({"killed": True})
KEYLESS = MappingProxyType({"targetingKeyMissing": True})


def compile_flag(spec: FlagSpec) -> Resolver:
    """Return the closure that answers for ``spec``; it never raises for a string or missing key.

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
    off = next(variant for variant in spec.variants if variant.name == spec.off_variant)
    if spec.killed:
        return _always(_answer(off, Reason.DISABLED, KILLED))
    if not spec.enabled:
        return _always(_answer(off, Reason.DISABLED))
    if spec.dial == NOBODY:
        return _always(_answer(off, Reason.STATIC))
    shares = tuple(variant for variant in spec.variants if variant.weight)
    if spec.dial == EVERYBODY:
        return _everybody(spec.salt, shares)
    if len(shares) == 1:
        return _some(spec, _answer(shares[0], Reason.SPLIT), off)
    return _some_shared(spec, shares, off)


def _answer(
    variant: VariantSpec, reason: Reason, metadata: Mapping[str, Scalar] | None = None
) -> Resolution:
    return Resolution(variant.value, variant.name, reason, metadata or MappingProxyType({}))


def _always(resolution: Resolution) -> Resolver:
    def resolve(_context: Context) -> Resolution:
        return resolution

    return resolve


def _everybody(salt: str, shares: tuple[VariantSpec, ...]) -> Resolver:
    if len(shares) == 1:
        return _always(_answer(shares[0], Reason.STATIC))
    keyless = _answer(shares[0], Reason.UNKNOWN, KEYLESS)
    share_of = _sharing(salt, shares)

    def resolve(context: Context) -> Resolution:
        key = context.get(TARGETING_KEY)
        return share_of(key) if key else keyless

    return resolve


def _some(spec: FlagSpec, inside: Resolution, off: VariantSpec) -> Resolver:
    """Return the hot path: `bucketing.position` written out, because a call costs as much."""
    prefix, dial, digest_of = f"{spec.salt}:", spec.dial, mmh3_32_uintdigest
    outside = _answer(off, Reason.SPLIT)
    keyless = _answer(off, Reason.UNKNOWN, KEYLESS)

    def resolve(context: Context) -> Resolution:
        key = context.get(TARGETING_KEY)
        if not key:
            return keyless
        digest = digest_of((prefix + key).encode())
        return inside if digest % 100 * 1000 + digest // 100 % 1000 < dial else outside

    return resolve


def _some_shared(spec: FlagSpec, shares: tuple[VariantSpec, ...], off: VariantSpec) -> Resolver:
    prefix, dial, digest_of = f"{spec.salt}:", spec.dial, mmh3_32_uintdigest
    outside = _answer(off, Reason.SPLIT)
    keyless = _answer(off, Reason.UNKNOWN, KEYLESS)
    share_of = _sharing(spec.salt, shares)

    def resolve(context: Context) -> Resolution:
        key = context.get(TARGETING_KEY)
        if not key:
            return keyless
        digest = digest_of((prefix + key).encode())
        if digest % 100 * 1000 + digest // 100 % 1000 < dial:
            return share_of(key)
        return outside

    return resolve


def _sharing(salt: str, shares: tuple[VariantSpec, ...]) -> Callable[[str], Resolution]:
    edges = list(accumulate(variant.weight for variant in shares))
    answers = tuple(_answer(variant, Reason.SPLIT) for variant in shares)
    prefix, total, digest_of = f"{salt}:", edges[-1], mmh3_32_uintdigest

    def share_of(key: str) -> Resolution:
        return answers[
            bisect_right(edges, digest_of((prefix + key).encode(), VARIANT_SEED) % total)
        ]

    return share_of


def _refuse_contradictions(spec: FlagSpec) -> None:
    names = [variant.name for variant in spec.variants]
    weights = [variant.weight for variant in spec.variants]
    contradictions = (
        (len(set(names)) != len(names), "two variants have the same name"),
        (spec.off_variant not in names, f"its off variant “{spec.off_variant}” does not exist"),
        (any(weight < 0 for weight in weights), "a variant has a negative weight"),
        (sum(weights) <= 0, "no variant has a weight, so nobody could be let in"),
        (sum(weights) > MOST_WEIGHT, "the weights add up to more than 2^31 - 1"),
        (not NOBODY <= spec.dial <= EVERYBODY, f"its dial {spec.dial} is not in 0…{EVERYBODY}"),
    )
    for contradicts, why in contradictions:
        if contradicts:
            raise FlagNotCompilable(spec.key, why)
