"""Telling a worker to look: the only place that puts anything into django-q2's queue.

A poke carries a run's id and nothing more. With the database broker it commits with the
transaction that asked for it.
"""

from __future__ import annotations

from django_q.tasks import async_task

_RUN = "migrations_runner.tasks.run_migration"


def enqueue(run_id: int) -> None:
    async_task(_RUN, run_id, task_name=f"run {run_id}")
