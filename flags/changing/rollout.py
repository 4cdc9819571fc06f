"""The verbs of the dial: turn it, switch a flag on or off, kill, re-arm.

Refusals::

    Refused
    ├── KilledNeedsRearm
    ├── NotKilled
    ├── ReasonMissing
    └── DialOutOfRange

Each verb says what it found and what it left (`Turned`); asking for what is already so changes
nothing, records nothing and is not an error. Only growing the exposure asks a gate: taking a
feature away from users must always be possible, and killing asks nobody at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from checklists import gates
from checklists.states import GateName
from flags.changing.lookup import readable
from flags.changing.proposing import proposable
from flags.changing.publishing import publish
from flags.core.percent import format_percent, parse_percent
from flags.models import FULL_DIAL, Flag, FlagState, Rollout
from flags.states import ROLLOUT, RolloutState
from releases import timeline
from releases.models import Environment
from releases.refusals import Refused
from releases.timeline import Actor

__all__ = [
    "DialOutOfRange",
    "KilledNeedsRearm",
    "NotKilled",
    "ReasonMissing",
    "Turned",
    "kill",
    "parse_percent",
    "rearm",
    "switch",
    "turn_dial",
]

GATE = GateName.TURN_DIAL  # open unless somebody hangs a checklist or a sign-off on it
LONGEST_REASON = 2000


class KilledNeedsRearm(Refused):
    """This flag was killed; re-arm it before it reaches users again."""


class NotKilled(Refused):
    """This flag is not killed, so there is nothing to re-arm."""


class ReasonMissing(Refused):
    """Please give a reason; it goes on the timeline."""


class DialOutOfRange(Refused):
    """A dial stands between 0 and 100 %."""


@dataclass(frozen=True)
class Turned:
    """What a verb did: the state, and its dial before and after in thousandths of a percent."""

    state: FlagState
    before: int
    after: int
    changed: bool


@proposable
@transaction.atomic
def turn_dial(
    *, flag: Flag, environment: Environment, to: int, reason: str, actor: Actor
) -> Turned:
    """Expose `to` thousandths of a percent of the users.

    Raises KilledNeedsRearm, ReasonMissing, DialOutOfRange, NotPermitted, and GateClosed where the
    release has a gate of this name and the exposure would grow.
    """
    actor.require("flags.turn_dial")
    _require(reason)
    if not 0 <= to <= FULL_DIAL:
        raise DialOutOfRange(f"Asked for {to} thousandths of a percent.")
    state = _take(flag, environment)
    before = state.dial
    if state.killed_at is not None:
        raise KilledNeedsRearm(f"It was killed at {state.killed_at:%Y-%m-%d %H:%M} UTC.")
    if to == before:
        return Turned(state, before, before, changed=False)
    if to > before:
        _ask_gate(state)
    state.dial = to
    _save(state, "dial")
    _announce(actor, "flag.turn_dial", state, before=before, reason=reason)
    return Turned(state, before, to, changed=True)


@proposable
@transaction.atomic
def switch(*, flag: Flag, environment: Environment, on: bool, reason: str, actor: Actor) -> Turned:
    """Switch a flag on or off; off means nobody, whatever the dial says, and keeps the dial."""
    actor.require("flags.turn_dial")
    _require(reason)
    state = _take(flag, environment)
    if state.enabled is on:
        return Turned(state, state.dial, state.dial, changed=False)
    if on and state.killed_at is not None:
        raise KilledNeedsRearm
    if on and state.dial:
        _ask_gate(state)
    state.enabled = on
    _save(state, "enabled")
    _announce(
        actor, f"flag.switch_{'on' if on else 'off'}", state, before=state.dial, reason=reason
    )
    return Turned(state, state.dial, state.dial, changed=True)


# Durable: the kill must not wait in, or fall with, somebody else's transaction.
@transaction.atomic(durable=True)
def kill(*, flag: Flag, environment: Environment, reason: str, actor: Actor) -> Turned:
    """Set the dial to 0 % and latch it there until a person re-arms it. Asks no gate.

    Works from any state, and says with ``changed=False`` that the flag was killed before. It
    validates nothing else of the row: a flag with some other fault must still be killable.
    """
    actor.require("flags.kill_flag")
    state = _take(flag, environment)
    before = state.dial
    alive = FlagState.objects.filter(pk=state.pk, killed_at=None)
    if alive.update(killed_at=Now(), dial=0, changed_at=Now()) != 1:
        return Turned(state, before, before, changed=False)
    state.refresh_from_db(fields=["killed_at", "dial", "changed_at"])
    _move_rollout(state, RolloutState.KILLED)
    _announce(actor, "flag.kill", state, before=before, reason=reason)
    return Turned(state, before, 0, changed=True)


@proposable
@transaction.atomic
def rearm(*, flag: Flag, environment: Environment, reason: str, actor: Actor) -> Turned:
    """Release the latch of a killed flag. Its dial stays at 0 % until somebody turns it."""
    actor.require("flags.turn_dial")
    _require(reason)
    state = _take(flag, environment)
    if state.killed_at is None:
        raise NotKilled
    state.killed_at = None
    _save(state, "killed_at")
    _move_rollout(state, RolloutState.PAUSED)
    _announce(actor, "flag.rearm", state, before=state.dial, reason=reason)
    return Turned(state, state.dial, state.dial, changed=True)


def _require(reason: str) -> None:
    if not reason.strip():
        raise ReasonMissing


def _take(flag: Flag, environment: Environment) -> FlagState:
    """Lock the flag's row of this environment; one that has none yet gets one, at 0 %."""
    FlagState.objects.get_or_create(flag=flag, environment=environment)
    locked = FlagState.objects.select_for_update(of=("self",), no_key=True)
    return locked.select_related("flag__release", "environment").get(
        flag=flag, environment=environment
    )


def _ask_gate(state: FlagState) -> None:
    if state.flag.release is not None:
        gates.require(state.flag.release, GATE)


def _save(state: FlagState, field: str) -> None:
    state.full_clean()
    state.changed_at = Now()
    state.save(update_fields=[field, "changed_at"])
    state.refresh_from_db(fields=["changed_at"])


def _move_rollout(state: FlagState, to: RolloutState) -> None:
    rollout = Rollout.objects.filter(state_of=state).first()
    if rollout is None or rollout.state == to:
        return
    ROLLOUT.require(rollout.state, to)
    rollout.state = to
    rollout.save(update_fields=["state"])


def _announce(actor: Actor, verb: str, state: FlagState, *, before: int, reason: str) -> None:
    revision = publish(state.environment, flags=[state.flag], actor_name=actor.name)
    facts: dict[str, Any] = {
        "flag": state.flag.key,
        "before": format_percent(before),
        "after": format_percent(state.dial),
        "reason": readable(reason).strip()[:LONGEST_REASON],
        "revision": revision,
    }
    timeline.record(
        actor=actor,
        verb=verb,
        subject=state,
        release=state.flag.release,
        environment=state.environment,
        data=facts,
    )
