"""What waits on a flag's page, wherever it is shown."""

from __future__ import annotations

from typing import Any

from django import template
from django.utils import timezone

from flags.changing import targeting
from flags.changing.scheduling import in_words
from flags.core.bucketing import EVERYBODY, NOBODY
from flags.core.differences import rule_in_words
from flags.core.percent import format_percent
from flags.core.specs import FlagSpec
from flags.lifecycle import removal, stale
from flags.models import Flag, FlagState
from flags.serving import propagation
from flags.states import ChangeState

register = template.Library()


@register.inclusion_tag("flags/_waiting.html", takes_context=True)
def waiting_changes(context: dict[str, Any], state: FlagState) -> dict[str, Any]:
    """The proposals and scheduled changes of a dial that wait, and what may be added."""
    proposals = state.proposals.filter(state=ChangeState.WAITING).select_related("author")
    scheduled = state.scheduled.filter(state=ChangeState.WAITING).select_related("author")
    return {
        "state": state,
        "proposals": proposals,
        "scheduled": [{"row": one, "what": in_words(one.change)} for one in scheduled],
        "may_turn": context["request"].user.has_perm("flags.turn_dial"),
    }


@register.inclusion_tag("flags/_removal.html")
def removal_steps(flag: Flag) -> dict[str, Any]:
    """What has to be true before a flag can go."""
    return {"steps": removal.steps(flag)}


_SHOWN = 50
"""Overrides that a page lists; more are counted."""


@register.inclusion_tag("flags/_targeting.html", takes_context=True)
def targeting_of(context: dict[str, Any], state: FlagState) -> dict[str, Any]:
    """Everything that decides about a flag in an environment, in the order of deciding."""
    spec = targeting.spec(state.flag, state.environment)
    overrides = list(state.overrides.select_related("variant")[:_SHOWN])
    for one in overrides:
        one.is_over = one.expires_at is not None and one.expires_at <= timezone.now()  # type: ignore[attr-defined]
    return {
        "state": state,
        "spec": spec,
        "requires": [
            f"{one.flag} ({' or '.join(one.variants)})" if one.variants else one.flag
            for one in spec.requires
        ],
        "overrides": overrides,
        "more_overrides": len(spec.overrides) - len(overrides),
        "rules": [{"name": rule.name, "words": rule_in_words(rule)} for rule in spec.rules],
        "dial": _dial_in_words(spec),
        "may_target": context["request"].user.has_perm(targeting.PERMISSION),
    }


def _dial_in_words(spec: FlagSpec) -> str:
    if spec.dial == NOBODY:
        return "0 %, nobody else."
    if spec.dial == EVERYBODY:
        return "100 %, everybody else, with or without a key."
    return f"{format_percent(spec.dial)} % of everybody else, by {spec.bucket_by}."


@register.inclusion_tag("flags/_propagation.html")
def propagation_of(state: FlagState) -> dict[str, Any]:
    """How far the newest revision has come among the clients of the dial's environment."""
    return {"state": state, "standing": propagation.standing(state.environment)}


@register.inclusion_tag("flags/_usage.html")
def usage_of(state: FlagState) -> dict[str, Any]:
    """What was answered on a dial, by variant and stand of the dial."""
    return {"state": state, "rows": stale.exposures(state)}
