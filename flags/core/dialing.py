"""Places on the line → answers: the dial, percentages of rules, and shares by weight. Pure.

These methods are most of what an evaluation costs, so `bucketing.position` is written out in them.
They belong to objects with slots and are not closures: what one needs lies in one piece of memory,
which counts as soon as there are more flags than a processor's cache holds.
``digest % 100`` is the whole percent and ``digest // 100 % 1000`` its thousandths, so at a dial of
whole percents the first alone decides. A key without a UTF-8 form (half a surrogate pair) names
nobody and counts as missing. ``mmh3.hash`` takes a text as it is, which spares the encoding, but it
must never see such a key, for it ends the process: it is given ASCII only.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate
from typing import TypeAlias

from mmh3 import hash as ascii_digest_of
from mmh3 import mmh3_32_uintdigest as digest_of

from flags.core.answers import KEYLESS, Outcome, Reason, Resolution, Resolver, always, answer
from flags.core.attributes import Context, bucket_text
from flags.core.bucketing import EVERYBODY, NOBODY, VARIANT_SEED
from flags.core.operators import Predicate
from flags.core.specs import FlagSpec, VariantSpec

_THOUSANDTHS = 1000

Shares: TypeAlias = tuple[VariantSpec, ...]


def sharing(spec: FlagSpec) -> Shares:
    """Return the variants that share those who are let in."""
    return tuple(variant for variant in spec.variants if variant.weight)


def dialed(spec: FlagSpec, off: VariantSpec) -> Outcome:
    """Return what comes of the dial alone."""
    if spec.dial == NOBODY:
        return always(answer(off, Reason.STATIC))
    shares = sharing(spec)
    if spec.dial == EVERYBODY:
        return everybody(spec, shares)
    if len(shares) == 1 and spec.dial % _THOUSANDTHS == 0:
        return _some_whole_percents(spec, shares[0], off)
    return _some(spec, shares, off)


def everybody(spec: FlagSpec, shares: Shares, reason: Reason = Reason.STATIC) -> Outcome:
    """Return what comes of letting all in; of several shares the keyless get the first."""
    if len(shares) == 1:
        return always(answer(shares[0], reason))
    keyless = answer(shares[0], Reason.UNKNOWN, KEYLESS)
    edges, total, answers = _split(shares)
    split = _Split(spec.bucket_by, f"{spec.salt}:", edges, total, answers, keyless)
    return Outcome(None, split.resolve)


@dataclass(slots=True, eq=False)
class _Split:
    """Everybody, shared out by weight."""

    bucket_by: str
    prefix: str
    edges: list[int]
    total: int
    answers: tuple[Resolution, ...]
    keyless: Resolution

    def resolve(self, context: Context) -> Resolution:
        key = context.get(self.bucket_by)
        if type(key) is not str or not key:
            key = bucket_text(key)
            if key is None:
                return self.keyless
        if key.isascii():
            digest = ascii_digest_of(self.prefix + key, VARIANT_SEED, False)  # noqa: FBT003
        else:
            try:
                digest = digest_of((self.prefix + key).encode(), VARIANT_SEED)
            except UnicodeEncodeError:
                return self.keyless
        return self.answers[bisect_right(self.edges, digest % self.total)]


def below(spec: FlagSpec, dial: int) -> Predicate:
    """Return the predicate "stands below this dial"; whoever has no place on the line does not."""
    return _Below(spec.bucket_by, f"{spec.salt}:", dial).holds


@dataclass(slots=True, eq=False)
class _Below:
    """Whether somebody stands below a dial of thousandths of a percent."""

    bucket_by: str
    prefix: str
    dial: int

    def holds(self, context: Context) -> bool:
        key = bucket_text(context.get(self.bucket_by))
        if key is None:
            return False
        try:
            digest = digest_of((self.prefix + key).encode())
        except UnicodeEncodeError:
            return False
        return digest % 100 * 1000 + digest // 100 % 1000 < self.dial


def _some_whole_percents(spec: FlagSpec, share: VariantSpec, off: VariantSpec) -> Outcome:
    whole_percents = WholePercents(
        bucket_by=spec.bucket_by,
        prefix=f"{spec.salt}:",
        dial=spec.dial // _THOUSANDTHS,
        inside=answer(share, Reason.SPLIT),
        outside=answer(off, Reason.SPLIT),
        keyless=answer(off, Reason.UNKNOWN, KEYLESS),
    )
    return Outcome(None, whole_percents.resolve)


@dataclass(slots=True, eq=False)
class WholePercents:
    """The hottest path of all: one variant, a dial of whole percents."""

    bucket_by: str
    prefix: str
    dial: int
    inside: Resolution
    outside: Resolution
    keyless: Resolution

    def resolve(self, context: Context) -> Resolution:
        key = context.get(self.bucket_by)
        if type(key) is not str or not key:
            key = bucket_text(key)
            if key is None:
                return self.keyless
        if key.isascii():
            below_dial = ascii_digest_of(self.prefix + key, 0, False) % 100 < self.dial  # noqa: FBT003
            return self.inside if below_dial else self.outside
        try:
            below_dial = digest_of((self.prefix + key).encode()) % 100 < self.dial
        except UnicodeEncodeError:
            return self.keyless
        return self.inside if below_dial else self.outside


def plain_dial(resolve: Resolver, bucket_by: str) -> WholePercents | None:
    """Return the dial that is all there is to a flag, if it goes by this attribute; else None."""
    dial = getattr(resolve, "__self__", None)
    return dial if isinstance(dial, WholePercents) and dial.bucket_by == bucket_by else None


def _some(spec: FlagSpec, shares: Shares, off: VariantSpec) -> Outcome:
    edges, total, answers = _split(shares)
    some = _Some(
        bucket_by=spec.bucket_by,
        prefix=f"{spec.salt}:",
        dial=spec.dial,
        edges=edges,
        total=total,
        answers=answers,
        outside=answer(off, Reason.SPLIT),
        keyless=answer(off, Reason.UNKNOWN, KEYLESS),
    )
    return Outcome(None, some.resolve)


@dataclass(slots=True, eq=False)
class _Some:
    """A dial of thousandths, or several shares: by a second hash, which does not know the dial."""

    bucket_by: str
    prefix: str
    dial: int
    edges: list[int]
    total: int
    answers: tuple[Resolution, ...]
    outside: Resolution
    keyless: Resolution

    def resolve(self, context: Context) -> Resolution:
        key = context.get(self.bucket_by)
        if type(key) is not str or not key:
            key = bucket_text(key)
            if key is None:
                return self.keyless
        try:
            hashed = (self.prefix + key).encode()
        except UnicodeEncodeError:
            return self.keyless
        digest = digest_of(hashed)
        if digest % 100 * 1000 + digest // 100 % 1000 >= self.dial:
            return self.outside
        if len(self.answers) == 1:
            return self.answers[0]
        return self.answers[bisect_right(self.edges, digest_of(hashed, VARIANT_SEED) % self.total)]


def _split(shares: Shares) -> tuple[list[int], int, tuple[Resolution, ...]]:
    edges = list(accumulate(variant.weight for variant in shares))
    return edges, edges[-1], tuple(answer(variant, Reason.SPLIT) for variant in shares)
