"""How far a run is in what it does in many small transactions. Two queries, however many."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from django.db.models import Count, Q

from migrations_runner.models import BackfillProgress, FanOutKey, MigrationRun
from migrations_runner.states import StepState
from releasecontrol.runs.words import took

_FAILED_KEYS_SHOWN = 20


@dataclass(frozen=True)
class Batches:
    """How far a backfill is, in numbers and words."""

    progress: BackfillProgress
    share: int | None
    left: str


@dataclass(frozen=True)
class Keys:
    """How far a fan-out is, and the keys that failed."""

    total: int
    done: int
    failed: int
    failures: list[FanOutKey]


def backfills_of(run: MigrationRun) -> dict[int, Batches]:
    rows = BackfillProgress.objects.filter(run_script__run=run)
    return {row.run_script_id: _batches(row) for row in rows}


def _batches(row: BackfillProgress) -> Batches:
    if not row.estimate:
        return Batches(row, None, "")
    left = max(row.estimate - row.done, 0)
    words = took(left / row.rows_per_second * 1000) if row.rows_per_second else ""
    return Batches(row, min(100 * row.done // row.estimate, 100), words if left else "")


def fan_outs_of(run: MigrationRun) -> dict[int, Keys]:
    keys = FanOutKey.objects.filter(run_script__run=run)
    counted = keys.values("run_script_id").annotate(
        total=Count("pk"),
        done=Count("pk", filter=Q(state__in=[StepState.APPLIED, StepState.SKIPPED])),
        failed=Count("pk", filter=Q(state=StepState.FAILED)),
    )
    failures: dict[int, list[FanOutKey]] = defaultdict(list)
    for key in keys.filter(state=StepState.FAILED)[:_FAILED_KEYS_SHOWN]:
        failures[key.run_script_id].append(key)
    return {
        row["run_script_id"]: Keys(
            row["total"], row["done"], row["failed"], failures[row["run_script_id"]]
        )
        for row in counted
    }
