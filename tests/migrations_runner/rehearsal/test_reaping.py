"""Who is given up, and who is left alone; the kills themselves are tested in `killing`."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from migrations_runner.models import Rehearsal
from migrations_runner.rehearsal import verbs
from migrations_runner.states import RehearsalState
from releases.timeline import Actor
from tests.migrations_runner.conftest import QueueRun

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_rehearsal_whose_workers_die_again_and_again_is_given_up(queue: QueueRun) -> None:
    rehearsal = verbs.request(run=queue("SELECT 1"), actor=Actor.command("test"))
    for _ in range(3):
        Rehearsal.objects.filter(pk=rehearsal.pk).update(
            state=RehearsalState.RUNNING, heartbeat_at=Now() - timedelta(hours=1)
        )
        verbs.reap()
    rehearsal.refresh_from_db()
    assert rehearsal.state == RehearsalState.FAILED
    assert "given up" in rehearsal.error


def test_a_living_worker_is_not_reaped(queue: QueueRun) -> None:
    rehearsal = verbs.request(run=queue("SELECT 1"), actor=Actor.command("test"))
    Rehearsal.objects.filter(pk=rehearsal.pk).update(
        state=RehearsalState.RUNNING, heartbeat_at=Now()
    )
    assert verbs.reap() == 0
