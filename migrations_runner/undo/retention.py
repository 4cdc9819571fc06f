"""Old rows are a copy of data, so they go when their time is over: a job for workers."""

from __future__ import annotations

import logging
from datetime import timedelta

import psycopg
from django.conf import settings
from django.db.models.functions import Now

from migrations_runner.models import RunScript
from migrations_runner.undo import store
from releases import targets
from releases.models import TargetDatabase
from releases.refusals import Refused

log = logging.getLogger(__name__)


def purge() -> int:
    """Remove what is older than UNDO_KEEP_DAYS from every target that may hold some.

    Answers how many kept transactions were removed. A target that can't be reached now is asked
    again by the next call.
    """
    days: int = settings.UNDO_KEEP_DAYS
    old = RunScript.objects.filter(undo=True, started_at__lt=Now() - timedelta(days=days))
    targets_ = TargetDatabase.objects.filter(pk__in=old.values("run__target"))
    return sum(_purge_one(target, days) for target in targets_)


def _purge_one(target: TargetDatabase, days: int) -> int:
    try:
        with targets.connect(target, application_name="rc-undo-purge", autocommit=True) as there:
            targets.check_identity(target, targets.identify(there))
            if not store.exists(there):
                return 0
            removed = there.execute(
                "DELETE FROM release_control.undo_captures"
                " WHERE at < clock_timestamp() - make_interval(days => %s)",
                [days],
            )
            return removed.rowcount
    except (Refused, psycopg.Error) as failed:
        log.warning(
            "Old rows on %s could not be removed: %s",
            target.name,
            type(failed).__name__,
            extra={"action": "undo.purge_failed"},
        )
        return 0
