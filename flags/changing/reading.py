"""Rows → plain values: what a flag and a segment are now, in one environment.

A handful of queries, however many flags are asked for.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from django.db.models import QuerySet

from flags.core.specs import (
    FlagSpec,
    OverrideSpec,
    PrerequisiteSpec,
    RuleSpec,
    SegmentSpec,
    VariantSpec,
    condition_from,
)
from flags.models import Flag, FlagState, Override, Segment, TargetingRule
from releases.models import Environment


def flag_specs(
    environment: Environment, flags: Collection[Flag] | None = None
) -> Iterator[FlagSpec]:
    """Yield the flags of an environment (all, or those given) that are not archived, by key."""
    states = FlagState.objects.filter(environment=environment, flag__archived_at=None)
    if flags is not None:
        states = states.filter(flag__in=flags)
    yield from map(spec_of, _with_all_that_decides(states).order_by("flag__key"))


def segment_specs() -> Iterator[SegmentSpec]:
    """Yield the segments that are not archived, by key; they are the same in every environment."""
    yield from map(segment_spec_of, Segment.objects.filter(archived_at=None))


def spec_of(state: FlagState) -> FlagSpec:
    """Return the plain values of a flag in one environment."""
    flag = state.flag
    variants = list(flag.variants.all())
    return FlagSpec(
        key=flag.key,
        kind=flag.kind,
        salt=state.salt or flag.key,
        bucket_by=flag.bucket_by,
        enabled=state.enabled,
        killed=state.killed_at is not None,
        dial=state.dial,
        off_variant=next((variant.name for variant in variants if variant.is_off), ""),
        variants=tuple(VariantSpec(v.name, v.value, v.weight) for v in variants),
        requires=tuple(
            PrerequisiteSpec(one.requires.key, tuple(one.variants))
            for one in flag.prerequisites.all()
        ),
        overrides=tuple(map(_override_spec, state.overrides.all())),
        rules=tuple(map(_rule_spec, state.rules.all())),
    )


def segment_spec_of(segment: Segment) -> SegmentSpec:
    return SegmentSpec(segment.key, tuple(map(condition_from, segment.conditions)))


def _with_all_that_decides(states: QuerySet[FlagState]) -> QuerySet[FlagState]:
    return states.select_related("flag").prefetch_related(
        "flag__variants",
        "flag__prerequisites__requires",
        "overrides__variant",
        "rules__variant",
        "rules__segments",
    )


def _override_spec(override: Override) -> OverrideSpec:
    return OverrideSpec(override.key, override.variant.name, override.expires_at)


def _rule_spec(rule: TargetingRule) -> RuleSpec:
    return RuleSpec(
        name=rule.name,
        conditions=tuple(map(condition_from, rule.conditions)),
        segments=tuple(sorted(segment.key for segment in rule.segments.all())),
        percentage=rule.percentage,
        variant=rule.variant.name if rule.variant else None,
    )
