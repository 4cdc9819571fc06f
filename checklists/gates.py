"""Gates: "may we?" A closed gate lists what it waits for, so a screen can link to it."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction
from django.db.models.functions import Now
from django.utils.timezone import localtime

from checklists.models import ChecklistItem, Condition, Gate, Signoff
from checklists.states import SETTLED, GateName
from releases import timeline
from releases.models import Release
from releases.refusals import Refused
from releases.timeline import Actor

LONGEST_REASON = 500
_SHOWN = 5  # items named in the sentence; the screen lists them all


@dataclass(frozen=True)
class Unmet:
    """One thing that a gate still waits for; `item` where it is an item."""

    text: str
    item: ChecklistItem | None = None


class GateClosed(Refused):
    """The gate is closed; nothing was changed."""

    def __init__(self, gate: str, waits_for: list[Unmet]) -> None:
        self.gate = gate
        self.waits_for = waits_for
        named = "; ".join(unmet.text for unmet in waits_for[:_SHOWN])
        more = len(waits_for) - _SHOWN
        super().__init__(
            f"{len(waits_for)} open: {named}{f'; and {more} more' if more > 0 else ''}."
        )


class NotThatRole(Refused):
    """Only a person in that role can sign off for it; nothing was signed."""


class AlreadySigned(Refused):
    """This role has signed off already; nothing was changed."""


class ReasonTooLong(Refused):
    """A reason has at most 500 characters; nothing was signed."""


def unmet(release: Release, name: str) -> list[Unmet]:
    """What the gate `name` of the release still waits for; empty means open.

    A release without that gate has nothing to wait for.
    """
    gate = Gate.objects.filter(release=release, name=name).first()
    if gate is None:
        return []
    found: list[Unmet] = []
    for condition in gate.conditions.all():
        found += _of(condition, gate)
    return found


def require(release: Release, name: str) -> None:
    """Raise GateClosed with everything that is open."""
    waits_for = unmet(release, name)
    if waits_for:
        raise GateClosed(name, waits_for)


@transaction.atomic
def sign_off(*, gate: Gate, role: str, go: bool, actor: Actor, reason: str = "") -> Signoff:
    """A role's yes or no. A no can be replaced by the same role; a yes stands."""
    actor.require("checklists.sign_off")
    if actor.user is None or not actor.user.groups.filter(name=role).exists():
        raise NotThatRole(f"It is for: {role}.")
    gate = (
        Gate.objects.select_for_update(of=("self",), no_key=True)
        .select_related("release")
        .get(pk=gate.pk)
    )
    standing = gate.signoffs.filter(role=role).first()
    if standing is not None and standing.go:
        raise AlreadySigned(f"{standing.by} did at {localtime(standing.at):%H:%M}.")
    if len(reason) > LONGEST_REASON:
        raise ReasonTooLong(f"It has {len(reason)}.")
    signed, _ = Signoff.objects.update_or_create(
        gate=gate, role=role, defaults={"by": actor.user, "go": go, "reason": reason, "at": Now()}
    )
    timeline.record(
        actor=actor,
        verb="gate.sign_off",
        subject=gate,
        release=gate.release,
        data={"role": role, "go": go, "reason": reason},
    )
    return signed


def ensure(release: Release, *, signoffs: dict[str, tuple[str, ...]] | None = None) -> None:
    """Give a release its gates: each waits for its items, and for the sign-offs named here."""
    for name in GateName.values:
        gate, _ = Gate.objects.get_or_create(release=release, name=name)
        Condition.objects.get_or_create(gate=gate, kind=Condition.Kind.ITEMS, role="")
        for role in (signoffs or {}).get(name, ()):
            Condition.objects.get_or_create(gate=gate, kind=Condition.Kind.SIGNOFF, role=role)


def _of(condition: Condition, gate: Gate) -> list[Unmet]:
    if condition.kind == Condition.Kind.ITEMS:
        return _open_items(gate)
    return _missing_signoff(condition, gate)


def _open_items(gate: Gate) -> list[Unmet]:
    items = (
        ChecklistItem.objects.filter(
            checklist__release=gate.release_id,
            checklist__gate=gate.name,
            required=True,
            removed_at=None,
        )
        .exclude(state__in=SETTLED)
        .select_related("checklist")
        .order_by("checklist__position", "position")
    )
    return [Unmet(f"“{item.text}” is {item.get_state_display().lower()}", item) for item in items]


def _missing_signoff(condition: Condition, gate: Gate) -> list[Unmet]:
    standing = gate.signoffs.filter(role=condition.role).first()
    if standing is None:
        return [Unmet(f"{condition.role} has not signed off")]
    if not standing.go:
        return [Unmet(f"{condition.role} said no: {standing.reason or 'no reason given'}")]
    return []
