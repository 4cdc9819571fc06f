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
        # paused -> lost: its worker is gone, which may be told only when somebody resumes it
        _R.PAUSED: frozenset({_R.RUNNING, _R.LOST, _R.CANCELLED}),
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

#: A worker has the claim of a run in one of these.
AT_WORK = frozenset({_R.RUNNING, _R.PAUSED})

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


class RehearsalState(models.TextChoices):
    QUEUED = "queued", "Queued"
    RUNNING = "running", "Rehearsing"
    PASSED = "passed", "Passed"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


_H = RehearsalState

REHEARSAL = StateMachine(
    "rehearsal",
    {
        _H.QUEUED: frozenset({_H.RUNNING, _H.CANCELLED}),
        # running -> queued: the worker is gone; the clone is thrown away and made anew
        _H.RUNNING: frozenset({_H.PASSED, _H.FAILED, _H.QUEUED, _H.CANCELLED}),
        _H.PASSED: frozenset(),
        _H.FAILED: frozenset(),
        _H.CANCELLED: frozenset(),
    },
)

REHEARSAL_TONES = {
    _H.QUEUED: "info",
    _H.RUNNING: "active",
    _H.PASSED: "good",
    _H.FAILED: "bad",
    _H.CANCELLED: "quiet",
}


class BackupState(models.TextChoices):
    QUEUED = "queued", "Queued"
    RUNNING = "running", "Being taken"
    VERIFIED = "verified", "Taken and verified"
    ATTESTED = "attested", "Attested by a person"
    FAILED = "failed", "Failed"
    REMOVED = "removed", "Removed: its time was over"


_B = BackupState

BACKUP = StateMachine(
    "backup",
    {
        _B.QUEUED: frozenset({_B.RUNNING, _B.FAILED}),
        # running -> queued: the worker is gone; the half-written file is thrown away
        _B.RUNNING: frozenset({_B.VERIFIED, _B.FAILED, _B.QUEUED}),
        _B.VERIFIED: frozenset({_B.REMOVED}),
        _B.ATTESTED: frozenset(),
        _B.FAILED: frozenset(),
        _B.REMOVED: frozenset(),
    },
)

BACKUP_TONES = {
    _B.QUEUED: "info",
    _B.RUNNING: "active",
    _B.VERIFIED: "good",
    _B.ATTESTED: "good",
    _B.FAILED: "bad",
    _B.REMOVED: "quiet",
}
