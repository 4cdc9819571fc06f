"""Changes that happen at their time, once, through the verb that a person would have used.

The row is taken, the verb called and the row ended in one transaction, so a worker that dies in
between leaves the change undone and waiting. A kill commits alone and may happen twice, which
changes nothing. What comes too late is not done: whoever planned it for a quiet night does not want
it at noon; a kill is done however late.

Refused
├── NotSchedulable
├── DueInThePast
└── NotWaiting
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from flags.changing import rollout
from flags.changing.proposing import LONGEST_REASON, NotWaiting
from flags.core.percent import format_percent
from flags.models import FULL_DIAL, Flag, FlagState, ScheduledChange
from flags.states import CHANGE, ChangeState
from releases import timeline
from releases.models import Environment
from releases.redaction import redact
from releases.refusals import Refused
from releases.timeline import Actor

GRACE = timedelta(minutes=15)
"""How late a change may still happen; a worker that was away longer has missed it."""

PERMISSIONS = {
    "turn_dial": "flags.turn_dial",
    "switch": "flags.turn_dial",
    "kill": "flags.kill_flag",
}


class NotSchedulable(Refused):
    """Only turning the dial, switching and killing can be scheduled; nothing was written down."""


class DueInThePast(Refused):
    """This moment is over; nothing was written down."""


@transaction.atomic
def schedule(
    *,
    flag: Flag,
    environment: Environment,
    change: Mapping[str, Any],
    due_at: datetime,
    reason: str,
    actor: Actor,
) -> ScheduledChange:
    """Write down a change for later.

    `change` is ``{"verb": "turn_dial", "to": 25000}``, ``{"verb": "switch", "on": False}`` or
    ``{"verb": "kill"}``.

    Raises NotSchedulable, DueInThePast, ReasonMissing, NotPermitted.
    """
    wanted = _checked(change)
    actor.require(PERMISSIONS[wanted["verb"]])
    if not reason.strip():
        raise rollout.ReasonMissing
    if due_at <= timezone.now():
        raise DueInThePast(f"Given: {due_at:%Y-%m-%d %H:%M %Z}.")
    state, _ = FlagState.objects.get_or_create(flag=flag, environment=environment)
    scheduled = ScheduledChange.objects.create(
        of=state,
        change=wanted,
        due_at=due_at,
        reason=redact(reason.strip())[:LONGEST_REASON],
        author=actor.user,
    )
    _announce(actor, "flag_change.schedule", scheduled)
    return scheduled


@transaction.atomic
def cancel(*, scheduled: ScheduledChange, actor: Actor) -> ScheduledChange:
    """Take a scheduled change back before its time. Raises NotWaiting, NotPermitted."""
    actor.require("flags.turn_dial")
    taken = _take(scheduled.pk)
    if taken is None:
        raise NotWaiting
    _end(taken, ChangeState.WITHDRAWN, f"By {actor.name}.")
    _announce(actor, "flag_change.cancel", taken)
    return taken


def carry_out_due() -> int:
    """Carry out every change whose time has come; return how many ended, done or refused."""
    due = ScheduledChange.objects.filter(state=ChangeState.WAITING, due_at__lte=Now())
    return sum(_carry_out(key) for key in due.values_list("pk", flat=True))


def in_words(change: Mapping[str, Any]) -> str:
    """Say what a change will do.

    >>> in_words({"verb": "turn_dial", "to": 12_500}), in_words({"verb": "kill"})
    ('turn the dial to 12.5 %', 'kill')
    """
    if change["verb"] == "turn_dial":
        return f"turn the dial to {format_percent(change['to'])} %"
    if change["verb"] == "switch":
        return f"switch {'on' if change['on'] else 'off'}"
    return "kill"


def _checked(change: Mapping[str, Any]) -> dict[str, Any]:
    match dict(change):
        case {"verb": "turn_dial", "to": int(to), **rest} if not rest and not isinstance(to, bool):
            if not 0 <= to <= FULL_DIAL:
                raise rollout.DialOutOfRange(f"Asked for {to} thousandths of a percent.")
            return {"verb": "turn_dial", "to": to}
        case {"verb": "switch", "on": bool(on), **rest} if not rest:
            return {"verb": "switch", "on": on}
        case {"verb": "kill", **rest} if not rest:
            return {"verb": "kill"}
    raise NotSchedulable


def _carry_out(key: int) -> bool:
    scheduled = ScheduledChange.objects.select_related("author").get(pk=key)
    killed = _try(scheduled) if scheduled.change["verb"] == "kill" else None
    with transaction.atomic():
        taken = _take(key)
        if taken is None:
            return False
        state, outcome = killed or _outcome(taken)
        _end(taken, state, outcome)
        if state == ChangeState.REFUSED:
            _announce(_for(taken), "flag_change.refuse", taken)
    return True


def _outcome(taken: ScheduledChange) -> tuple[ChangeState, str]:
    if timezone.now() - taken.due_at > GRACE:
        minutes = GRACE // timedelta(minutes=1)
        return ChangeState.REFUSED, f"No worker came within {minutes} minutes of its time."
    return _try(taken)


def _try(scheduled: ScheduledChange) -> tuple[ChangeState, str]:
    """Call the verb. A kill commits alone, and a second time it changes nothing."""
    try:
        turned = _act(scheduled)
    except Refused as refused:
        return ChangeState.REFUSED, refused.message
    return ChangeState.APPLIED, "Done." if turned.changed else "It was so already."


def _act(scheduled: ScheduledChange) -> rollout.Turned:
    given: dict[str, Any] = {
        "flag": scheduled.of.flag,
        "environment": scheduled.of.environment,
        "reason": f"Scheduled: {scheduled.reason}",
        "actor": _for(scheduled),
    }
    match scheduled.change:
        case {"verb": "turn_dial", "to": to}:
            return rollout.turn_dial(to=to, **given)
        case {"verb": "switch", "on": on}:
            return rollout.switch(on=on, **given)
    return rollout.kill(**given)


def _for(scheduled: ScheduledChange) -> Actor:
    """The clock, with no more rights than whoever planned it has by now."""
    author = scheduled.author
    name = author.get_full_name() or author.get_username() if author else "a command"
    return Actor("machine", f"schedule of {name}", author)


def _take(key: int) -> ScheduledChange | None:
    """Lock a change that still waits; None for one that has ended or that another worker holds."""
    waiting = ScheduledChange.objects.select_for_update(of=("self",), skip_locked=True)
    return (
        waiting.select_related("of__flag__release", "of__environment", "author")
        .filter(pk=key, state=ChangeState.WAITING)
        .first()
    )


def _end(scheduled: ScheduledChange, to: ChangeState, outcome: str) -> None:
    CHANGE.require(scheduled.state, to)
    scheduled.state, scheduled.outcome = to, outcome
    scheduled.ended_at = Now()
    scheduled.save(update_fields=["state", "outcome", "ended_at"])
    scheduled.refresh_from_db(fields=["ended_at"])


def _announce(actor: Actor, verb: str, scheduled: ScheduledChange) -> None:
    timeline.record(
        actor=actor,
        verb=verb,
        subject=scheduled,
        release=scheduled.of.flag.release,
        environment=scheduled.of.environment,
        data={
            "flag": scheduled.of.flag.key,
            "what": in_words(scheduled.change),
            "due_at": scheduled.due_at.isoformat(),
            "reason": scheduled.reason,
            "outcome": scheduled.outcome,
        },
    )
