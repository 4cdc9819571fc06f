"""Target databases over the API: what a worker saw there, what holds them, their backups.

Nothing here connects to a target: a worker does, and what it saw is told.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Field, Router, Schema, Status

from migrations_runner import holds, target_reports
from migrations_runner.backup import needing
from migrations_runner.backup import verbs as backups
from releasecontrol.api.auth import caller
from releasecontrol.targets import showing
from releases.models import TargetDatabase
from releases.timeline import Actor

router = Router(tags=["targets"])


class TargetOut(Schema):
    """`last_look_ok` is null before a worker ever looked."""

    name: str
    environment: str = Field(alias="environment.slug")
    is_production: bool = Field(alias="environment.is_production")
    approvals_needed: int = Field(alias="environment.quorum")
    backup_needed: str
    stall_budget_ms: int
    last_look_ok: bool | None
    last_look_at: datetime | None

    @staticmethod
    def resolve_last_look_ok(target: TargetDatabase) -> bool | None:
        report = getattr(target, "report", None)
        return report.ok if report is not None else None

    @staticmethod
    def resolve_last_look_at(target: TargetDatabase) -> datetime | None:
        report = getattr(target, "report", None)
        return report.at if report is not None else None


class FactOut(Schema):
    label: str
    value: str
    tone: str


class ReportOut(Schema):
    """What a worker saw. `drift` null is "cannot tell", for the reason in `drift_unknown`."""

    at: datetime | None
    ok: bool | None
    error: str
    seen_at: datetime | None
    facts: list[FactOut]
    ledger: list[str]
    drift: list[str] | None
    drift_unknown: str


class HoldOut(Schema):
    cause: str
    reason: str
    set_by: str
    set_at: datetime


class BackupOut(Schema):
    id: int
    state: str
    taken_at: datetime | None
    bytes: int | None
    sha256: str
    entries: int | None
    milliseconds: float | None
    restored_ok: bool | None
    attested_by: str
    note: str
    error: str


class AppliedOut(Schema):
    name: str
    sha256: str
    applied_at: datetime


class WholeTargetOut(Schema):
    """One target; `is_looking` says that a worker was asked and has not answered yet."""

    target: TargetOut
    is_looking: bool = Field(alias="is_waiting")
    report: ReportOut | None
    holds: list[HoldOut]
    backup: str
    backups: list[BackupOut]
    applied: list[AppliedOut]

    @staticmethod
    def resolve_backup(page: showing.Page) -> str:
        return needing.standing(page.target)


class HoldIn(Schema):
    reason: str = Field(min_length=1, max_length=500)


class BackupIn(Schema):
    restore_too: bool = False


@router.get("/targets", response=list[TargetOut], operation_id="list_targets")
def list_targets(request: HttpRequest) -> Any:
    """Every target database, in the order of the environments."""
    caller(request).require("releases.view_targetdatabase")
    return TargetDatabase.objects.select_related("environment", "report")


@router.get("/targets/{name}", response=WholeTargetOut, operation_id="get_target")
def one_target(request: HttpRequest, name: str) -> Any:
    """Report, holds, drift, backups and applied scripts of one target."""
    caller(request).require("releases.view_targetdatabase")
    return showing.show(_target(name))


@router.post("/targets/{name}/test", response={202: WholeTargetOut}, operation_id="test_target")
def test_target(request: HttpRequest, name: str) -> Any:
    """Ask a worker to connect and look; its report is told by `get_target` soon."""
    target, actor = _asked(request, name)
    target_reports.ask(target=target, actor=actor)
    return Status(202, showing.show(_target(name)))


@router.post("/targets/{name}/hold", response=WholeTargetOut, operation_id="hold_target")
def hold_target(request: HttpRequest, name: str, body: HoldIn) -> Any:
    """Keep queued runs from a target, and let its backfills rest."""
    target, actor = _asked(request, name)
    holds.hold(target=target, reason=body.reason, actor=actor)
    return showing.show(_target(name))


@router.post("/targets/{name}/lift", response=WholeTargetOut, operation_id="lift_hold")
def lift_hold(request: HttpRequest, name: str, body: HoldIn) -> Any:
    """Lift every hold of a target; what waits there goes on."""
    target, actor = _asked(request, name)
    holds.lift(target=target, reason=body.reason, actor=actor)
    return showing.show(_target(name))


@router.post("/targets/{name}/backup", response={202: BackupOut}, operation_id="take_backup")
def take_backup(request: HttpRequest, name: str, body: BackupIn) -> Any:
    """Ask a worker for a verified dump; asked for twice, it is the one that already waits."""
    target, actor = _asked(request, name)
    return Status(202, backups.request(target=target, actor=actor, restore_too=body.restore_too))


def _asked(request: HttpRequest, name: str) -> tuple[TargetDatabase, Actor]:
    """A target and who wants something done there. Raises OtherEnvironment."""
    target = _target(name)
    return target, caller(request, environment=target.environment.slug)


def _target(name: str) -> TargetDatabase:
    found = TargetDatabase.objects.select_related("environment", "report")
    return get_object_or_404(found, name=name)
