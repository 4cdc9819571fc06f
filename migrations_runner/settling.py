"""A person's word about a lost run, given on a page and written to the target by a worker.

The web never connects to a target. The task commits with the request, so the word is not lost; done
twice it changes nothing, because the second time nothing is open any more.
"""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import transaction
from django_q.tasks import async_task

from migrations_runner import resolving
from migrations_runner.models import MigrationRun
from migrations_runner.states import RunState
from releases.refusals import Refused
from releases.timeline import Actor

TASK = "migrations_runner.settling.settle_in_worker"


@transaction.atomic
def ask(*, run: MigrationRun, done: bool, actor: Actor, reason: str) -> None:
    """Have a worker write a person's word to the target's ledger. Raises NotLost, NotPermitted."""
    actor.require("migrations_runner.queue_run")
    run = MigrationRun.objects.select_for_update(of=("self",), no_key=True).get(pk=run.pk)
    if run.state != RunState.LOST:
        raise resolving.NotLost(f"It is {run.get_state_display().lower()}.")
    who = actor.user.pk if actor.user else None
    async_task(TASK, run.pk, done, who, actor.name, reason, task_name=f"settle run {run.pk}")


def settle_in_worker(run_id: int, done: bool, who: int | None, name: str, reason: str) -> None:  # noqa: FBT001  (what the queue hands over)
    """Carry the word to the target; a refusal stands on the run, so that it is read."""
    run = MigrationRun.objects.select_related("target", "release").get(pk=run_id)
    user = User.objects.filter(pk=who).first() if who is not None else None
    actor = Actor.person(user) if user is not None else Actor.command(name)
    try:
        resolving.settle(run=run, done=done, actor=actor, reason=reason)
    except Refused as refused:
        MigrationRun.objects.filter(pk=run_id, state=RunState.LOST).update(
            next_step=f"The word of {name} could not be written: {refused.message}"
        )
