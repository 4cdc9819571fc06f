"""A worker's part of a run: claim it, beat for it, end it. This row, not the queue, decides.

Every write of a worker shows the token of its claim, so a worker that was given up can write
nothing more.
"""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from migrations_runner import holds, pokes
from migrations_runner.endings import WORKER, Outcome, end
from migrations_runner.ledger import Key
from migrations_runner.models import AppliedScript, Backup, Hold, MigrationRun, RunScript
from migrations_runner.states import AT_WORK, HOLDING, RUN, BackupState, RunState, StepState
from releases import timeline
from releases.models import Release, TargetDatabase
from releases.states import ReleaseState

_POKE_AGAIN = timedelta(seconds=3)


@dataclass(frozen=True)
class Claim:
    """A worker's right to a run. Every write of the worker shows the token."""

    run: MigrationRun
    token: uuid.UUID


@dataclass(frozen=True)
class Wish:
    """What a worker hears at a heartbeat: is the claim still its own, was a stop or rest asked?"""

    ours: bool
    cancel: bool = False
    pause: bool = False


def worker_name() -> str:
    """Which worker this process belongs to; its supervisor hands it the name."""
    return os.environ.get("WORKER_NAME") or f"process {socket.gethostname()} {os.getpid()}"


@transaction.atomic
def claim(run_id: int) -> Claim | None:
    """Take a queued run; None when there is nothing to do, which is no error.

    The target's row is locked meanwhile, so of two workers only one sees the target free. A target
    is worked on by one run at a time, in the order of queueing.
    """
    queued = MigrationRun.objects.filter(pk=run_id, state=RunState.QUEUED)
    run = queued.select_related("release", "target").first()
    if run is None:
        return None
    TargetDatabase.objects.select_for_update(of=("self",), no_key=True).get(pk=run.target_id)
    others = MigrationRun.objects.filter(target=run.target_id).exclude(pk=run_id)
    before = Q(state__in=HOLDING) | Q(state=RunState.QUEUED, pk__lt=run_id)
    if others.filter(before).exists() or holds.standing(run.target) or _waits_for_dump(run):
        return None
    if has_ended(run.release):
        _give_up(run)
        return None
    token = uuid.uuid4()
    taken = MigrationRun.objects.filter(pk=run_id, state=RunState.QUEUED).update(
        state=RunState.RUNNING,
        token=token,
        worker=worker_name(),
        heartbeat_at=Now(),
        started_at=Coalesce(F("started_at"), Now()),
        claims=F("claims") + 1,
    )
    if taken != 1:
        return None
    run = MigrationRun.objects.select_related("target__environment", "release").get(pk=run_id)
    timeline.record(actor=WORKER, verb="run.start", subject=run, release=run.release)
    return Claim(run, token)


def _waits_for_dump(run: MigrationRun) -> bool:
    """What a dump holds has to be from before the run."""
    waiting = [BackupState.QUEUED, BackupState.RUNNING]
    return Backup.objects.filter(target=run.target_id, state__in=waiting).exists()


def beat(held: Claim) -> Wish:
    """Say that the worker is alive, and hear what people want of it."""
    ours = _ours(held)
    if ours.update(heartbeat_at=Now()) != 1:
        return Wish(ours=False)
    asked = ours.values_list("cancel_requested_at", "pause_requested_at").first()
    if asked is None:
        return Wish(ours=False)
    return Wish(ours=True, cancel=asked[0] is not None, pause=asked[1] is not None)


def keep_off(held: Claim) -> bool:
    """Inside a transaction: nobody fences the claim until its end; False if somebody has."""
    ours = _ours(held).select_for_update(of=("self",), no_key=True)
    return ours.values_list("pk", flat=True).first() is not None


def note_paused(held: Claim) -> bool:
    """The worker rests, with nothing open on the target; False if the claim is gone."""
    return _move(held, RunState.RUNNING, RunState.PAUSED, "run.paused")


def note_resumed(held: Claim) -> bool:
    """The worker goes on; False if the claim is gone."""
    return _move(held, RunState.PAUSED, RunState.RUNNING, "run.resumed")


def note_waiting(held: Claim, blockers: list[dict[str, Any]]) -> None:
    """Whom the run waits for on its target right now: for the run's page."""
    _ours(held).update(waiting_on=blockers)


@transaction.atomic
def finish(held: Claim, outcome: Outcome) -> bool:
    """Write the end of a run, its evidence and its event together; False if the claim is gone."""
    RUN.require(RunState.RUNNING, outcome.state)
    return end(_ours(held), held.run.pk, outcome)


def end_lost(run: MigrationRun, outcome: Outcome) -> bool:
    """Write the end of a run that was lost; False if somebody else was first."""
    RUN.require(RunState.LOST, outcome.state)
    with transaction.atomic():
        return end(MigrationRun.objects.filter(pk=run.pk, state=RunState.LOST), run.pk, outcome)


def redispatch() -> int:
    """Poke queued runs that nobody took for a while; one per target, the oldest."""
    waiting = (
        MigrationRun.objects.filter(state=RunState.QUEUED)
        .exclude(poked_at__gt=Now() - _POKE_AGAIN)
        .exclude(target__runs__state__in=HOLDING)
        .exclude(target__in=Hold.objects.filter(lifted_at__isnull=True).values("target"))
        .order_by("target_id", "pk")
        .distinct("target_id")
        .values_list("pk", flat=True)
    )
    poked = list(waiting)
    for run_id in poked:
        pokes.poke(run_id)
    return len(poked)


def applied(run: MigrationRun, script: RunScript, key: Key) -> AppliedScript:
    """What the target's ledger says, for screens; the ledger itself stays the truth."""
    values = f" with {key.variables[:8]}" if key.variables else ""
    return AppliedScript(
        target=run.target,
        name=f"{key.release}/{key.name}{values}",
        release=run.release,
        sha256=script.sha256,
        run=run,
        applied_at=timezone.now(),
    )


def remember_applied(standing: Iterable[AppliedScript]) -> None:
    """Keep it; what was known of the same scripts before is replaced."""
    AppliedScript.objects.bulk_create(
        standing,
        update_conflicts=True,
        unique_fields=["target", "name"],
        update_fields=["release", "sha256", "run", "applied_at"],
    )


def has_ended(release: Release | None) -> bool:
    # A release that was rolled back may still need its rollback scripts.
    return release is not None and release.state in {ReleaseState.CLOSED, ReleaseState.CANCELLED}


def _give_up(run: MigrationRun) -> None:
    """End a queued run whose release ended meanwhile."""
    ended = Outcome(RunState.CANCELLED, next_step=f"The release ended first. {stands(run)}")
    end(MigrationRun.objects.filter(pk=run.pk, state=RunState.QUEUED), run.pk, ended)


def stands(run: MigrationRun) -> str:
    """What an earlier attempt of a waiting run has left on the target."""
    done = run.scripts.filter(state__in=[StepState.APPLIED, StepState.SKIPPED])
    names = ", ".join(done.values_list("name", flat=True))
    return f"Applied before: {names}; nothing else was run." if names else "Nothing was run."


def _ours(held: Claim) -> QuerySet[MigrationRun]:
    return MigrationRun.objects.filter(pk=held.run.pk, token=held.token, state__in=AT_WORK)


@transaction.atomic
def _move(held: Claim, before: RunState, after: RunState, verb: str) -> bool:
    RUN.require(before, after)
    if _ours(held).filter(state=before).update(state=after) != 1:
        return False
    timeline.record(actor=WORKER, verb=verb, subject=held.run, release=held.run.release)
    return True
