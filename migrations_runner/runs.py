"""The verbs of a run: queue, cancel, claim, finish. This row, not the queue, decides.

Refusals::

    Refused
    ├── NothingChosen
    ├── ScriptAwaitingFile
    ├── ScriptNotRunnable     the text's own refusal, with the script's name before it
    ├── VariableNotUsed
    ├── AlreadyQueued
    ├── ReleaseHasEnded
    └── RunIsOver
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models import F
from django.db.models.functions import Coalesce, Now

from migrations_runner import pokes
from migrations_runner.endings import WORKER, Outcome, end, mark_open_scripts
from migrations_runner.ledger import Key
from migrations_runner.models import (
    AppliedScript,
    MigrationRun,
    MigrationScript,
    RunScript,
    Statement,
)
from migrations_runner.parsing import parse_script
from migrations_runner.refusals import ScriptRefused
from migrations_runner.script import Script
from migrations_runner.states import HOLDING, LIVE, RUN, RunState, StepState
from migrations_runner.variables import find
from releases import timeline
from releases.models import Release, TargetDatabase
from releases.refusals import Refused
from releases.states import ReleaseState
from releases.timeline import Actor

_PREVIEW = 200
_POKE_AGAIN = timedelta(seconds=3)


class NothingChosen(Refused):
    """Choose at least one script; nothing was queued."""


class ScriptAwaitingFile(Refused):
    """A script has no text yet, so nothing was queued."""


class ScriptNotRunnable(Refused):
    """A script can't be run as it is, so nothing was queued."""


class VariableNotUsed(Refused):
    """No chosen script uses this variable, so nothing was queued; is it spelt right?"""


class AlreadyQueued(Refused):
    """The same scripts with the same values already wait or run on this target."""


class ReleaseHasEnded(Refused):
    """This release was closed or cancelled; nothing was queued."""


class RunIsOver(Refused):
    """This run has ended, or is being checked; there is nothing to cancel."""


@dataclass(frozen=True)
class Claim:
    """A worker's right to a run. Every write of the worker shows the token."""

    run: MigrationRun
    token: uuid.UUID


def queue(
    *,
    scripts: Sequence[MigrationScript],
    target: TargetDatabase,
    variables: Mapping[str, str],
    actor: Actor,
    release: Release | None = None,
) -> MigrationRun:
    """Queue one ordered batch on a target; everything that its text can tell is checked first.

    Raises the refusals of this module, and NotPermitted. The exact texts are copied into the run,
    so a later edit of a script changes nothing that was queued.
    """
    actor.require("migrations_runner.queue_run")
    _refuse_ended(release, scripts)
    parsed = [_checked(script, variables) for script in scripts]
    if not parsed:
        raise NothingChosen
    _refuse_unused(scripts, variables)
    run = MigrationRun(
        release=release or scripts[0].release,
        target=target,
        state=RunState.QUEUED,
        variables=dict(variables),
        batch_hash=_batch_hash(scripts, target, variables),
        requested_by=actor.user,
        requested_by_name=actor.name,
    )
    try:
        with transaction.atomic():
            run.full_clean(validate_constraints=False)
            run.save(force_insert=True)
            _copy_scripts(run, scripts, parsed)
            timeline.record(
                actor=actor,
                verb="run.queue",
                subject=run,
                release=run.release,
                environment=target.environment,
                data={"scripts": [script.name for script in scripts], "target": target.name},
            )
            transaction.on_commit(lambda: pokes.poke(run.pk))
    except IntegrityError as clash:
        if "same_batch_waits_once" not in str(clash):
            raise
        raise AlreadyQueued(_same_batch(run)) from None
    return run


@transaction.atomic
def cancel(*, run: MigrationRun, actor: Actor) -> MigrationRun:
    """Cancel a waiting run at once; ask the worker of a running one to stop and roll back.

    Raises RunIsOver, NotPermitted.
    """
    actor.require("migrations_runner.cancel_run")
    run = _take(run)
    if run.state in {RunState.DRAFT, RunState.AWAITING_APPROVAL, RunState.QUEUED}:
        RUN.require(run.state, RunState.CANCELLED)
        run.state, run.next_step = RunState.CANCELLED, _stands(run)
        run.finished_at = Now()
        run.save(update_fields=["state", "next_step", "finished_at"])
        mark_open_scripts(run, StepState.NOT_RUN)
    elif run.state == RunState.RUNNING:
        run.cancel_requested_at, run.cancel_requested_by = Now(), actor.name
        run.save(update_fields=["cancel_requested_at", "cancel_requested_by"])
    else:
        raise RunIsOver(f"It is {run.get_state_display().lower()}.")
    timeline.record(actor=actor, verb="run.cancel", subject=run, release=run.release)
    run.refresh_from_db()
    return run


@transaction.atomic
def claim(run_id: int) -> Claim | None:
    """Take a queued run; None when there is nothing to do, which is no error.

    The target's row is locked meanwhile, so of two workers only one sees the target free. A target
    is worked on by one run at a time, in the order of queueing.
    """
    queued = MigrationRun.objects.filter(pk=run_id, state=RunState.QUEUED)
    run = queued.select_related("release").first()
    if run is None:
        return None
    TargetDatabase.objects.select_for_update(of=("self",), no_key=True).get(pk=run.target_id)
    others = MigrationRun.objects.filter(target=run.target_id).exclude(pk=run_id)
    if others.filter(state__in=HOLDING).exists():
        return None
    if others.filter(state=RunState.QUEUED, pk__lt=run_id).exists():
        return None
    if _has_ended(run.release):
        _give_up(run)
        return None
    token = uuid.uuid4()
    taken = MigrationRun.objects.filter(pk=run_id, state=RunState.QUEUED).update(
        state=RunState.RUNNING,
        token=token,
        heartbeat_at=Now(),
        started_at=Coalesce(F("started_at"), Now()),
        claims=F("claims") + 1,
    )
    if taken != 1:
        return None
    run = MigrationRun.objects.select_related("target__environment", "release").get(pk=run_id)
    timeline.record(actor=WORKER, verb="run.start", subject=run, release=run.release)
    return Claim(run, token)


