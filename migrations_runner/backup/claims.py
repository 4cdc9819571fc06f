"""A worker's right to a backup: claimed, kept alive, ended. The row decides, not the queue."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.db.models.functions import Now
from django_q.tasks import async_task

from migrations_runner.models import Backup
from migrations_runner.states import BackupState
from releases import evidence, timeline
from releases.models import Verdict
from releases.redaction import redact
from releases.timeline import Actor

TASK = "migrations_runner.backup.tasks.take_backup"
WORKER = Actor.machine("worker")
#: A backup that was begun for so long and whose workers died each time is given up.
_GIVE_UP_AFTER = timedelta(hours=6)
_BEAT_SECONDS = 0.5


@dataclass(frozen=True)
class Held:
    backup: Backup
    token: uuid.UUID
    stop: threading.Event


def poke(backup_id: int) -> None:
    """Tell some worker to look; losing or doubling it changes nothing."""
    async_task(TASK, backup_id, task_name=f"backup {backup_id}")


def claim(backup_id: int) -> Held | None:
    """Take a queued backup; None when there is nothing to do."""
    token = uuid.uuid4()
    taken = Backup.objects.filter(pk=backup_id, state=BackupState.QUEUED).update(
        state=BackupState.RUNNING, token=token, heartbeat_at=Now()
    )
    if taken != 1:
        return None
    row = Backup.objects.select_related("target__environment", "run__release").get(pk=backup_id)
    return Held(row, token, threading.Event())


@contextmanager
def kept_alive(held: Held) -> Iterator[None]:
    """Beat meanwhile; `held.stop` is set when the claim was taken away, as a cancel does."""
    ended = threading.Event()
    thread = threading.Thread(target=_beat, args=(held, ended), name="backup", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@transaction.atomic
def end(held: Held, state: BackupState, **facts: Any) -> bool:
    """Write how it ended, its evidence and its event together; False if the claim is gone."""
    ours = Backup.objects.filter(pk=held.backup.pk, token=held.token, state=BackupState.RUNNING)
    if ours.update(state=state, token=None, **facts) != 1:
        return False
    backup = Backup.objects.select_related("target__environment", "run__release").get(
        pk=held.backup.pk
    )
    good = state == BackupState.VERIFIED
    release = backup.run.release if backup.run else None
    evidence.record(
        subject=backup,
        release=release,
        verdict=Verdict.PASS if good else Verdict.FAIL,
        summary=f"{backup}: {backup.get_state_display()}. {backup.error}".strip(),
        numbers={
            "bytes": backup.bytes,
            "entries": backup.entries,
            "milliseconds": backup.milliseconds,
            "sha256": backup.sha256,
            "restored_ok": backup.restored_ok,
        },
    )
    timeline.record(
        actor=WORKER,
        verb="backup.verify" if good else "backup.fail",
        subject=backup,
        release=release,
        environment=backup.target.environment,
        data={"error": backup.error} if backup.error else {"bytes": backup.bytes},
    )
    return True


def reap() -> int:
    """Queue backups whose worker is gone again, without their half-written file; poke the rest."""
    stale = Backup.objects.filter(
        state=BackupState.RUNNING,
        heartbeat_at__lt=Now() - timedelta(seconds=settings.RUN_STALE_SECONDS),
    )
    found = sum(_put_back(backup) for backup in stale)
    for backup_id in Backup.objects.filter(state=BackupState.QUEUED).values_list("pk", flat=True):
        poke(backup_id)
    return found


def part_of(backup: Backup, token: object) -> Path:
    """Where the worker with this claim writes until the dump is whole."""
    return Path(settings.BACKUP_DIR) / f"{backup.target.name}-{backup.pk}.{token}.part"


def _put_back(backup: Backup) -> int:
    if settings.BACKUP_DIR:
        part_of(backup, backup.token).unlink(missing_ok=True)
    ours = Backup.objects.filter(
        pk=backup.pk,
        state=BackupState.RUNNING,
        token=backup.token,
        heartbeat_at=backup.heartbeat_at,
    )
    if ours.filter(created_at__lt=Now() - _GIVE_UP_AFTER).exists():
        return ours.update(
            state=BackupState.FAILED, token=None, error=redact("Its workers were gone each time.")
        )
    return ours.update(state=BackupState.QUEUED, token=None)


def _beat(held: Held, ended: threading.Event) -> None:
    ours = Backup.objects.filter(pk=held.backup.pk, token=held.token, state=BackupState.RUNNING)
    try:
        while not ended.wait(_BEAT_SECONDS):
            try:
                if ours.update(heartbeat_at=Now()) != 1:
                    held.stop.set()
            except DatabaseError:
                connection.close()
    finally:
        connection.close()
