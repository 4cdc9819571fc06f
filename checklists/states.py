"""States of an item, and which gate a checklist stands before."""

from __future__ import annotations

from django.db import models


class ItemState(models.TextChoices):
    """Where one item is. Done is derived from a person's tick, waived from two people's word."""

    OPEN = "open", "Open"
    IN_PROGRESS = "in_progress", "In progress"
    BLOCKED = "blocked", "Blocked"
    WAIVING = "waiving", "Waiver asked"
    DONE = "done", "Done"
    WAIVED = "waived", "Waived"


#: Nothing is left to do on these.
SETTLED = frozenset({ItemState.DONE, ItemState.WAIVED})

ITEM_TONES = {
    ItemState.OPEN: "quiet",
    ItemState.IN_PROGRESS: "active",
    ItemState.BLOCKED: "bad",
    ItemState.WAIVING: "warn",
    ItemState.DONE: "good",
    ItemState.WAIVED: "info",
}


class GateName(models.TextChoices):
    """The verb before which a checklist must be settled."""

    START = "start", "Before the start"
    ROLL_OUT = "roll_out", "Before the rollout"
    TURN_DIAL = "turn_dial", "Before the dial grows"
    COMPLETE = "complete", "Before completion"
    AFTER_ROLLBACK = "after_rollback", "Only after a rollback"
