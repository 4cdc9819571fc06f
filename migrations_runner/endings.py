"""How a run ends: its state, the evidence and the event, in one transaction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from migrations_runner import pokes
from migrations_runner.models import MigrationRun, Statement
from migrations_runner.states import RUN, RunState, StepState
from releases import evidence, timeline
from releases.models import Verdict
from releases.timeline import Actor

WORKER = Actor.machine("worker")


@dataclass(frozen=True)
class Outcome:
    """How a run ended: its state, what went wrong, what was not done and what to do now."""

    state: RunState
    error: str = ""
    next_step: str = ""


_VERBS = {
    RunState.SUCCEEDED: "run.succeed",
    RunState.FAILED: "run.fail",
    RunState.CANCELLED: "run.cancelled",
    RunState.LOST: "run.lose",
    RunState.QUEUED: "run.requeue",
}
_VERDICTS = {
    RunState.SUCCEEDED: Verdict.PASS,
    RunState.FAILED: Verdict.FAIL,
    RunState.CANCELLED: Verdict.INCONCLUSIVE,
    RunState.LOST: Verdict.INCONCLUSIVE,
    RunState.QUEUED: Verdict.INCONCLUSIVE,
}


def end(ours: QuerySet[MigrationRun], run_id: int, outcome: Outcome) -> bool:
    """Write how a run ended, if it is still one of `ours`: state, evidence and event together."""
    final = outcome.state in RUN.final
    changes: dict[str, Any] = {
        "state": outcome.state,
        "error": outcome.error,
        "next_step": outcome.next_step,
    }
    if final:
        changes["finished_at"] = Now()
    if outcome.state != RunState.RUNNING:
        changes |= {"token": None, "waiting_on": []}
    if ours.update(**changes) != 1:
        return False
    run = MigrationRun.objects.select_related("release", "target__environment").get(pk=run_id)
    if final:
        mark_open_scripts(run, StepState.NOT_RUN)
        _note_evidence(run, outcome)
    if outcome.state == RunState.QUEUED:
        transaction.on_commit(lambda: pokes.poke(run_id))
    timeline.record(
        actor=WORKER,
        verb=_VERBS[outcome.state],
        subject=run,
        release=run.release,
        environment=run.target.environment,
        data={"error": outcome.error} if outcome.error else {},
    )
    return True


def _note_evidence(run: MigrationRun, outcome: Outcome) -> None:
    states = list(run.scripts.values_list("state", flat=True))
    evidence.record(
        subject=run,
        release=run.release,
        verdict=_VERDICTS[outcome.state],
        summary=f"{run}: {outcome.state.label}. {outcome.error}".strip(),
        numbers={state: states.count(state) for state in set(states)},
    )


def mark_open_scripts(run: MigrationRun, state: StepState) -> None:
    """Whatever was not finished will not be any more."""
    opened = [StepState.PENDING, StepState.RUNNING]
    Statement.objects.filter(run_script__run=run, state__in=opened).update(state=state)
    run.scripts.filter(state__in=opened).update(state=state)