def beat(held: Claim) -> tuple[bool, bool]:
    """Say that the worker is alive: (is the claim still ours, was a cancel asked for)."""
    ours = MigrationRun.objects.filter(pk=held.run.pk, token=held.token, state=RunState.RUNNING)
    if ours.update(heartbeat_at=Now()) != 1:
        return False, False
    return True, ours.filter(cancel_requested_at__isnull=False).exists()


@transaction.atomic
def finish(held: Claim, outcome: Outcome) -> bool:
    """Write the end of a run, its evidence and its event together; False if the claim is gone."""
    RUN.require(RunState.RUNNING, outcome.state)
    ours = MigrationRun.objects.filter(pk=held.run.pk, token=held.token, state=RunState.RUNNING)
    return end(ours, held.run.pk, outcome)


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
        .order_by("target_id", "pk")
        .distinct("target_id")
        .values_list("pk", flat=True)
    )
    poked = list(waiting)
    for run_id in poked:
        pokes.poke(run_id)
    return len(poked)


def remember_applied(run: MigrationRun, script: RunScript, key: Key) -> None:
    """Keep what the target's ledger says, for screens; the ledger itself stays the truth."""
    values = f" with {key.variables[:8]}" if key.variables else ""
    AppliedScript.objects.update_or_create(
        target=run.target,
        name=f"{key.release}/{key.name}{values}",
        defaults={
            "release": run.release,
            "sha256": script.sha256,
            "run": run,
            "applied_at": Now(),
        },
    )


def _refuse_ended(release: Release | None, scripts: Sequence[MigrationScript]) -> None:
    for one in (release, *(script.release for script in scripts)):
        if one is not None and _has_ended(one):
            raise ReleaseHasEnded(f"{one} is {one.get_state_display().lower()}.")


def _has_ended(release: Release | None) -> bool:
    # A release that was rolled back may still need its rollback scripts.
    return release is not None and release.state in {ReleaseState.CLOSED, ReleaseState.CANCELLED}


def _give_up(run: MigrationRun) -> None:
    """End a queued run whose release ended meanwhile."""
    ended = Outcome(RunState.CANCELLED, next_step=f"The release ended first. {_stands(run)}")
    end(MigrationRun.objects.filter(pk=run.pk, state=RunState.QUEUED), run.pk, ended)


def _stands(run: MigrationRun) -> str:
    """What an earlier attempt of a waiting run has left on the target."""
    done = run.scripts.filter(state__in=[StepState.APPLIED, StepState.SKIPPED])
    names = ", ".join(done.values_list("name", flat=True))
    return f"Applied before: {names}; nothing else was run." if names else "Nothing was run."


def _checked(script: MigrationScript, variables: Mapping[str, str]) -> Script:
    if script.awaits_file:
        raise ScriptAwaitingFile(f"{script.name} awaits its file: attach it first.")
    try:
        return parse_script(script.text, variables)
    except ScriptRefused as refused:
        raise ScriptNotRunnable(f"{script.name}: {refused.detail}") from refused


def _refuse_unused(scripts: Sequence[MigrationScript], variables: Mapping[str, str]) -> None:
    used = {use.name for script in scripts for use in find(script.text)}
    unused = sorted(set(variables) - used)
    if unused:
        raise VariableNotUsed(
            f"Given: {', '.join(unused)}. Used: {', '.join(sorted(used)) or 'none'}."
        )


def _batch_hash(
    scripts: Sequence[MigrationScript], target: TargetDatabase, variables: Mapping[str, str]
) -> str:
    parts = [
        target.pk,
        [[script.release_id, script.name, script.sha256] for script in scripts],
        sorted(variables.items()),
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _copy_scripts(
    run: MigrationRun, scripts: Sequence[MigrationScript], parsed: Sequence[Script]
) -> None:
    for position, (script, text) in enumerate(zip(scripts, parsed, strict=True)):
        copy = RunScript.objects.create(
            run=run,
            script=script,
            name=script.name,
            position=position,
            role=script.role,
            text=script.text,
            sha256=script.sha256,
        )
        Statement.objects.bulk_create(
            Statement(
                run_script=copy,
                index=index,
                line=statement.line,
                kind=statement.kind[:60],
                preview=_preview(statement.sql),
            )
            for index, statement in enumerate(text.statements)
        )


def _preview(sql: str) -> str:
    text = re.sub(r"\s+", " ", sql).strip()
    return text if len(text) <= _PREVIEW else text[: _PREVIEW - 1] + "…"


def _same_batch(run: MigrationRun) -> str:
    standing = MigrationRun.objects.filter(
        target=run.target, batch_hash=run.batch_hash, state__in=LIVE
    ).first()
    return f"See run {standing.pk}." if standing else "It has just ended; look at the list of runs."


def _take(run: MigrationRun) -> MigrationRun:
    return (
        MigrationRun.objects.select_for_update(of=("self",), no_key=True)
        .select_related("release", "target")
        .get(pk=run.pk)
    )
