"""A person's word about a lost run, given on a page and written to the target by a worker.

The web never connects to a target. The task commits with the request, so the word is not lost. Done
twice, or late, it changes nothing: it is about one claim of the run.
"""

from __future__ import annotations

from typing import Any

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
    # Which loss the word is about: claimed anew, the run may be lost at another statement.
    claims = run.claims
    who = actor.user.pk if actor.user else None
    async_task(
        TASK, run.pk, claims, done, who, actor.name, reason, task_name=f"settle run {run.pk}"
    )


def settle_in_worker(run_id: int, word: dict[str, Any]) -> None:
    """Carry the word to the target; a refusal stands on the run, so that it is read."""
    run = MigrationRun.objects.select_related("target", "release").get(pk=run_id)
    if run.claims != word["claims"]:
        return
    user = User.objects.filter(pk=word["who"]).first() if word["who"] is not None else None
    actor = Actor.person(user) if user is not None else Actor.command(word["name"])
    try:
        resolving.settle(run=run, done=word["done"], actor=actor, reason=word["reason"])
    except Refused as refused:
        MigrationRun.objects.filter(pk=run_id, state=RunState.LOST).update(
            next_step=f"The word of {word['name']} could not be written: {refused.message}"
        )
