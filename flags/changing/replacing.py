"""A document → rows: make a flag in one environment what a document says that it is.

An approved change, a copy from another environment and an import all end here, so that what was
shown beforehand is what is written. What belongs to the flag itself (variants, prerequisites, the
bucketing key) is written with it and so reaches every environment.

Refusals::

    Refused
    ├── AnotherFlag
    ├── Impossible
    ├── KillIsAVerb
    ├── UnknownPrerequisite
    ├── UnknownSegment
    └── VariantInUse
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from django.db.models import ProtectedError

from flags.changing.publishing import published_specs
from flags.changing.reading import segment_specs
from flags.core.faults import flag_faults
from flags.core.specs import FlagSpec, OverrideSpec, RuleSpec, VariantSpec, condition_document
from flags.models import (
    Flag,
    FlagState,
    Override,
    Prerequisite,
    Rollout,
    Segment,
    TargetingRule,
    Variant,
)
from flags.states import ROLLOUT, RolloutState
from releases.refusals import Refused
from releases.timeline import Actor


class AnotherFlag(Refused):
    """This document is of another flag, or of another kind; nothing was changed."""


class Impossible(Refused):
    """This document holds what can't be; nothing was changed."""

    def __init__(self, key: str, faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        super().__init__(f"{key}: {' '.join(faults)}")


class KillIsAVerb(Refused):
    """A document can't kill a flag: kill it, which waits for nothing. Nothing was changed."""


class UnknownPrerequisite(Refused):
    """The document stands on flags that are not here; nothing was changed."""


class UnknownSegment(Refused):
    """The document names segments that are not here; nothing was changed."""


class VariantInUse(Refused):
    """A variant that the document drops still answers elsewhere; nothing was changed."""


def write(
    state: FlagState,
    spec: FlagSpec,
    *,
    reason: str,
    actor: Actor,
    beside: Mapping[str, FlagSpec] | None = None,
) -> None:
    """Make the rows of a flag in one environment say what `spec` says.

    The caller holds the state's lock, has asked the gate and publishes afterwards. `reason` is kept
    with overrides that are new; `beside` are flags that come with it and count as published.
    Raises the refusals above.
    """
    _require_the_same_flag(state, spec)
    _refuse_faults(state, spec, beside or {})
    variants = _write_variants(state.flag, spec.variants, spec.off_variant)
    _write_prerequisites(state.flag, spec)
    _write_overrides(state, spec.overrides, variants, reason, actor)
    _write_rules(state, spec.rules, variants)
    _drop_variants(state.flag, spec.variants)
    _write_flag(state.flag, spec)
    _write_state(state, spec)


def _require_the_same_flag(state: FlagState, spec: FlagSpec) -> None:
    if (spec.key, spec.kind) != (state.flag.key, state.flag.kind):
        raise AnotherFlag(f"It is {spec.kind} {spec.key}; here is {state.flag.kind} {state.flag}.")
    if spec.killed and state.killed_at is None:
        raise KillIsAVerb


def _refuse_faults(state: FlagState, spec: FlagSpec, beside: Mapping[str, FlagSpec]) -> None:
    specs, _ = published_specs(state.environment)
    segments = {one.key: one for one in segment_specs()}
    faults = flag_faults(spec, {**specs, **beside, spec.key: spec}, segments)
    if faults:
        raise Impossible(spec.key, faults)


def _write_variants(
    flag: Flag, variants: Iterable[VariantSpec], off_variant: str
) -> dict[str, Variant]:
    written = {}
    flag.variants.filter(is_off=True).exclude(name=off_variant).update(is_off=False)
    for place, spec in enumerate(variants):
        is_off = spec.name == off_variant
        values = {"value": spec.value, "weight": spec.weight, "is_off": is_off, "position": place}
        variant = flag.variants.filter(name=spec.name).first() or Variant(flag=flag, name=spec.name)
        for name, value in values.items():
            setattr(variant, name, value)
        variant.full_clean()
        variant.save()
        written[spec.name] = variant
    return written


def _drop_variants(flag: Flag, variants: Iterable[VariantSpec]) -> None:
    gone = flag.variants.exclude(name__in=[spec.name for spec in variants])
    try:
        gone.delete()
    except ProtectedError as used:
        names = ", ".join(sorted(str(row) for row in used.protected_objects))
        raise VariantInUse(f"Used by: {names}.") from None


def _write_prerequisites(flag: Flag, spec: FlagSpec) -> None:
    wanted = {one.flag: list(one.variants) for one in spec.requires}
    found = {one.key: one for one in Flag.objects.filter(key__in=wanted, archived_at=None)}
    if missing := sorted(wanted.keys() - found.keys()):
        raise UnknownPrerequisite(", ".join(missing))
    flag.prerequisites.exclude(requires__key__in=wanted).delete()
    for key, variants in wanted.items():
        Prerequisite.objects.update_or_create(
            flag=flag, requires=found[key], defaults={"variants": variants}
        )


def _write_overrides(
    state: FlagState,
    overrides: Iterable[OverrideSpec],
    variants: dict[str, Variant],
    reason: str,
    actor: Actor,
) -> None:
    wanted = {one.key: one for one in overrides}
    state.overrides.exclude(key__in=wanted).delete()
    standing = {row.key: row for row in state.overrides.all()}
    for key, one in wanted.items():
        row = standing.get(key) or Override(
            state=state, key=key, reason=reason[:500], created_by=actor.user
        )
        row.variant, row.expires_at = variants[one.variant], one.until
        row.save()


def _write_rules(state: FlagState, rules: Iterable[RuleSpec], variants: dict[str, Variant]) -> None:
    wanted = list(rules)
    segments = _segments({key for rule in wanted for key in rule.segments})
    standing = list(state.rules.all())
    for row in standing[len(wanted) :]:
        row.delete()
    for place, spec in enumerate(wanted):
        row = standing[place] if place < len(standing) else TargetingRule(state=state)
        row.position, row.name, row.percentage = place, spec.name, spec.percentage
        row.conditions = [condition_document(condition) for condition in spec.conditions]
        row.variant = variants[spec.variant] if spec.variant else None
        row.save()
        row.segments.set(segments[key] for key in spec.segments)


def _segments(keys: set[str]) -> dict[str, Segment]:
    found = {one.key: one for one in Segment.objects.filter(key__in=keys, archived_at=None)}
    if missing := sorted(keys - found.keys()):
        raise UnknownSegment(", ".join(missing))
    return found


def _write_flag(flag: Flag, spec: FlagSpec) -> None:
    flag.bucket_by = spec.bucket_by
    flag.full_clean()
    flag.save(update_fields=["bucket_by"])


def _write_state(state: FlagState, spec: FlagSpec) -> None:
    if state.killed_at is not None and not spec.killed:
        state.killed_at = None
        _pause_rollout(state)
    state.enabled, state.dial = spec.enabled, spec.dial
    state.salt = "" if spec.salt == spec.key else spec.salt
    state.full_clean()
    state.save(update_fields=["killed_at", "enabled", "dial", "salt"])


def _pause_rollout(state: FlagState) -> None:
    """What was killed goes on only by a person's hand."""
    rollout = Rollout.objects.filter(state_of=state, state=RolloutState.KILLED).first()
    if rollout is not None:
        ROLLOUT.require(rollout.state, RolloutState.PAUSED)
        rollout.state = RolloutState.PAUSED
        rollout.save(update_fields=["state"])
