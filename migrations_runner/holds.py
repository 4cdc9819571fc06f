"""Holding a target: no queued run begins there, and a backfill rests, until it is lifted.

Refused
├── AlreadyHeld
└── NotHeld
"""

from __future__ import annotations

from django.db import transaction
from django.db.models.functions import Now

from migrations_runner import pokes
from migrations_runner.models import Hold, MigrationRun
from migrations_runner.states import RunState
from releases import timeline
from releases.models import Release, TargetDatabase
from releases.redaction import redact
from releases.refusals import Refused
from releases.timeline import Actor


class AlreadyHeld(Refused):
    """This target is held for this cause already."""


class NotHeld(Refused):
    """Nothing holds this target; there is nothing to lift."""


def standing(target: TargetDatabase) -> list[Hold]:
    """The holds that keep runs from this target, the oldest first."""
    return list(Hold.objects.filter(target=target, lifted_at__isnull=True).order_by("pk"))


@transaction.atomic
def hold(
    *,
    target: TargetDatabase,
    reason: str,
    actor: Actor,
    cause: Hold.Cause = Hold.Cause.PERSON,
    release: Release | None = None,
) -> Hold:
    """Keep queued runs from a target. Raises AlreadyHeld, NotPermitted, ValidationError."""
    actor.require("migrations_runner.hold_target")
    target = _take(target)
    before = Hold.objects.filter(target=target, cause=cause, lifted_at__isnull=True).first()
    if before is not None:
        raise AlreadyHeld(f"By {before.set_by}: {before.reason}")
    made = Hold(target=target, cause=cause, reason=redact(reason)[:500], set_by=actor.name)
    made.full_clean()
    made.save(force_insert=True)
    timeline.record(
        actor=actor,
        verb="target.hold",
        subject=target,
        release=release,
        environment=target.environment,
        data={"reason": made.reason, "cause": cause},
    )
    return made


@transaction.atomic
def lift(*, target: TargetDatabase, reason: str, actor: Actor) -> int:
    """Lift every hold of a target and poke what waits there; answers how many were lifted.

    Raises NotHeld, NotPermitted.
    """
    actor.require("migrations_runner.hold_target")
    target = _take(target)
    lifted = Hold.objects.filter(target=target, lifted_at__isnull=True).update(
        lifted_at=Now(), lifted_by=actor.name
    )
    if not lifted:
        raise NotHeld
    timeline.record(
        actor=actor,
        verb="target.lift_hold",
        subject=target,
        environment=target.environment,
        data={"reason": redact(reason)[:500]},
    )
    transaction.on_commit(lambda: _poke_waiting(target))
    return lifted


def _take(target: TargetDatabase) -> TargetDatabase:
    return (
        TargetDatabase.objects.select_for_update(of=("self",), no_key=True)
        .select_related("environment")
        .get(pk=target.pk)
    )


def _poke_waiting(target: TargetDatabase) -> None:
    first = MigrationRun.objects.filter(target=target, state=RunState.QUEUED).order_by("pk").first()
    if first is not None:
        pokes.poke(first.pk)
