"""What waits on a flag's page, wherever it is shown."""

from __future__ import annotations

from typing import Any

from django import template

from flags import removal
from flags.models import Flag, FlagState
from flags.scheduling import in_words
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
