"""The dial's promises, for any salt and any key: nobody is thrown out by growing it."""

from __future__ import annotations

from collections import Counter

import mmh3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flags.core.bucketing import POSITIONS, exposed, is_exposed, position, variant_index

keys = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40)
salts = st.text(st.characters(codec="utf-8"), max_size=40)
dials = st.integers(0, POSITIONS)
weights = st.lists(st.integers(0, 1000), min_size=1, max_size=6).filter(any)

# The 99.9 % points of the chi-square distribution with 99 and with 2 degrees of freedom. The keys
# below are fixed, so these tests give the same answer each time.
CHI_SQUARE_99 = 148.23
CHI_SQUARE_2 = 13.82


@given(salts, keys)
def test_a_place_is_on_the_line_and_is_the_decided_arithmetic(salt: str, key: str) -> None:
    digest = mmh3.hash(f"{salt}:{key}", 0, signed=False)
    assert position(salt, key) == digest % 100 * 1000 + digest // 100 % 1000
    assert 0 <= position(salt, key) < POSITIONS


@given(salts, keys, dials, dials)
def test_growing_the_dial_never_removes_a_user(salt: str, key: str, one: int, two: int) -> None:
    low, high = sorted((one, two))
    assert is_exposed(salt, key, high) or not is_exposed(salt, key, low)


@given(salts, st.lists(keys, min_size=1, max_size=30, unique=True), st.lists(dials, min_size=2))
def test_shrinking_the_dial_removes_the_last_to_come_first(
    salt: str, users: list[str], steps: list[int]
) -> None:
    *growth, back_to = [*sorted(steps[1:]), min(steps[0], max(steps[1:]))]
    came_at = {
        user: next(i for i, dial in enumerate(growth) if is_exposed(salt, user, dial))
        for user in users
        if is_exposed(salt, user, growth[-1])
    }
    stayed = [when for user, when in came_at.items() if is_exposed(salt, user, back_to)]
    left = [when for user, when in came_at.items() if not is_exposed(salt, user, back_to)]
    assert not stayed or not left or max(stayed) <= min(left)


@given(salts, keys)
def test_zero_is_nobody_and_one_hundred_is_everybody(salt: str, key: str) -> None:
    assert not is_exposed(salt, key, 0)
    assert is_exposed(salt, key, POSITIONS)


@pytest.mark.parametrize("missing", [None, ""])
def test_somebody_without_a_key_is_let_in_only_at_one_hundred_percent(missing: str | None) -> None:
    assert is_exposed("f", missing, POSITIONS)
    assert not is_exposed("f", missing, POSITIONS - 1)


def test_a_place_equal_to_the_dial_is_outside() -> None:
    assert exposed(9_999, 10_000)
    assert not exposed(10_000, 10_000)


@given(salts, keys, weights)
def test_a_variant_without_weight_is_never_chosen(salt: str, key: str, shares: list[int]) -> None:
    assert shares[variant_index(salt, key, shares)] > 0


@pytest.mark.parametrize("shares", [[], [0], [0, 0]])
def test_variants_without_any_weight_are_refused(shares: list[int]) -> None:
    with pytest.raises(ValueError, match="no variant has a weight"):
        variant_index("f", "user", shares)


def _chi_square(seen: Counter[int], expected: dict[int, float]) -> float:
    return sum((seen[cell] - want) ** 2 / want for cell, want in expected.items())


@pytest.mark.parametrize("salt", ["universe-v2", "checkout", ""])
def test_places_are_spread_evenly_in_whole_percents_and_within_one(salt: str) -> None:
    users = 100_000
    places = [position(salt, f"user-{n}") for n in range(users)]
    even = dict.fromkeys(range(100), users / 100)
    assert _chi_square(Counter(place // 1000 for place in places), even) < CHI_SQUARE_99
    assert _chi_square(Counter(place // 10 % 100 for place in places), even) < CHI_SQUARE_99


def test_variants_get_their_shares_among_the_exposed() -> None:
    shares = [200, 300, 500]
    users = [f"user-{n}" for n in range(100_000) if is_exposed("ab", f"user-{n}", 25_000)]
    seen = Counter(variant_index("ab", user, shares) for user in users)
    expected = {index: len(users) * share / 1000 for index, share in enumerate(shares)}
    assert _chi_square(seen, expected) < CHI_SQUARE_2
