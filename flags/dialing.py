"""Places on the line → answers: the dial, percentages of rules, and shares by weight. Pure.

These closures are most of what an evaluation costs, so `bucketing.position` is written out in them:
``digest % 100`` is the whole percent and ``digest // 100 % 1000`` its thousandths, so at a dial of
whole percents the first alone decides. A key without a UTF-8 form (half a surrogate pair) names
nobody and counts as missing. ``mmh3.hash`` takes a text as it is, which spares the encoding, but it
must never see such a key, for it ends the process: it is given ASCII only.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from itertools import accumulate
from typing import TypeAlias

from mmh3 import hash as ascii_digest_of
from mmh3 import mmh3_32_uintdigest as digest_of

from flags.answers import KEYLESS, Outcome, Reason, Resolution, always, answer
from flags.attributes import Context, bucket_text
from flags.bucketing import EVERYBODY, NOBODY, VARIANT_SEED
from flags.operators import Predicate
from flags.specs import FlagSpec, VariantSpec

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
    bucket_by, text, prefix = spec.bucket_by, f"{spec.salt}:", f"{spec.salt}:".encode()
    edges, total, answers = _split(shares)
    find, seed, unsigned = bisect_right, VARIANT_SEED, False

    def resolve(context: Context) -> Resolution:
        key = context.get(bucket_by)
        if type(key) is not str or not key:
            key = bucket_text(key)
            if key is None:
                return keyless
        if key.isascii():
            return answers[find(edges, ascii_digest_of(text + key, seed, unsigned) % total)]
        try:
            return answers[find(edges, digest_of(prefix + key.encode(), seed) % total)]
        except UnicodeEncodeError:
            return keyless

    return Outcome(None, resolve)


def below(spec: FlagSpec, dial: int) -> Predicate:
    """Return the predicate "stands below this dial"; whoever has no place on the line does not."""
    bucket_by, prefix = spec.bucket_by, f"{spec.salt}:".encode()

    def is_below(context: Context) -> bool:
        key = bucket_text(context.get(bucket_by))
        if key is None:
            return False
        try:
            digest = digest_of(prefix + key.encode())
        except UnicodeEncodeError:
            return False
        return digest % 100 * 1000 + digest // 100 % 1000 < dial

    return is_below


def _some_whole_percents(spec: FlagSpec, share: VariantSpec, off: VariantSpec) -> Outcome:
    """Return the hottest path of all: one variant, a dial of whole percents."""
    bucket_by, text, prefix = spec.bucket_by, f"{spec.salt}:", f"{spec.salt}:".encode()
    whole, seed, unsigned = spec.dial // _THOUSANDTHS, 0, False
    inside, outside = answer(share, Reason.SPLIT), answer(off, Reason.SPLIT)
    keyless = answer(off, Reason.UNKNOWN, KEYLESS)

    def resolve(context: Context) -> Resolution:
        key = context.get(bucket_by)
        if type(key) is not str or not key:
            key = bucket_text(key)
            if key is None:
                return keyless
        if key.isascii():
            return inside if ascii_digest_of(text + key, seed, unsigned) % 100 < whole else outside
        try:
            return inside if digest_of(prefix + key.encode()) % 100 < whole else outside
        except UnicodeEncodeError:
            return keyless

    return Outcome(None, resolve)


def _some(spec: FlagSpec, shares: Shares, off: VariantSpec) -> Outcome:
    bucket_by, prefix, dial = spec.bucket_by, f"{spec.salt}:".encode(), spec.dial
    outside = answer(off, Reason.SPLIT)
    keyless = answer(off, Reason.UNKNOWN, KEYLESS)
    share_of = _share_of(shares)

    def resolve(context: Context) -> Resolution:
        key = bucket_text(context.get(bucket_by))
        if key is None:
            return keyless
        try:
            hashed = prefix + key.encode()
        except UnicodeEncodeError:
            return keyless
        digest = digest_of(hashed)
        below_dial = digest % 100 * 1000 + digest // 100 % 1000 < dial
        return share_of(hashed) if below_dial else outside

    return Outcome(None, resolve)


def _share_of(shares: Shares) -> Callable[[bytes], Resolution]:
    """Return which share somebody gets: by a second hash, which does not know the dial."""
    edges, total, answers = _split(shares)
    if len(answers) == 1:
        return lambda _hashed: answers[0]
    return lambda hashed: answers[bisect_right(edges, digest_of(hashed, VARIANT_SEED) % total)]


def _split(shares: Shares) -> tuple[list[int], int, tuple[Resolution, ...]]:
    edges = list(accumulate(variant.weight for variant in shares))
    return edges, edges[-1], tuple(answer(variant, Reason.SPLIT) for variant in shares)
