"""A target database as its page shows it: only what workers saw; the web never connects to one.

The number of queries does not grow with anything.
"""

from __future__ import annotations

from dataclasses import dataclass

from migrations_runner import holds, target_reports
from migrations_runner.models import (
    AppliedScript,
    Backup,
    Hold,
    IntegrityFinding,
    MigrationRun,
    TargetReport,
)
from migrations_runner.states import LIVE
from releases.models import TargetDatabase

_SHOWN = 50
_BACKUPS_SHOWN = 10


@dataclass(frozen=True)
class Page:
    """Everything on a target's page."""

    target: TargetDatabase
    report: target_reports.Shown | None
    asked: TargetReport | None
    holds: list[Hold]
    findings: list[IntegrityFinding]
    applied: list[AppliedScript]
    backups: list[Backup]
    runs: list[MigrationRun]

    @property
    def is_waiting(self) -> bool:
        """A worker was asked to look and has not answered yet."""
        row = self.asked
        return bool(row and row.asked_at and (row.at is None or row.at < row.asked_at))


def show(target: TargetDatabase) -> Page:
    """Read everything of a target; it comes with its environment."""
    row = TargetReport.objects.filter(target=target).select_related("left_by").first()
    open_findings = IntegrityFinding.objects.filter(target=target, resolved_at__isnull=True)
    return Page(
        target=target,
        report=target_reports.shown(row) if row is not None else None,
        asked=row,
        holds=holds.standing(target),
        findings=list(open_findings[:_SHOWN]),
        applied=list(AppliedScript.objects.filter(target=target).select_related("run")[:_SHOWN]),
        backups=list(Backup.objects.filter(target=target)[:_BACKUPS_SHOWN]),
        runs=list(MigrationRun.objects.filter(target=target, state__in=LIVE)),
    )
