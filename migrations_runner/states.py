"""States of a run, and which leads where."""

from __future__ import annotations

from django.db import models

from releases.states import StateMachine


class RunState(models.TextChoices):
    DRAFT = "draft", "Draft"
    AWAITING_APPROVAL = "awaiting_approval", "Awaiting approval"
    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    PAUSED = "paused", "Paused"
    SUCCEEDED = "succeeded", "Succeeded"
    FAILED = "failed", "Failed"
    LOST = "lost", "Lost: worker gone, being checked"
    CANCELLED = "cancelled", "Cancelled"


_R = RunState

RUN = StateMachine(
    "run",
    {
        _R.DRAFT: frozenset({_R.AWAITING_APPROVAL, _R.QUEUED, _R.CANCELLED}),
        _R.AWAITING_APPROVAL: frozenset({_R.QUEUED, _R.CANCELLED}),
        _R.QUEUED: frozenset({_R.RUNNING, _R.FAILED, _R.CANCELLED}),
        # running -> queued: the worker died and the target proved that nothing was committed
        _R.RUNNING: frozenset(
            {_R.PAUSED, _R.SUCCEEDED, _R.FAILED, _R.LOST, _R.QUEUED, _R.CANCELLED}
        ),
        _R.PAUSED: frozenset({_R.RUNNING, _R.CANCELLED}),
        _R.LOST: frozenset({_R.QUEUED, _R.SUCCEEDED, _R.FAILED}),
        _R.SUCCEEDED: frozenset(),
        _R.FAILED: frozenset(),
        _R.CANCELLED: frozenset(),
    },
)

RUN_TONES = {
    _R.DRAFT: "quiet",
    _R.AWAITING_APPROVAL: "warn",
    _R.QUEUED: "info",
    _R.RUNNING: "active",
    _R.PAUSED: "warn",
    _R.SUCCEEDED: "good",
    _R.FAILED: "bad",
    _R.LOST: "bad",
    _R.CANCELLED: "quiet",
}

#: A run in one of these may still change its target.
LIVE = frozenset({_R.QUEUED, _R.RUNNING, _R.PAUSED, _R.LOST})

#: A run in one of these holds its target: the next one waits.
HOLDING = frozenset({_R.RUNNING, _R.PAUSED, _R.LOST})


class StepState(models.TextChoices):
    """Where one script of a run, or one statement of a script, is."""

    PENDING = "pending", "Pending"
    RUNNING = "running", "Running"
    APPLIED = "applied", "Applied"
    SKIPPED = "skipped", "Skipped: already on the ledger"
    FAILED = "failed", "Failed"
    UNDONE = "undone", "Rolled back"
    NOT_RUN = "not_run", "Not run"


STEP_TONES = {
    StepState.PENDING: "quiet",
    StepState.RUNNING: "active",
    StepState.APPLIED: "good",
    StepState.SKIPPED: "info",
    StepState.FAILED: "bad",
    StepState.UNDONE: "warn",
    StepState.NOT_RUN: "quiet",
}
