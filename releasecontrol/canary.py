"""Does the worker queue still do what it is given? Only a task that comes back can tell.

django-q2 looks healthy to itself when an idle worker was killed and the queue's lock died with it
(its issue 23). So a task is sent every few seconds that does nothing but leave a mark with the name
of the cluster that ran it.
"""

from __future__ import annotations

import os
import socket
from datetime import datetime

from django.db.models.functions import Now
from django_q.tasks import async_task

from releases.models import Heartbeat

#: Set by the supervisor for its cluster, so that a song can be told from another host's.
NAME_VARIABLE = "WORKER_NAME"


def send() -> None:
    """Queue one canary for whichever cluster takes it first."""
    async_task("releasecontrol.canary.sing")


def sing() -> None:
    """The task: mark that this cluster took work from the queue and did it."""
    mark(_row(os.environ.get(NAME_VARIABLE) or socket.gethostname()), {})


def heard_at(worker: str) -> datetime | None:
    """When the cluster of this worker last sang, by the database's clock."""
    return Heartbeat.objects.filter(name=_row(worker)).values_list("at", flat=True).first()


def forget(worker: str) -> None:
    """A worker that left in good order is not missed."""
    Heartbeat.objects.filter(name__in=[worker, _row(worker)]).delete()


def mark(name: str, detail: dict[str, object]) -> None:
    """A sign of life under this name, in one statement."""
    Heartbeat.objects.bulk_create(
        [Heartbeat(name=name, at=Now(), detail=detail)],
        update_conflicts=True,
        unique_fields=["name"],
        update_fields=["at", "detail"],
    )


def _row(worker: str) -> str:
    return f"cluster of {worker}"
