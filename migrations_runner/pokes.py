"""Telling a worker to look: the only place that puts anything into django-q2's queue.

A poke carries a run's id and nothing more. With the database broker it commits with the
transaction that asked for it.
"""

from __future__ import annotations

from django.db.models.functions import Now
from django_q.tasks import async_task

from migrations_runner.models import MigrationRun

_RUN = "migrations_runner.tasks.run_migration"
_LOOK = "migrations_runner.tasks.look_at_target"
_REHEARSAL = "migrations_runner.tasks.rehearse_run"
_INTEGRITY = "migrations_runner.tasks.check_integrity"


def poke(run_id: int) -> None:
    """Tell some worker to look at a run. Losing or doubling a poke changes nothing."""
    MigrationRun.objects.filter(pk=run_id).update(poked_at=Now())
    async_task(_RUN, run_id, task_name=f"run {run_id}")


def poke_look(target_id: int) -> None:
    """Have some worker look at a target; the same holds."""
    async_task(_LOOK, target_id, task_name=f"look at target {target_id}")


def poke_rehearsal(rehearsal_id: int) -> None:
    """Tell some worker to look at a rehearsal; the same holds."""
    async_task(_REHEARSAL, rehearsal_id, task_name=f"rehearsal {rehearsal_id}")


def poke_integrity(target_id: int) -> None:
    """Have some worker ask whether a target's rows agree; the same holds."""
    async_task(_INTEGRITY, target_id, task_name=f"integrity of target {target_id}")
