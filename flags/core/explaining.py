"""Why somebody gets what they get, and what would change it: told step by step. Pure.

`explain` walks the same order of decisions as the compiled closure (`evaluation`), with the
same predicates and the plain formula, and keeps what it saw on the way. A test holds that both
always say the same.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC
from typing import Any

from flags.core.answers import KEYLESS, KILLED, NOTHING, Reason, Resolution, Scalar, prerequisite
from flags.core.attributes import Context, bucket_text
from flags.core.bucketing import EVERYBODY, NOBODY, position, variant_index
from flags.core.compiling import Compiled, compile_ruleset
from flags.core.dialing import sharing
from flags.core.evaluation import compile_flag
from flags.core.explaining_rules import RuleLook, looked_at, missing
from flags.core.explanation import DecidedBy, Explanation, ParentLook
from flags.core.operators import Clock
from flags.core.ordering import MOST_ASKED, answers_needed, family, ground_up
from flags.core.percent import format_percent
from flags.core.specs import TARGETING_KEY, FlagSpec, OverrideSpec, SegmentSpec


def explain(
    spec: FlagSpec,
    specs: Mapping[str, FlagSpec],
    segments: Mapping[str, SegmentSpec],
    context: Context,
    clock: Clock = time.time,
) -> Explanation:
    """Explain what `spec` answers to a context among the flags and segments of its environment.

    Raises `FlagNotCompilable` for a flag that has no answer.

    >>> from flags.core.specs import VariantSpec
    >>> on, off = VariantSpec("on", True, 1000), VariantSpec("off", False)
    >>> flag = FlagSpec("universe-v2", "universe-v2", True, False, 5_000, "off", (on, off))
    >>> told = explain(flag, {}, {}, {"targetingKey": "user-2"})
    >>> told.variant, told.decision
    ('off', 'The user stands at 6.39 % on the line and the dial at 5 %.')
    >>> told.changes
    ('Let in when the dial reaches 6.391 %.',)
    """
    compile_flag(spec)  # refuses a contradiction by name
    return _Question(spec, {**specs, spec.key: spec}, segments, context, clock).answered()


class _Question:
    """One flag, one context, one moment."""

    def __init__(
        self,
        spec: FlagSpec,
        specs: Mapping[str, FlagSpec],
        segments: Mapping[str, SegmentSpec],
        context: Context,
        clock: Clock,
    ) -> None:
        self.spec, self.segments, self.context, self.clock = spec, segments, context, clock
        self.specs = family(spec.key, specs)
        self.bucket_key = _key(context.get(spec.bucket_by))
        self.place = position(spec.salt, self.bucket_key) if self.bucket_key else None
        self.parents: list[ParentLook] = []
        self.rules: list[RuleLook] = []

    def answered(self) -> Explanation:
        if self.spec.killed:
            changes = ["Nobody is let in before the flag is re-armed and its dial turned up."]
            return self._closed_to_all(DecidedBy.KILL, "killed", KILLED, changes)
        if not self.spec.enabled:
            changes = self._would({"enabled": True}, "Switched on")
            return self._closed_to_all(DecidedBy.SWITCH, "switched off", NOTHING, changes)
        return self._by_parent() or self._by_override() or self._by_rule() or self._by_dial()

    # --- Each step ------------------------------------------------------------------------------
    def _closed_to_all(
        self, by: DecidedBy, how: str, metadata: Mapping[str, Scalar], changes: list[str]
    ) -> Explanation:
        off = self._fixed(self.spec.off_variant, Reason.DISABLED, metadata)
        return self._told(off, by, f"The flag is {how}, for everybody.", changes)

    def _by_parent(self) -> Explanation | None:
        if not self.spec.requires:
            return None
        compiled = self._compiled(self.spec)
        closed_by = compiled.flags[self.spec.key](self.context).metadata.get("prerequisite")
        for one in self.spec.requires:
            resolve = compiled.flags.get(one.flag)
            variant = resolve(self.context).variant if resolve else ""
            self.parents.append(ParentLook(one.flag, variant, one.flag != closed_by))
            if one.flag == closed_by:
                return self._closed(one.flag, variant, compiled)
        return None

    def _closed(self, parent: str, variant: str, compiled: Compiled) -> Explanation:
        changes = [f"Let in, as far as this goes, when “{parent}” lets the user in."]
        if parent in compiled.flags and not self._is_stuck():
            words = f"The flag stands on “{parent}”, which answers “{variant}” to this user."
            above = explain(self.specs[parent], self.specs, self.segments, self.context, self.clock)
            changes += [f"On “{parent}”: {change}" for change in above.changes]
        else:
            words = f"The flag stands on “{parent}”: {compiled.warnings[self.spec.key]}."
        return self._told(
            self._fixed(self.spec.off_variant, Reason.DISABLED, prerequisite(parent)),
            DecidedBy.PREREQUISITE,
            words,
            changes,
            name=parent,
        )

    def _is_stuck(self) -> bool:
        order, circles = ground_up(self.specs)
        key = self.spec.key
        return key in circles or answers_needed(self.specs, order)[key] > MOST_ASKED

    def _by_override(self) -> Explanation | None:
        key = bucket_text(self.context.get(TARGETING_KEY))
        found = next((one for one in reversed(self.spec.overrides) if one.key == key), None)
        if found is None or not self._lasts(found):
            return None
        until = f", until {found.until.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if found.until else ""
        others = tuple(one for one in self.spec.overrides if one is not found)
        return self._told(
            self._fixed(found.variant, Reason.TARGETING_MATCH),
            DecidedBy.OVERRIDE,
            f"“{found.key}” has an override{until}.",
            self._would({"overrides": others}, "Without its override"),
            name=found.key,
        )

    def _by_rule(self) -> Explanation | None:
        for number, rule in enumerate(self.spec.rules, 1):
            look = looked_at(
                number,
                rule,
                segments=self.segments,
                context=self.context,
                place=self.place,
                clock=self.clock,
            )
            self.rules.append(look)
            if look.matched:
                return self._matched(number, look)
        return None

    def _matched(self, number: int, look: RuleLook) -> Explanation:
        rule = self.spec.rules[number - 1]
        alone = Reason.SPLIT if rule.percentage < EVERYBODY else Reason.TARGETING_MATCH
        given = self._fixed(rule.variant, alone) if rule.variant else self._shared(alone)
        words = f"Rule {number} “{rule.name}” matches"
        changes = missing(self.rules[:-1])
        if look.place is not None:
            words += f": the user stands at {_percent(look.place)}, below its "
            words += _percent(rule.percentage)
            changes.append(f"Rule {number} passes when it goes down to {_percent(look.place)}.")
        others = self.spec.rules[: number - 1] + self.spec.rules[number:]
        changes += self._would({"rules": others}, f"Without rule {number}")
        return self._told(
            given, DecidedBy.RULE, f"{words}.", changes, number=number, name=rule.name
        )

    def _by_dial(self) -> Explanation:
        given, words, change = self._dialed(self.spec.dial)
        return self._told(given, DecidedBy.DIAL, words, [change, *missing(self.rules)])

    def _dialed(self, dial: int) -> tuple[Resolution, str, str]:
        place, bucket_by = self.place, self.spec.bucket_by
        at = f"the dial at {_percent(dial)}"
        if dial == EVERYBODY:
            words = "The dial is at 100 %: everybody is in."
            return self._shared(Reason.STATIC), words, self._out()
        if dial == NOBODY:
            words = "The dial is at 0 %: nobody is let in by it."
            return self._fixed(self.spec.off_variant, Reason.STATIC), words, self._in()
        if place is None:
            words = f"Without {bucket_by} there is no place on the line, and {at}."
            given = self._fixed(self.spec.off_variant, Reason.UNKNOWN, KEYLESS)
            return given, words, self._in()
        words = f"The user stands at {_percent(place)} on the line and {at}."
        if place < dial:
            return self._shared(Reason.SPLIT), words, self._out()
        return self._fixed(self.spec.off_variant, Reason.SPLIT), words, self._in()

    def _in(self) -> str:
        if self.place is None:
            return f"Let in when the dial reaches 100 %, or with {self.spec.bucket_by} given."
        return f"Let in when the dial reaches {_percent(self.place + 1)}."

    def _out(self) -> str:
        if self.place is None:
            return f"Out as soon as the dial leaves 100 %, for want of {self.spec.bucket_by}."
        return f"Out when the dial goes down to {_percent(self.place)}."

    # --- Answers --------------------------------------------------------------------------------
    def _fixed(
        self, variant: str, reason: Reason, metadata: Mapping[str, Scalar] = NOTHING
    ) -> Resolution:
        value = next(one.value for one in self.spec.variants if one.name == variant)
        return Resolution(value, variant, reason, metadata)

    def _shared(self, alone: Reason) -> Resolution:
        shares = sharing(self.spec)
        if len(shares) == 1:
            return self._fixed(shares[0].name, alone)
        if self.bucket_key is None:
            return self._fixed(shares[0].name, Reason.UNKNOWN, KEYLESS)
        weights = [one.weight for one in shares]
        chosen = shares[variant_index(self.spec.salt, self.bucket_key, weights)]
        return self._fixed(chosen.name, Reason.SPLIT)

    def _would(self, change: dict[str, Any], words: str) -> list[str]:
        resolve = self._compiled(replace(self.spec, **change)).flags[self.spec.key]
        return [f"{words}: “{resolve(self.context).variant}”."]

    def _compiled(self, spec: FlagSpec) -> Compiled:
        return compile_ruleset({**self.specs, spec.key: spec}, self.segments, self.clock)

    def _lasts(self, override: OverrideSpec) -> bool:
        return override.until is None or self.clock() < override.until.timestamp()

    def _told(
        self,
        given: Resolution,
        decided_by: DecidedBy,
        decision: str,
        changes: list[str],
        *,
        number: int | None = None,
        name: str = "",
    ) -> Explanation:
        return Explanation(
            flag=self.spec.key,
            value=given.value,
            variant=given.variant,
            reason=given.reason,
            metadata=dict(given.metadata),
            exposed=given.variant != self.spec.off_variant,
            decided_by=decided_by,
            number=number,
            name=name,
            decision=decision,
            bucket_by=self.spec.bucket_by,
            bucket_key=self.bucket_key,
            place=self.place,
            dial=self.spec.dial,
            parents=tuple(self.parents),
            rules=tuple(self.rules),
            changes=tuple(changes),
        )


def _key(value: object) -> str | None:
    """Return what is hashed, or None for what counts as missing."""
    text = bucket_text(value)
    try:
        return text if text is None or text.encode() else None
    except UnicodeEncodeError:
        return None


def _percent(place: int) -> str:
    return f"{format_percent(place)} %"
