"""What stands before a run on a target: lint, approval, backup, holds. Told before it is queued.

The web knows what workers saw last, so the worker asks each of these again on the target itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User

from checklists import approvals
from migrations_runner import approving, holds, linted
from migrations_runner.backup import needing
from migrations_runner.models import Hold, MigrationScript, TargetReport
from releases.models import TargetDatabase

_NAMES_SHOWN = 5
Blocking = tuple[MigrationScript, linted.Shown]


@dataclass(frozen=True)
class Beforehand:
    """`blocking` are findings that nobody allowed; `seen_at` is when its tables were seen."""

    blocking: Sequence[Blocking]
    seen_at: datetime | None
    quorum: int
    approvers: list[User]
    backup: str
    holds: list[Hold]

    @property
    def names(self) -> list[str]:
        """Some of those who could approve."""
        return [one.get_full_name() or one.username for one in self.approvers[:_NAMES_SHOWN]]

    @property
    def others(self) -> int:
        return len(self.approvers) - len(self.names)

    @property
    def nobody_could(self) -> bool:
        """It would wait for ever, so `runs.queue` refuses it."""
        return len(self.approvers) < self.quorum

    @property
    def clear(self) -> bool:
        return not self.blocking and not self.nobody_could


def beforehand(
    blocking: Sequence[Blocking], target: TargetDatabase, author_id: int | None
) -> Beforehand:
    """Ask what our own database can tell; `blocking` is what lint found in the scripts."""
    quorum = target.environment.quorum
    report = TargetReport.objects.filter(target=target).only("at", "catalog").first()
    could = approvals.who_could(author_id, permission=approving.PERMISSION) if quorum else []
    return Beforehand(
        blocking=blocking,
        seen_at=report.at if report is not None and report.catalog else None,
        quorum=quorum,
        approvers=could,
        backup=_backup(target),
        holds=holds.standing(target),
    )


def _backup(target: TargetDatabase) -> str:
    wanted = target.backup_needed == TargetDatabase.BackupNeed.DUMP
    if wanted and needing.newest(target) is None:
        return "None is fresh enough, so one is taken and verified before the first script."
    return needing.standing(target)
