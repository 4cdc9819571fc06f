"""Where a targeting key stands on the dial, and which variant it gets: arithmetic only.

The formula is architecture decision 5. One hash gives every key a fixed *position* on a line of
100,000 places; a dial of 12.5 % lets in the places below 12,500. The last two digits of the hash
are the whole percent and the next three refine it, so at whole percentages the answer is the one
the Unleash SDKs give (``murmur3(group:key) % 100 + 1 <= percentage``), and in between it only
divides that percent further. Variants come from a second seed, so that who is let in says nothing
about what they get, and turning the dial never moves anybody from one variant to another.

Hash: MurmurHash3 x86 32 bit (Austin Appleby, public domain), over UTF-8, unsigned.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING

from mmh3 import mmh3_32_uintdigest

if TYPE_CHECKING:
    from collections.abc import Sequence

POSITIONS = 100_000
"""Places on the line; the dial counts in these, one is a thousandth of a percent."""

EVERYBODY = POSITIONS
NOBODY = 0

VARIANT_SEED = 86028157
"""The seed of the variant hash. Unleash fixed it in its client specification; so must we."""


def position(salt: str, key: str) -> int:
    """Return the place of ``key`` on the line, 0 ≤ place < 100,000.

    ``salt`` separates flags from each other: the same key stands elsewhere under another salt.
    A key that has no UTF-8 form (an unpaired surrogate) raises UnicodeEncodeError.

    >>> position("universe-v2", "user-2")
    6390
    """
    digest = mmh3_32_uintdigest(f"{salt}:{key}".encode())
    return digest % 100 * 1000 + digest // 100 % 1000


def exposed(place: int, dial: int) -> bool:
    """Say whether a place lies under a dial given in thousandths of a percent.

    >>> exposed(12_499, 12_500), exposed(12_500, 12_500)
    (True, False)
    """
    return place < dial


def is_exposed(salt: str, key: str | None, dial: int) -> bool:
    """Say whether ``key`` is let in; somebody without a key is let in only at 100 %.

    >>> is_exposed("universe-v2", "user-2", 10_000)
    True
    >>> [is_exposed("universe-v2", None, dial) for dial in (0, 99_999, 100_000)]
    [False, False, True]
    """
    if not key:
        return dial >= EVERYBODY
    return exposed(position(salt, key), dial)


def variant_index(salt: str, key: str, weights: Sequence[int]) -> int:
    """Return which of the weighted variants ``key`` gets, as an index into ``weights``.

    The weights are whole numbers ≥ 0 of which at least one is positive; a variant of weight 0 is
    never chosen. All zero raises ValueError.

    >>> variant_index("universe-v2", "user-5", [500, 500])
    1
    >>> variant_index("universe-v2", "user-1", [0, 1000, 0])
    1
    """
    edges = list(accumulate(weights))
    if not edges or edges[-1] <= 0:
        raise ValueError("no variant has a weight")
    digest = mmh3_32_uintdigest(f"{salt}:{key}".encode(), VARIANT_SEED)
    return bisect_right(edges, digest % edges[-1])
