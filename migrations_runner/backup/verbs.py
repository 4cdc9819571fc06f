"""Asking for a backup, stopping one, and giving one's word for a provider's."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from migrations_runner.backup import claims, needing
from migrations_runner.backup.refusals import NotAttestable
from migrations_runner.models import Backup, MigrationRun
from migrations_runner.states import BackupState
from releases import evidence, timeline
from releases.models import Release, TargetDatabase, Verdict
from releases.redaction import redact
from releases.refusals import Refused
from releases.timeline import Actor

#: What only a worker writes, and what is not known before.
_BY_MACHINE = {"bytes", "milliseconds", "entries", "restored_ok"}
WAITING = (BackupState.QUEUED, BackupState.RUNNING)


class NothingToStop(Refused):
    """This backup has ended already."""


@transaction.atomic
def request(
    *,
    target: TargetDatabase,
    actor: Actor,
    run: MigrationRun | None = None,
    restore_too: bool = False,
) -> Backup:
    """Queue a dump of a target; asked for twice, it is the one that already waits.

    Raises NotPermitted. What only a worker knows (tool, folder, space) ends it as failed, in words.
    """
    actor.require("migrations_runner.take_backup")
    return _ask(target=target, actor=actor, run=run, restore_too=restore_too)


@transaction.atomic
def ensure(*, run: MigrationRun, actor: Actor) -> None:
    """Have a dump taken for a run that is handed to a worker, where its target lacks one.

    Whoever may queue or approve the run has asked for it by that. The run waits for the dump.
    """
    wanted = run.target.backup_needed == TargetDatabase.BackupNeed.DUMP
    if wanted and needing.newest(run.target) is None:
        _ask(target=run.target, actor=actor, run=run, restore_too=False)


def _ask(
    *, target: TargetDatabase, actor: Actor, run: MigrationRun | None, restore_too: bool
) -> Backup:
    target = _take(target)
    before = Backup.objects.filter(target=target, state__in=WAITING).first()
    if before is not None:
        return before
    backup = Backup(
        target=target, run=run, requested_by=actor.name, restore_too=restore_too, state=WAITING[0]
    )
    backup.full_clean(exclude=_BY_MACHINE, validate_constraints=False)
    backup.save(force_insert=True)
    _record(actor, "backup.request", backup, {"restore_too": restore_too})
    transaction.on_commit(lambda: claims.poke(backup.pk))
    return backup


@transaction.atomic
def stop(*, backup: Backup, actor: Actor) -> None:
    """Give up a backup that waits or is being taken; its worker removes the file.

    Raises NothingToStop, NotPermitted.
    """
    actor.require("migrations_runner.take_backup")
    stopped = Backup.objects.filter(pk=backup.pk, state__in=WAITING).update(
        state=BackupState.FAILED, token=None, error=f"Stopped by {actor.name}."
    )
    if stopped != 1:
        raise NothingToStop
    _record(actor, "backup.stop", backup, {})


@transaction.atomic
def attest(
    *,
    target: TargetDatabase,
    actor: Actor,
    note: str,
    taken_at: datetime,
    release: Release | None = None,
) -> Backup:
    """A person's word that a provider took a backup then. Raises NotAttestable, NotPermitted."""
    actor.require("migrations_runner.attest_backup")
    target = _take(target)
    if target.backup_needed == TargetDatabase.BackupNeed.DUMP:
        raise NotAttestable(f"{target.name} needs a dump of ours.")
    if taken_at > timezone.now():
        raise NotAttestable("The time is still to come.")
    if not note.strip():
        raise NotAttestable("Say where it is and how to restore it.")
    backup = Backup(
        target=target,
        state=BackupState.ATTESTED,
        requested_by=actor.name,
        attested_by=actor.name,
        note=redact(note.strip())[:500],
        taken_at=taken_at,
    )
    backup.full_clean(exclude=_BY_MACHINE)
    backup.save(force_insert=True)
    evidence.record(
        subject=backup,
        release=release,
        verdict=Verdict.INCONCLUSIVE,  # a person's word, seen by no machine
        summary=f"{actor.name} attests a backup of {target}: {backup.note}",
        numbers={"taken_at": taken_at.isoformat()},
    )
    _record(actor, "backup.attest", backup, {"note": backup.note, "taken_at": taken_at.isoformat()})
    return backup


def _take(target: TargetDatabase) -> TargetDatabase:
    return (
        TargetDatabase.objects.select_for_update(of=("self",), no_key=True)
        .select_related("environment")
        .get(pk=target.pk)
    )


def _record(actor: Actor, verb: str, backup: Backup, data: dict[str, object]) -> None:
    timeline.record(
        actor=actor,
        verb=verb,
        subject=backup,
        release=backup.run.release if backup.run else None,
        environment=backup.target.environment,
        data=data,
    )
