"""Which flag is compiled after which, and which of them go round in a circle. Pure."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping

from flags.core.specs import FlagSpec

Needs = dict[str, set[str]]

MOST_ASKED = 100
"""How many other answers one answer may need; more make a question slow, or end the stack."""


def ground_up(specs: Mapping[str, FlagSpec]) -> tuple[list[str], dict[str, list[str]]]:
    """Return all keys, each after those it stands on, and the circles by the keys that are on one.

    A circle is told as the way round it. Who only stands on a circle isn't on it, and comes later.

    >>> from flags.core.specs import PrerequisiteSpec as Needs
    >>> def flag(key, *needs):
    ...     return FlagSpec(key, key, True, False, 0, "off", (), requires=tuple(map(Needs, needs)))
    >>> flags = flag("a", "b"), flag("b", "a"), flag("c", "a"), flag("d", "e"), flag("e")
    >>> ground_up({flag.key: flag for flag in flags})
    (['e', 'd', 'a', 'b', 'c'], {'a': ['a', 'b', 'a'], 'b': ['b', 'a', 'b']})
    """
    needs = {
        key: {one.flag for one in spec.requires if one.flag in specs}
        for key, spec in specs.items()
        if spec.requires
    }
    order = [key for key in specs if not needs.get(key)]
    needs = {key: wanted for key, wanted in needs.items() if wanted}
    _settle(needs, order)
    circular = _circular(needs)
    ways = {key: _way_round(key, circular) for key in circular}
    for key in circular:
        del needs[key]
    order += _settle(needs, list(circular))
    return order, ways


def family(key: str, specs: Mapping[str, FlagSpec]) -> dict[str, FlagSpec]:
    """Return a flag with all that it stands on, directly or not, as far as they are there."""
    found: dict[str, FlagSpec] = {}
    waiting = [key]
    while waiting:
        one = waiting.pop()
        if one in specs and one not in found:
            found[one] = specs[one]
            waiting += [further.flag for further in specs[one].requires]
    return found


def answers_needed(specs: Mapping[str, FlagSpec], order: Iterable[str]) -> dict[str, int]:
    """Return how many answers each flag that stands on others needs for one of its own, at most.

    `order` is that of `ground_up`. Flags that need none of others are left out; on a circle, which
    is never walked, those already counted count.
    """
    needed: dict[str, int] = {}
    for key in order:
        if specs[key].requires:
            needed[key] = sum(1 + needed.get(one.flag, 0) for one in specs[key].requires)
    return needed


def _settle(needs: Needs, done: list[str]) -> list[str]:
    """Append to `done`, and take from `needs`, whatever needs nothing else; returns `done`."""
    dependants = defaultdict(list)
    for key, wanted in needs.items():
        for one in wanted:
            dependants[one].append(key)
    fresh = deque(key for key in done if key in dependants)
    while fresh:
        settled = fresh.popleft()
        for key in dependants[settled]:
            needs[key].discard(settled)
            if not needs[key]:
                del needs[key]
                done.append(key)
                fresh.append(key)
    return done


def _circular(needs: Needs) -> Needs:
    """Return those who need each other: without those whom nobody of the others needs."""
    left = {key: {one for one in wanted if one in needs} for key, wanted in needs.items()}
    while loose := left.keys() - {one for wanted in left.values() for one in wanted}:
        for key in loose:
            del left[key]
    return left


def _way_round(key: str, circular: Needs) -> list[str]:
    way = [key]
    while (following := min(circular[way[-1]])) not in way:
        way.append(following)
    return [*way[way.index(following) :], following]
