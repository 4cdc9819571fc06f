"""States of a rollout and of a waiting change, and which leads where."""

from __future__ import annotations

from django.db import models

from releases.states import StateMachine


class RolloutState(models.TextChoices):
    PLANNED = "planned", "Planned"
    RUNNING = "running", "Running"
    PAUSED = "paused", "Paused"
    COMPLETE = "complete", "Complete"
    KILLED = "killed", "Killed, needs re-arming"


_R = RolloutState

ROLLOUT = StateMachine(
    "rollout",
    {
        _R.PLANNED: frozenset({_R.RUNNING, _R.KILLED}),
        _R.RUNNING: frozenset({_R.PAUSED, _R.COMPLETE, _R.KILLED}),
        _R.PAUSED: frozenset({_R.RUNNING, _R.KILLED}),
        _R.COMPLETE: frozenset({_R.KILLED}),
        _R.KILLED: frozenset({_R.PAUSED}),  # only by a person who re-arms it
    },
)

ROLLOUT_TONES = {
    _R.PLANNED: "quiet",
    _R.RUNNING: "active",
    _R.PAUSED: "warn",
    _R.COMPLETE: "good",
    _R.KILLED: "bad",
}


class ChangeState(models.TextChoices):
    WAITING = "waiting", "Waiting"
    APPLIED = "applied", "Applied"
    REFUSED = "refused", "Refused when it was to be applied"
    WITHDRAWN = "withdrawn", "Withdrawn"
    VOID = "void", "Void: the flag was changed meanwhile"


_C = ChangeState

CHANGE = StateMachine(
    "change",
    {
        _C.WAITING: frozenset({_C.APPLIED, _C.REFUSED, _C.WITHDRAWN, _C.VOID}),
        _C.APPLIED: frozenset(),
        _C.REFUSED: frozenset(),
        _C.WITHDRAWN: frozenset(),
        _C.VOID: frozenset(),
    },
)

CHANGE_TONES = {
    _C.WAITING: "active",
    _C.APPLIED: "good",
    _C.REFUSED: "bad",
    _C.WITHDRAWN: "quiet",
    _C.VOID: "warn",
}
