"""Which dumps stay: the newest few of each target, all young ones, and the last of a live release.

A job for workers; a file that is missing or has another size is noticed here and counts no more.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from migrations_runner.backup.claims import WORKER
from migrations_runner.backup.verifying import still_there
from migrations_runner.models import Backup
from migrations_runner.states import BackupState
from releases import timeline
from releases.states import ReleaseState

_OVER = {ReleaseState.CLOSED, ReleaseState.CANCELLED}


def sweep() -> int:
    """Remove what need not stay, mark what is gone; answers how many backups changed."""
    verified = Backup.objects.filter(state=BackupState.VERIFIED).select_related(
        "target__environment", "run__release"
    )
    backups = list(verified.order_by("target_id", "-taken_at"))
    missing = [backup for backup in backups if not still_there(backup)]
    changed = sum(_end(backup, "its file is gone or was changed") for backup in missing)
    there = [backup for backup in backups if backup not in missing]
    old = [backup for backup in there if not _stays(backup, there)]
    return changed + sum(_remove(backup) for backup in old)


def _stays(backup: Backup, there: list[Backup]) -> bool:
    of_target = [each for each in there if each.target_id == backup.target_id]
    if of_target.index(backup) < settings.BACKUP_KEEP:
        return True
    limit = timezone.now() - timedelta(days=settings.BACKUP_KEEP_DAYS)
    if backup.taken_at is not None and backup.taken_at > limit:
        return True
    release = backup.run.release if backup.run else None
    if release is None or release.state in _OVER:
        return False
    newest = next(each for each in of_target if each.run and each.run.release_id == release.pk)
    return newest == backup


def _remove(backup: Backup) -> int:
    removed = _end(backup, "its time was over")
    if removed:
        Path(backup.path).unlink(missing_ok=True)
    return removed


@transaction.atomic
def _end(backup: Backup, why: str) -> int:
    ended = Backup.objects.filter(pk=backup.pk, state=BackupState.VERIFIED).update(
        state=BackupState.REMOVED, removed_at=Now()
    )
    if ended:
        timeline.record(
            actor=WORKER,
            verb="backup.remove",
            subject=backup,
            release=backup.run.release if backup.run else None,
            environment=backup.target.environment,
            data={"why": why},
        )
    return ended
