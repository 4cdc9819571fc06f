"""Does a target have the backup that a run needs? One answer for the form and for the worker."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db.models.functions import Now

from migrations_runner.backup.refusals import BackupNeeded
from migrations_runner.backup.verifying import still_there
from migrations_runner.models import Backup, MigrationRun
from migrations_runner.states import BackupState
from migrations_runner.work import RunAtWork
from releases.models import TargetDatabase

_GOOD = {
    TargetDatabase.BackupNeed.DUMP: (BackupState.VERIFIED,),
    TargetDatabase.BackupNeed.ATTESTED: (BackupState.VERIFIED, BackupState.ATTESTED),
}


def require(at_work: RunAtWork) -> None:
    """Before the first script: raises BackupNeeded. An undo and a try after it need none anew."""
    said = lacking(at_work.target, at_work.run)
    if said and _file_matters(at_work.target):
        raise BackupNeeded(said)


def standing(target: TargetDatabase) -> str:
    """For the form: what backup a run would have, or what it lacks. Looks at rows only."""
    if target.backup_needed == TargetDatabase.BackupNeed.NONE:
        return "This target needs no backup before a run."
    found = newest(target)
    if found is None:
        return lacking(target)
    kind = "Attested" if found.state == BackupState.ATTESTED else "Verified dump"
    return f"{kind}, as of {found.taken_at:%Y-%m-%d %H:%M} UTC."


def lacking(target: TargetDatabase, run: MigrationRun | None = None) -> str:
    """What is missing, in words; empty when nothing is. With a run, the file itself is looked at.

    Only a worker may call it with a run: the file lies where the worker writes.
    """
    if not _file_matters(target):
        return ""
    found = newest(target)
    how = f"take one (manage.py take_backup {target.name}, or the button on its page)"
    if target.backup_needed == TargetDatabase.BackupNeed.ATTESTED:
        how += ", or attest your provider's"
    if found is None:
        return (
            f"{target.name} has no backup that is younger than {settings.BACKUP_FRESH_HOURS} hours"
            f" and than the last run there: {how}."
        )
    if run is not None and found.state == BackupState.VERIFIED and not still_there(found):
        return f"The file of {found} is gone or was changed: {how}."
    return ""


def newest(target: TargetDatabase) -> Backup | None:
    """The newest backup that counts: fresh enough, and taken after the last finished run."""
    good = _GOOD.get(TargetDatabase.BackupNeed(target.backup_needed), ())
    found = Backup.objects.filter(
        target=target,
        state__in=good,
        removed_at__isnull=True,
        taken_at__gte=Now() - timedelta(hours=settings.BACKUP_FRESH_HOURS),
    )
    last = (
        MigrationRun.objects.filter(
            target=target, finished_at__isnull=False, started_at__isnull=False
        )
        .filter(scripts__state="applied")
        .order_by("-finished_at")
        .values_list("finished_at", flat=True)
        .first()
    )
    if last is not None:
        found = found.filter(taken_at__gte=last)
    return found.order_by("-taken_at").first()


def _file_matters(target: TargetDatabase) -> bool:
    return target.backup_needed != TargetDatabase.BackupNeed.NONE
