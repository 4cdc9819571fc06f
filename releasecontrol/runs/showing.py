"""One run with its scripts and statements, for the page that shows it live.

A script of thousands of statements shows its first ones, and always what is under way or failed.
The number of queries does not grow with anything.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db.models import Count, F, Max, Q
from django.db.models.functions import Now
from django.utils import timezone

from migrations_runner import holds
from migrations_runner.models import Backup, MigrationRun, RunScript, Statement
from migrations_runner.states import HOLDING, RUN, RunState, StepState
from releasecontrol.health import WORKER
from releasecontrol.runs.batches import Batches, Keys, backfills_of, fan_outs_of
from releasecontrol.runs.listing import PASSED_BY
from releasecontrol.runs.words import Line, excerpt, took
from releases.models import Heartbeat

STATEMENTS_SHOWN = 100
_ALWAYS = (StepState.RUNNING, StepState.FAILED)
_CANCELLABLE = frozenset(
    {RunState.QUEUED, RunState.AWAITING_APPROVAL, RunState.RUNNING, RunState.PAUSED}
)


@dataclass(frozen=True)
class Step:
    """One statement, with how long it took in words."""

    statement: Statement
    took: str


@dataclass(frozen=True)
class Script:
    """One script of the run and the statements of it that are shown."""

    row: RunScript
    steps: list[Step]
    total: int
    done: int
    took: str
    excerpt: list[Line]
    batches: Batches | None
    keys: Keys | None

    @property
    def hidden(self) -> int:
        return self.total - len(self.steps)

    @property
    def is_open(self) -> bool:
        return self.row.state in _ALWAYS


@dataclass(frozen=True)
class Shown:
    """A run as its page shows it."""

    run: MigrationRun
    scripts: list[Script]
    words: str
    took: str

    @property
    def is_final(self) -> bool:
        return self.run.state in RUN.final

    @property
    def can_cancel(self) -> bool:
        return self.run.state in _CANCELLABLE and self.run.cancel_requested_at is None

    @property
    def can_pause(self) -> bool:
        return self.run.state == RunState.RUNNING and self.run.pause_requested_at is None

    @property
    def can_resume(self) -> bool:
        return not self.is_final and self.run.pause_requested_at is not None

    @property
    def done(self) -> int:
        return sum(script.row.state in PASSED_BY for script in self.scripts)

    @property
    def not_done(self) -> list[str]:
        """The scripts that were not done, where the run's own next step does not name them."""
        names = [s.row.name for s in self.scripts if s.row.state == StepState.NOT_RUN]
        return [name for name in names if name not in self.run.next_step]


def show(run: MigrationRun) -> Shown:
    """Read everything of a run; `run` comes with its target, environment and release."""
    scripts = _scripts(run)
    return Shown(run, scripts, _words(run, scripts), _lasted(run.started_at, run.finished_at))


def _scripts(run: MigrationRun) -> list[Script]:
    rows = run.scripts.defer("text").annotate(
        total=Count("statements"),
        done=Count("statements", filter=Q(statements__state__in=PASSED_BY)),
    )
    steps = _steps(run)
    failed = _failed_text(run)
    backfills, fan_outs = backfills_of(run), fan_outs_of(run)
    return [
        Script(
            row=row,
            steps=steps[row.pk],
            total=row.total,
            done=row.done,
            took=_lasted(row.started_at, row.finished_at),
            excerpt=excerpt(failed.get(row.pk, ""), row.error),
            batches=backfills.get(row.pk),
            keys=fan_outs.get(row.pk),
        )
        for row in rows
    ]


def _steps(run: MigrationRun) -> dict[int, list[Step]]:
    shown = Q(index__lt=STATEMENTS_SHOWN) | Q(state__in=_ALWAYS)
    found: dict[int, list[Step]] = defaultdict(list)
    for statement in Statement.objects.filter(shown, run_script__run=run):
        found[statement.run_script_id].append(Step(statement, took(statement.milliseconds)))
    return found


def _failed_text(run: MigrationRun) -> dict[int, str]:
    return dict(run.scripts.filter(state=StepState.FAILED).values_list("pk", "text"))


def _lasted(begun: datetime | None, ended: datetime | None) -> str:
    if begun is None:
        return ""
    return took(((ended or timezone.now()) - begun).total_seconds() * 1000)


# --- Words ------------------------------------------------------------------------------------
def _words(run: MigrationRun, scripts: Sequence[Script]) -> str:
    said = _SAID.get(RunState(run.state))
    return said(run, scripts) if said is not None else ""


def _cancelled(run: MigrationRun) -> str:
    return f"Cancelled{f' by {run.cancel_requested_by}' if run.cancel_requested_by else ''}."


def _rests(run: MigrationRun) -> str:
    return f"Rests, as {run.pause_requested_by or 'somebody'} asked; its target waits with it."


def _succeeded(states: Sequence[str]) -> str:
    skipped = states.count(StepState.SKIPPED)
    rest = f"; {skipped} stood there already, so skipped" if skipped else ""
    many = "script" if len(states) == 1 else "scripts"
    return f"{len(states) - skipped} of {len(states)} {many} applied{rest}."


def _waiting_for(run: MigrationRun) -> str:
    held = holds.standing(run.target)
    if held:
        return f"{run.target} is held by {held[0].set_by}: {held[0].reason}"
    if Backup.objects.filter(target=run.target, state__in=["queued", "running"]).exists():
        return f"Waits for the backup of {run.target}, which is taken first."
    before = (
        MigrationRun.objects.filter(target=run.target)
        .filter(Q(state__in=HOLDING) | Q(state=RunState.QUEUED, pk__lt=run.pk))
        .order_by("pk")
        .first()
    )
    if before is not None:
        return f"Waits for run {before.pk} on the same target, one run at a time."
    silent = _worker_silent_for()
    if silent is None:
        return "Waits for a worker, and none has ever reported. Start one: manage.py worker."
    if silent > settings.WORKER_STALE_SECONDS:
        return f"Waits for a worker; the last one reported {took(silent * 1000)} ago."
    return "Waits for the worker to take it."


def _worker_silent_for() -> float | None:
    """Seconds since a worker's last sign of life, by the database's clock."""
    beats = Heartbeat.objects.filter(name__startswith=WORKER)
    newest = beats.aggregate(age=Now() - Max(F("at")))["age"]
    return newest.total_seconds() if newest is not None else None


def _under_way(run: MigrationRun, scripts: Sequence[Script]) -> str:
    if run.cancel_requested_at is not None:
        return f"{run.cancel_requested_by} asked to cancel; what is under way is rolled back."
    at_work = next((one for one in scripts if one.row.state == StepState.RUNNING), None)
    if at_work is None:
        return "The worker has it and is about to begin."
    place = at_work.row.position + 1
    return (
        f"Script {place} of {len(scripts)} is under way: {at_work.row.name},"
        f" {at_work.done} of {at_work.total} statements done."
    )


_SAID: dict[RunState, Callable[[MigrationRun, Sequence[Script]], str]] = {
    RunState.AWAITING_APPROVAL: lambda _run, _scripts: (
        "Waits for people to approve it; nothing was run."
    ),
    RunState.QUEUED: lambda run, _scripts: _waiting_for(run),
    RunState.RUNNING: _under_way,
    RunState.PAUSED: lambda run, _scripts: _rests(run),
    RunState.SUCCEEDED: lambda _run, scripts: _succeeded([one.row.state for one in scripts]),
    RunState.CANCELLED: lambda run, _scripts: _cancelled(run),
}
