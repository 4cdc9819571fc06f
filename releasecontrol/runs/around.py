"""What stands around a run: who approved it, its rehearsal, its checks, what it found, batches.

Each part is one query, however long the run.
"""

from __future__ import annotations

from dataclasses import dataclass

from checklists import approvals
from checklists.models import Approval
from migrations_runner import approving
from migrations_runner.models import (
    Backup,
    CheckResult,
    IntegrityFinding,
    MigrationRun,
    Rehearsal,
)
from migrations_runner.rehearsal import telling
from migrations_runner.states import RunState, StepState
from releasecontrol.runs.words import took
from releases.models import Verdict

_NAMES_SHOWN = 5
VERDICT_TONES = {Verdict.PASS: "good", Verdict.FAIL: "bad", Verdict.INCONCLUSIVE: "warn"}


@dataclass(frozen=True)
class Blocker:
    """A session on the target that the run waits for, as the worker last saw it."""

    pid: int
    who: str
    query: str
    age: str


@dataclass(frozen=True)
class Check:
    """One answer of the target to a check."""

    result: CheckResult
    tone: str


@dataclass(frozen=True)
class Around:
    """Everything beside the scripts on a run's page."""

    run: MigrationRun
    approvals: list[Approval]
    rehearsal: Rehearsal | None
    checks: list[Check]
    findings: list[IntegrityFinding]
    backups: list[Backup]
    blockers: list[Blocker]
    warnings: list[str]
    keeps_rows: bool
    could: list[str]

    @property
    def quorum(self) -> int:
        return self.run.target.environment.quorum

    @property
    def missing(self) -> int:
        """How many people still have to approve."""
        return max(self.quorum - len(self.approvals), 0)

    @property
    def is_undoable(self) -> bool:
        """Did it keep the old value of the rows that it changed?"""
        over = self.run.state in {RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED}
        return over and self.run.kind == MigrationRun.Kind.APPLY and self.keeps_rows

    @property
    def is_waiting(self) -> bool:
        return self.run.state in {RunState.AWAITING_APPROVAL, RunState.QUEUED}

    @property
    def awaits_approval(self) -> bool:
        return self.run.state == RunState.AWAITING_APPROVAL


def around(run: MigrationRun) -> Around:
    """Read what stands around a run; `run` comes with its target and environment."""
    rehearsal = run.rehearsals.select_related("run__target__environment").first()
    return Around(
        run=run,
        approvals=approving.standing(run) if run.target.environment.quorum else [],
        rehearsal=rehearsal,
        warnings=telling.summary(rehearsal) if rehearsal is not None else [],
        could=_who_could(run),
        keeps_rows=run.scripts.filter(undo=True, state=StepState.APPLIED).exists(),
        checks=[
            Check(result, VERDICT_TONES[Verdict(result.verdict)])
            for result in run.check_results.all()
        ],
        findings=list(run.findings.all()),
        backups=list(run.backups.all()),
        blockers=[_blocker(found) for found in run.waiting_on],
    )


def _who_could(run: MigrationRun) -> list[str]:
    """Those whose approval would count, while one is waited for."""
    if run.state != RunState.AWAITING_APPROVAL:
        return []
    able = approvals.who_could(run.requested_by_id, permission=approving.PERMISSION)
    return [one.get_full_name() or one.username for one in able[:_NAMES_SHOWN]]


def _blocker(found: dict[str, object]) -> Blocker:
    age = found.get("age_seconds")
    return Blocker(
        pid=int(str(found.get("pid", 0))),
        who=" ".join(str(found[name]) for name in ("user", "application") if found.get(name)),
        query=str(found.get("query", "")),
        age=took(float(str(age)) * 1000) if age is not None else "",
    )
