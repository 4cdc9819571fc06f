"""All flags of an environment, compiled together; again only where something changed. Pure.

Flags stand on each other (prerequisites) and on segments, so they are compiled from the ground up.
A flag that can't have what it stands on isn't broken: it answers, and its answer is "off", which is
the safe side; `Compiled.warnings` tells why. Broken is only what has no answer at all.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain, compress
from operator import attrgetter, is_not
from types import MappingProxyType
from typing import TypeVar

from flags.core.answers import Resolver
from flags.core.collector import collector_paused
from flags.core.evaluation import FlagNotCompilable, Parent, Surroundings, compile_flag
from flags.core.operators import Clock, Predicate, conjunction
from flags.core.ordering import MOST_ASKED, answers_needed, ground_up
from flags.core.specs import FlagSpec, SegmentSpec

Held = TypeVar("Held")


@dataclass(frozen=True, slots=True, eq=False)
class Compiled:
    """What an environment answers. Never changed: `compile_ruleset` makes a new one.

    ``flags`` holds a resolver by key; ``broken`` why a flag has none; ``warnings`` why one that
    answers is off, or a rule of it matches nobody, whatever was meant.
    """

    flags: Mapping[str, Resolver]
    broken: Mapping[str, str]
    warnings: Mapping[str, str]
    specs: Mapping[str, FlagSpec]
    segments: Mapping[str, SegmentSpec]
    clock: Clock
    members: Mapping[str, Predicate] = field(repr=False)


def compile_ruleset(
    specs: Mapping[str, FlagSpec],
    segments: Mapping[str, SegmentSpec],
    clock: Clock = time.time,
    before: Compiled | None = None,
) -> Compiled:
    """Return the compiled flags; what still holds of `before` is shared with it, not rebuilt.

    Changed is a spec that is not the same object as before. It takes those with it that stand on
    it: flags on a flag, flags whose rules name it on a segment. Another clock shares nothing. The
    mappings are kept; don't change them afterwards.

    >>> compile_ruleset({}, {}).flags
    mappingproxy({})
    """
    if before is None or before.clock is not clock:
        before = Compiled({}, {}, {}, {}, {}, clock, {})
    with collector_paused():
        return _Compilation(specs, segments, clock, before).run()


def copied(held: Mapping[str, Held]) -> dict[str, Held]:
    """Return a dictionary that may be changed; `dict` would go through a proxy key by key."""
    return held.copy() if isinstance(held, MappingProxyType) else dict(held)


class _Compilation:
    """One pass over all flags, from the ground up, and what it has come to so far."""

    def __init__(
        self,
        specs: Mapping[str, FlagSpec],
        segments: Mapping[str, SegmentSpec],
        clock: Clock,
        before: Compiled,
    ) -> None:
        self.specs, self.segments, self.clock, self.before = specs, segments, clock, before
        self.moved = {
            key
            for key in segments.keys() | before.segments.keys()
            if segments.get(key) is not before.segments.get(key)
        }
        self.members = {key: self._member_of(segment) for key, segment in segments.items()}
        self.rebuilt = before.specs.keys() - specs.keys()
        self.alone = Surroundings(self.members, {}, clock)
        self.flags: dict[str, Resolver] = {}
        self.broken: dict[str, str] = {}
        self.warnings: dict[str, str] = {}
        apart = self._apart()
        if apart is None:
            self.order, self.circles = ground_up(specs)
            self.needed = answers_needed(specs, self.order)
        else:
            self._take_over_all_but(apart)

    def run(self) -> Compiled:
        for key in self.order:
            self._compile(self.specs[key], self.circles.get(key, []))
        answering = [*filter(self.flags.__contains__, self.specs)]
        flags = dict(zip(answering, map(self.flags.__getitem__, answering), strict=True))
        return Compiled(
            flags=MappingProxyType(flags),
            broken=MappingProxyType(self.broken),
            warnings=MappingProxyType(self.warnings),
            specs=self.specs,
            segments=self.segments,
            clock=self.clock,
            members=self.members,
        )

    def _apart(self) -> set[str] | None:
        """Flags that changed, if neither they nor others stand on one another; else None.

        The common case: one flag of ten thousand. Then nothing else has to be looked at, and what
        goes over all of them is `map`, which does so without a step of Python for each.
        """
        if self.moved:
            return None
        specs, before = self.specs, self.before.specs
        changed = {*compress(specs, map(is_not, specs.values(), map(before.get, specs)))}
        changed |= before.keys() - specs.keys()
        if any(key in specs and specs[key].requires for key in changed):
            return None
        needed = chain.from_iterable(map(attrgetter("requires"), specs.values()))
        stood_on = {one.flag for one in needed}
        return None if changed & stood_on else changed

    def _take_over_all_but(self, changed: set[str]) -> None:
        self.flags, self.broken = copied(self.before.flags), copied(self.before.broken)
        self.warnings = copied(self.before.warnings)
        for held in (self.flags, self.broken, self.warnings):
            for key in changed & held.keys():
                del held[key]
        self.order, self.circles, self.needed = sorted(changed & self.specs.keys()), {}, {}

    def _member_of(self, segment: SegmentSpec) -> Predicate:
        if segment.key not in self.moved:
            return self.before.members[segment.key]
        return conjunction(segment.conditions, self.clock)

    def _compile(self, spec: FlagSpec, circle: list[str]) -> None:
        if spec.requires or spec.rules:
            self._warn(spec, circle)
        if not circle and self._still_holds(spec):
            self._keep(spec.key)
            return
        self.rebuilt.add(spec.key)
        try:
            self.flags[spec.key] = compile_flag(spec, self._around(spec, circle))
        except FlagNotCompilable as refused:
            self.broken[spec.key] = refused.why

    def _still_holds(self, spec: FlagSpec) -> bool:
        if self.before.specs.get(spec.key) is not spec:
            return False
        if any(one.flag in self.rebuilt for one in spec.requires):
            return False
        return not any(key in self.moved for rule in spec.rules for key in rule.segments)

    def _keep(self, key: str) -> None:
        if key in self.before.flags:
            self.flags[key] = self.before.flags[key]
        else:
            self.broken[key] = self.before.broken[key]

    def _around(self, spec: FlagSpec, circle: list[str]) -> Surroundings:
        if not spec.requires:
            return self.alone
        if circle or self._asks_too_many(spec.key):
            return self.alone  # without the flags that it stands on it is off
        parents = {
            one.flag: _parent(self.specs[one.flag], self.flags[one.flag])
            for one in spec.requires
            if one.flag in self.flags
        }
        return Surroundings(self.members, parents, self.clock)

    def _asks_too_many(self, key: str) -> bool:
        return self.needed.get(key, 0) > MOST_ASKED

    # --- Words ----------------------------------------------------------------------------------
    def _warn(self, spec: FlagSpec, circle: list[str]) -> None:
        found = "; ".join(self._odd(spec, circle))
        if found:
            self.warnings[spec.key] = found

    def _odd(self, spec: FlagSpec, circle: list[str]) -> Iterator[str]:
        if circle:
            yield f"it is off, because flags stand on each other in a circle: {' → '.join(circle)}"
        for one in spec.requires:
            if one.flag not in self.specs:
                yield f"it is off, because the flag it stands on, “{one.flag}”, does not exist"
            elif one.flag in self.broken:
                yield f"it is off, because the flag it stands on, “{one.flag}”, has no answer"
        if self._asks_too_many(spec.key):
            yield f"it is off, because it stands on more than {MOST_ASKED} other answers"
        for number, rule in enumerate(spec.rules, 1):
            for key in rule.segments:
                if key not in self.segments:
                    yield f"rule {number} names the segment “{key}”, which does not exist"


def _parent(spec: FlagSpec, resolve: Resolver) -> Parent:
    names = {variant.name for variant in spec.variants}
    return Parent(resolve, frozenset(names - {spec.off_variant}))
