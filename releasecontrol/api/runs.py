"""Migration runs over the API: the same verbs as on a run's page."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from django.db.models import Count
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Field, Query, Router, Schema, Status

from migrations_runner import approving, runs, settling
from migrations_runner.models import MigrationRun, MigrationScript
from migrations_runner.rehearsal import verbs as rehearsals
from migrations_runner.states import RunState
from migrations_runner.undo import verbs as undo
from releasecontrol.api.auth import caller
from releases.models import Release, TargetDatabase
from releases.refusals import Refused
from releases.timeline import Actor

router = Router(tags=["runs"])
_PAGE = 50
_LARGEST_ID = 2**63 - 1


class ScriptMissing(Refused):
    """The release has no script of this name, so nothing was queued."""


class RunIn(Schema):
    release: str
    target: str
    scripts: list[str] = Field(min_length=1)
    variables: dict[str, str] = Field(default_factory=dict)


class ApproveIn(Schema):
    note: str = Field("", max_length=500)
    without_rehearsal_reason: str = Field("", max_length=500)


class WithdrawIn(Schema):
    reason: str = Field("", max_length=500)


class RehearseIn(Schema):
    with_down: bool = False


class UndoIn(Schema):
    reason: str = Field(min_length=1, max_length=500)


class SettleIn(Schema):
    done: bool
    reason: str = Field(min_length=1, max_length=500)


class StepOut(Schema):
    name: str
    state: str
    error: str
    sha256: str


class RunOut(Schema):
    """`approved_by` are the approvals that count for what the run is now."""

    id: int
    kind: str
    undoes: int | None = Field(alias="undoes_id")
    target: str = Field(alias="target.name")
    state: str
    error: str
    next_step: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    pause_requested_at: datetime | None
    approvals_needed: int = Field(alias="target.environment.quorum")
    approved_by: list[str]
    scripts: list[StepOut]

    @staticmethod
    def resolve_approved_by(run: MigrationRun) -> list[str]:
        if not run.target.environment.quorum:
            return []
        return [one.person.get_username() for one in approving.standing(run)]

    @staticmethod
    def resolve_scripts(run: MigrationRun) -> list[Any]:
        return list(run.scripts.all())


class RunLine(Schema):
    """A run in a list; `release` is null where its release was deleted."""

    id: int
    kind: str
    release: str | None = None
    target: str = Field(alias="target.name")
    state: str
    error: str
    script_count: int
    requested_by: str = Field(alias="requested_by_name")
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    @staticmethod
    def resolve_release(run: MigrationRun) -> str | None:
        return run.release.slug if run.release is not None else None


class RunPage(Schema):
    runs: list[RunLine]
    next: int | None = None


@router.post("/runs", response={201: RunOut}, operation_id="queue_run")
def queue_run(request: HttpRequest, body: RunIn) -> Any:
    """Queue scripts of a release, by name and in this order, on a target."""
    release = get_object_or_404(Release, slug=body.release)
    target = get_object_or_404(TargetDatabase, name=body.target)
    run = runs.queue(
        scripts=[_script(release, name) for name in body.scripts],
        target=target,
        variables=body.variables,
        actor=caller(request, environment=target.environment.slug),
        release=release,
    )
    return Status(201, _run(run.pk))


@router.get("/runs", response=RunPage, operation_id="list_runs")
def list_runs(
    request: HttpRequest,
    release: str = "",
    target: str = "",
    state: RunState | None = None,
    before: Annotated[int | None, Query(ge=1, le=_LARGEST_ID)] = None,
) -> Any:
    """Runs, the newest first, fifty at a time; `next` is the `before` of the next page."""
    caller(request).require("migrations_runner.view_migrationrun")
    wanted = {"release__slug": release, "target__name": target, "state": state, "pk__lt": before}
    rows = MigrationRun.objects.filter(**{name: value for name, value in wanted.items() if value})
    found = list(
        rows.select_related("release", "target")
        .annotate(script_count=Count("scripts"))
        .order_by("-pk")[: _PAGE + 1]
    )
    page = found[:_PAGE]
    return {"runs": page, "next": page[-1].pk if len(found) > _PAGE else None}


@router.get("/runs/{run_id}", response=RunOut, operation_id="get_run")
def one_run(request: HttpRequest, run_id: int) -> Any:
    caller(request).require("migrations_runner.view_migrationrun")
    return _run(run_id)


@router.post("/runs/{run_id}/cancel", response=RunOut, operation_id="cancel_run")
def cancel_run(request: HttpRequest, run_id: int) -> Any:
    run, actor = _asked(request, run_id)
    runs.cancel(run=run, actor=actor)
    return _run(run_id)


@router.post("/runs/{run_id}/approve", response=RunOut, operation_id="approve_run")
def approve_run(request: HttpRequest, run_id: int, body: ApproveIn) -> Any:
    """Say yes to exactly this batch; the last yes that is needed hands it to a worker."""
    run, actor = _asked(request, run_id)
    approving.approve(
        run=run,
        actor=actor,
        note=body.note,
        without_rehearsal_reason=body.without_rehearsal_reason,
    )
    return _run(run_id)


@router.post("/runs/{run_id}/withdraw", response=RunOut, operation_id="withdraw_approval")
def withdraw_approval(request: HttpRequest, run_id: int, body: WithdrawIn) -> Any:
    """Take one's own yes back."""
    run, actor = _asked(request, run_id)
    approving.withdraw(run=run, actor=actor, reason=body.reason)
    return _run(run_id)


