"""Migration runs over the API: queue one, look at it, cancel it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Field, Router, Schema, Status

from migrations_runner import runs
from migrations_runner.models import MigrationRun, MigrationScript
from releasecontrol.api.auth import caller
from releases.models import Release, TargetDatabase
from releases.refusals import Refused

router = Router(tags=["runs"])


class ScriptMissing(Refused):
    """The release has no script of this name, so nothing was queued."""


class RunIn(Schema):
    release: str
    target: str
    scripts: list[str] = Field(min_length=1)
    variables: dict[str, str] = Field(default_factory=dict)


class StepOut(Schema):
    name: str
    state: str
    error: str
    sha256: str


class RunOut(Schema):
    id: int
    target: str = Field(alias="target.name")
    state: str
    error: str
    next_step: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    scripts: list[StepOut]

    @staticmethod
    def resolve_scripts(run: MigrationRun) -> list[Any]:
        return list(run.scripts.all())


@router.post("/runs", response={201: RunOut})
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


@router.get("/runs/{run_id}", response=RunOut)
def one_run(request: HttpRequest, run_id: int) -> Any:
    caller(request).require("migrations_runner.view_migrationrun")
    return _run(run_id)


@router.post("/runs/{run_id}/cancel", response=RunOut)
def cancel_run(request: HttpRequest, run_id: int) -> Any:
    run = _run(run_id)
    runs.cancel(run=run, actor=caller(request, environment=run.target.environment.slug))
    return _run(run_id)


def _run(run_id: int) -> MigrationRun:
    return get_object_or_404(MigrationRun.objects.select_related("target__environment"), pk=run_id)


def _script(release: Release, name: str) -> MigrationScript:
    found = MigrationScript.objects.filter(release=release, name=name).first()
    if found is None:
        raise ScriptMissing(f"{release.slug} has no {name}.")
    return found
