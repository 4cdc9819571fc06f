"""Rehearsals over the API: what a run did on a clone."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import Http404, HttpRequest
from ninja import Field, Router, Schema

from migrations_runner.models import Rehearsal
from releasecontrol.api.auth import caller
from releasecontrol.rehearsals import showing

router = Router(tags=["runs"])


class StatementOut(Schema):
    """`locks` are [table, mode] newly taken, `scans` [table, rows] read whole."""

    line: int
    kind: str
    milliseconds: float
    rows: int | None
    wal_bytes: int | None
    locks: list[tuple[str, str]]
    rewrites: list[str]
    scans: list[tuple[str, int]]
    error: str


class LockOut(Schema):
    """A lock that keeps others waiting; times are milliseconds since the script began."""

    table: str = Field(alias="bar.table")
    mode: str = Field(alias="bar.mode")
    line: int = Field(alias="bar.line")
    from_ms: float = Field(alias="bar.begin")
    to_ms: float = Field(alias="bar.end")
    keeps_waiting: str = Field(alias="bar.waits")


class ScriptOut(Schema):
    """`locks_not_listed` is how many more locks there were."""

    name: str
    milliseconds: float = Field(alias="told.milliseconds")
    statements: list[StatementOut] = Field(alias="rows")
    locks: list[LockOut] = Field(alias="drawn")
    locks_not_listed: int = Field(alias="hidden")


class RehearsalOut(Schema):
    """The last rehearsal of a run. `warnings` are what an approver should know, worst first."""

    id: int = Field(alias="rehearsal.pk")
    state: str = Field(alias="rehearsal.state")
    clone_kind: str = Field(alias="rehearsal.clone_kind")
    with_down: bool = Field(alias="rehearsal.with_down")
    server_version: str = Field(alias="rehearsal.server_version")
    started_at: datetime | None = Field(alias="rehearsal.started_at")
    finished_at: datetime | None = Field(alias="rehearsal.finished_at")
    error: str = Field(alias="rehearsal.error")
    warnings: list[str]
    scripts: list[ScriptOut]


@router.get("/runs/{run_id}/rehearsal", response=RehearsalOut, operation_id="get_rehearsal")
def last_rehearsal(request: HttpRequest, run_id: int) -> Any:
    """What each statement cost on the clone, and whom its locks would have kept waiting."""
    caller(request).require("migrations_runner.view_rehearsal")
    found = Rehearsal.objects.select_related("run__target__environment").filter(run=run_id)
    last = found.order_by("-pk").first()
    if last is None:
        raise Http404(f"Run {run_id} has no rehearsal.")
    return showing.show(last)