@router.post("/runs/{run_id}/pause", response=RunOut, operation_id="pause_run")
def pause_run(request: HttpRequest, run_id: int) -> Any:
    """Have the worker rest within a second, with nothing open on the target."""
    run, actor = _asked(request, run_id)
    runs.pause(run=run, actor=actor)
    return _run(run_id)


@router.post("/runs/{run_id}/resume", response=RunOut, operation_id="resume_run")
def resume_run(request: HttpRequest, run_id: int) -> Any:
    run, actor = _asked(request, run_id)
    runs.resume(run=run, actor=actor)
    return _run(run_id)


@router.post("/runs/{run_id}/rehearse", response={202: RunOut}, operation_id="rehearse_run")
def rehearse_run(request: HttpRequest, run_id: int, body: RehearseIn) -> Any:
    """Have a waiting run tried on a clone; with its down scripts up, down and up again."""
    run, actor = _asked(request, run_id)
    rehearsals.request(run=run, actor=actor, with_down=body.with_down)
    return Status(202, _run(run_id))


@router.post("/runs/{run_id}/undo", response={201: RunOut}, operation_id="undo_run")
def undo_run(request: HttpRequest, run_id: int, body: UndoIn) -> Any:
    """Queue the row-exact undo of a run; answers the run that does it."""
    run, actor = _asked(request, run_id)
    return Status(201, _run(undo.request_undo(run=run, actor=actor, reason=body.reason).pk))


@router.post("/runs/{run_id}/settle", response={202: RunOut}, operation_id="settle_run")
def settle_run(request: HttpRequest, run_id: int, body: SettleIn) -> Any:
    """Say of a lost run whether the statement under way took effect; a worker writes it down."""
    run, actor = _asked(request, run_id)
    settling.ask(run=run, done=body.done, actor=actor, reason=body.reason)
    return Status(202, _run(run_id))


def _asked(request: HttpRequest, run_id: int) -> tuple[MigrationRun, Actor]:
    """A run and who wants something done with it. Raises OtherEnvironment."""
    run = _run(run_id)
    return run, caller(request, environment=run.target.environment.slug)


def _run(run_id: int) -> MigrationRun:
    return get_object_or_404(MigrationRun.objects.select_related("target__environment"), pk=run_id)


def _script(release: Release, name: str) -> MigrationScript:
    found = MigrationScript.objects.filter(release=release, name=name).first()
    if found is None:
        raise ScriptMissing(f"{release.slug} has no {name}.")
    return found
