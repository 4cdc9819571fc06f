"""Our flags as the features that Unleash SDKs evaluate themselves: the same decisions. Pure.

A feature has no rules and no overrides, only strategies of which the first that holds decides:

==========================  =====================================================================
ours                        theirs
==========================  =====================================================================
killed or switched off      ``enabled: false``
prerequisites               ``dependencies``; SDKs refuse a parent that has some itself, so such a
                            parent is sent once more without them, as ``key~base``
override of a key           ``default`` with ``userId IN``, its variant at weight 1000
rule, dial                  ``flexibleRollout`` with our salt as ``groupId``; at 100 % followed by
                            ``default``, since flexibleRollout leaves out whoever has no key
rule or override to "off"   its negation on every strategy behind it
==========================  =====================================================================

Where an SDK cannot decide as we do, what is sent lets fewer in, and `Exported` says for whom. SDKs
take whole percents only ("10.5" is 0 % to them), so 10.5 is sent as 10. Where nothing can be sent
that keeps an SDK from letting more in, that is said as well (`unleash_differences.py`).

Source: Unleash client specification 6.1; what the engine in UnleashClient 6.9.1 does, by trial.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import product
from typing import Any, TypeAlias

from flags.core.bucketing import EVERYBODY, NOBODY
from flags.core.specs import (
    TARGETING_KEY,
    ConditionSpec,
    FlagSpec,
    Operator,
    OverrideSpec,
    RuleSpec,
    SegmentSpec,
    VariantSpec,
)
from flags.unleash.differences import Difference, of_dates, of_odd_keys, of_percentage

Json: TypeAlias = dict[str, Any]
Constraints: TypeAlias = tuple[ConditionSpec, ...]

WHOLE = 1000
"""Thousandths in a whole percent, which is as fine as an SDK can tell."""
MOST_STRATEGIES = 200
_BASE = "~base"
_NAMES = {
    Operator.IN: "IN",
    Operator.CONTAINS: "STR_CONTAINS",
    Operator.STARTS_WITH: "STR_STARTS_WITH",
    Operator.ENDS_WITH: "STR_ENDS_WITH",
}
_SEVERAL = frozenset(_NAMES)
_PAYLOADS = {"number": "number", "json": "json"}


@dataclass(slots=True)
class Exported:
    """One feature, and where it falls short."""

    feature: Json
    differences: list[Difference] = field(default_factory=list)


def features(
    specs: Mapping[str, FlagSpec], segments: Mapping[str, SegmentSpec], at: datetime
) -> Json:
    """Return the body of ``GET /api/client/features`` for an environment at a moment (aware).

    Overrides that have ended by then are left out.
    """
    sent = [export(spec, segments, at).feature for spec in specs.values()]
    parents = {one.flag for spec in specs.values() for one in spec.requires}
    for key in sorted(parents & specs.keys()):
        if specs[key].requires:
            base = export(replace(specs[key], requires=()), segments, at).feature
            sent.append({**base, "name": key + _BASE})
    for feature in sent:
        feature["dependencies"] = _dependencies(feature["name"], specs)
    return {"version": 2, "features": sent, "segments": []}


def next_end(specs: Iterable[FlagSpec], at: datetime) -> datetime | None:
    """Return when the next override ends, and with it what `features` would answer."""
    ends = [one.until for spec in specs for one in spec.overrides if one.until is not None]
    return min((end for end in ends if end > at), default=None)


def export(spec: FlagSpec, segments: Mapping[str, SegmentSpec], at: datetime) -> Exported:
    """Return one flag as a feature, without its dependencies."""
    exported = Exported(_feature(spec))
    if spec.killed or not spec.enabled:
        return exported
    strategies = _Strategies(spec, segments, exported.differences)
    strategies.add_overrides([one for one in spec.overrides if one.until is None or one.until > at])
    for rule in spec.rules:
        strategies.add_rule(rule)
    strategies.add_dial()
    exported.feature["strategies"] = strategies.sent or [_nobody(spec)]
    return exported


# --- Strategies ---------------------------------------------------------------------------------
class _Strategies:
    """The strategies of one feature, growing from front to back.

    ``kept_out`` says who is let in nowhere behind what was added so far: alternatives, each a list
    of conditions that must hold, of which one is enough.
    """

    def __init__(
        self, spec: FlagSpec, segments: Mapping[str, SegmentSpec], differences: list[Difference]
    ) -> None:
        self.spec = spec
        self.segments = segments
        self.differences = differences
        self.sent: list[Json] = []
        self.kept_out: list[Constraints] = [()]

    def add_overrides(self, overrides: Iterable[OverrideSpec]) -> None:
        keys: dict[str, list[str]] = defaultdict(list)
        for one in overrides:
            keys[one.variant].append(one.key)
        for variant, named in keys.items():
            mine = ConditionSpec(TARGETING_KEY, Operator.IN, tuple(named))
            if variant != self.spec.off_variant:
                self._send("default", (mine,), self._only(variant))
        others = tuple(key for variant in keys for key in keys[variant])
        if others:  # who has an override gets it and nothing else
            self._keep_out((ConditionSpec(TARGETING_KEY, Operator.IN, others),))

    def add_rule(self, rule: RuleSpec) -> None:
        asked = self._conditions(rule)
        if asked is None:
            return
        self._tell(of_dates(f"Rule “{rule.name}”", asked))
        if rule.variant == self.spec.off_variant:
            self._keep_out(asked)
            return
        variants = self._only(rule.variant) if rule.variant else _shares(self.spec)
        self._let_in(asked, rule.percentage, variants, f"Rule “{rule.name}”")

    def add_dial(self) -> None:
        if self.spec.dial != NOBODY:
            self._let_in((), self.spec.dial, _shares(self.spec), "The dial")

    def _tell(self, found: Iterable[Difference]) -> None:
        self.differences += [one for one in found if one not in self.differences]

    def _conditions(self, rule: RuleSpec) -> Constraints | None:
        """What a rule asks for, segments written out; None where nobody can match."""
        asked = list(rule.conditions)
        for key in rule.segments:
            if key not in self.segments:
                return None
            asked += self.segments[key].conditions
        return tuple(asked)

    def _let_in(
        self, asked: Constraints, percentage: int, variants: tuple[VariantSpec, ...], what: str
    ) -> None:
        whole = percentage // WHOLE
        self._tell(of_percentage(what, percentage, whole))
        if percentage < EVERYBODY or len(variants) > 1:
            self._tell(of_odd_keys(self.spec))
        if whole:  # an empty key is none to us, SDKs would hash it
            named = ConditionSpec(self.spec.bucket_by, Operator.IN, ("",), negate=True)
            self._send("flexibleRollout", (*asked, named), variants, whole)
        if percentage == EVERYBODY:
            self._send("default", asked, variants[:1])

    def _send(
        self,
        name: str,
        asked: Constraints,
        variants: tuple[VariantSpec, ...],
        percentage: int | None = None,
    ) -> None:
        if len(self.sent) + len(self.kept_out) > MOST_STRATEGIES:
            told = f"More than {MOST_STRATEGIES} strategies would be needed: the last are left out"
            self.differences.append(Difference(told, None))
            return
        for also in self.kept_out:
            strategy = self._strategy(name, (*asked, *also), variants, percentage)
            self.sent.append(strategy)

    def _keep_out(self, asked: Constraints) -> None:
        """Let nobody in behind this who fulfils all of `asked`."""
        negated = [(replace(one, negate=not one.negate),) for one in asked]
        self.kept_out = [(*before, *one) for before, one in product(self.kept_out, negated)]
        if len(self.kept_out) > MOST_STRATEGIES:
            told = "Too many rules keep people out: SDKs let nobody in behind them"
            self.differences.append(Difference(told, None))
            self.kept_out = []

    def _only(self, variant: str) -> tuple[VariantSpec, ...]:
        return tuple(one for one in self.spec.variants if one.name == variant)

    def _strategy(
        self,
        name: str,
        asked: Constraints,
        variants: tuple[VariantSpec, ...],
        percentage: int | None,
    ) -> Json:
        sticky = _attribute(self.spec.bucket_by)
        given = {"groupId": self.spec.salt, "stickiness": sticky, "rollout": str(percentage)}
        return {
            "name": name,
            "parameters": {} if percentage is None else given,
            "constraints": [_constraint(one) for one in asked],
            "segments": [],
            "variants": _variants(self.spec, variants, sticky),
        }


def _shares(spec: FlagSpec) -> tuple[VariantSpec, ...]:
    return tuple(variant for variant in spec.variants if variant.weight)


def _nobody(spec: FlagSpec) -> Json:
    # A feature without any strategy is on for everybody.
    given = {"groupId": spec.salt, "stickiness": _attribute(spec.bucket_by), "rollout": "0"}
    return {"name": "flexibleRollout", "parameters": given, "constraints": [], "variants": []}


# --- Parts --------------------------------------------------------------------------------------
def _feature(spec: FlagSpec) -> Json:
    return {
        "name": spec.key,
        "type": "release",
        "enabled": spec.enabled and not spec.killed,
        "project": "default",
        "stale": False,
        "impressionData": False,
        "strategies": [_nobody(spec)],
        "variants": [],
    }


def _dependencies(name: str, specs: Mapping[str, FlagSpec]) -> list[Json]:
    """What a feature stands on, and all that those stand on: SDKs look one step far."""
    if name.endswith(_BASE):
        return []
    return list(_all_below(specs[name], specs, {name}))


def _all_below(spec: FlagSpec, specs: Mapping[str, FlagSpec], seen: set[str]) -> Iterator[Json]:
    for one in spec.requires:
        parent = specs.get(one.flag)
        again = parent is not None and bool(parent.requires)
        below = {"feature": one.flag + _BASE if again else one.flag, "enabled": True}
        yield {**below, "variants": list(one.variants)} if one.variants else below
        if again and parent is not None and one.flag not in seen:
            seen.add(one.flag)
            yield from _all_below(parent, specs, seen)


def _variants(spec: FlagSpec, variants: tuple[VariantSpec, ...], sticky: str) -> list[Json]:
    alone = len(variants) == 1
    return [
        {
            "name": one.name,
            "weight": WHOLE if alone else one.weight,
            "weightType": "fix",
            "stickiness": sticky,
            "payload": {
                "type": _PAYLOADS.get(spec.kind, "string"),
                "value": one.value if isinstance(one.value, str) else json.dumps(one.value),
            },
        }
        for one in variants
    ]


def _constraint(condition: ConditionSpec) -> Json:
    several = condition.operator in _SEVERAL
    return {
        "contextName": _attribute(condition.attribute),
        "operator": _NAMES.get(condition.operator, condition.operator.value.upper()),
        "values": list(condition.values) if several else [],
        **({} if several else {"value": condition.values[0] if condition.values else ""}),
        "inverted": condition.negate,
        "caseInsensitive": condition.fold_case,
    }


def _attribute(name: str) -> str:
    return "userId" if name == TARGETING_KEY else name
