"""Which state leads where: the machinery, and the release's own diagram.

``docs/states.md`` draws each diagram; a house test holds drawing and table together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.db import models

from releases.refusals import MoveNotAllowed


@dataclass(frozen=True)
class StateMachine:
    """The allowed moves of one kind of thing: state -> states it may go to."""

    name: str
    moves: Mapping[str, frozenset[str]]

    def require(self, before: str, after: str) -> None:
        """Raise MoveNotAllowed unless `before` leads to `after`."""
        if after not in self.moves[before]:
            possible = ", ".join(sorted(self.moves[before])) or "nowhere: it is final"
            raise MoveNotAllowed(f"A {self.name} that is {before} can go to: {possible}.")

    @property
    def final(self) -> frozenset[str]:
        return frozenset(state for state, after in self.moves.items() if not after)


class ReleaseState(models.TextChoices):
    DRAFT = "draft", "Draft"
    READY = "ready", "Ready"
    IN_PROGRESS = "in_progress", "In progress"
    ROLLING_OUT = "rolling_out", "Rolling out"
    COMPLETE = "complete", "Complete"
    CLOSED = "closed", "Closed"
    ROLLED_BACK = "rolled_back", "Rolled back"
    CANCELLED = "cancelled", "Cancelled"


_S = ReleaseState
_ENDINGS = {_S.ROLLED_BACK, _S.CANCELLED}

RELEASE = StateMachine(
    "release",
    {
        _S.DRAFT: frozenset({_S.READY, _S.CANCELLED}),
        _S.READY: frozenset({_S.DRAFT, _S.IN_PROGRESS, *_ENDINGS}),
        _S.IN_PROGRESS: frozenset({_S.ROLLING_OUT, *_ENDINGS}),
        _S.ROLLING_OUT: frozenset({_S.COMPLETE, *_ENDINGS}),
        _S.COMPLETE: frozenset({_S.CLOSED, _S.ROLLED_BACK}),
        _S.CLOSED: frozenset(),
        _S.ROLLED_BACK: frozenset(),
        _S.CANCELLED: frozenset(),
    },
)

#: How a state looks: one tone per meaning, used by every badge.
RELEASE_TONES = {
    _S.DRAFT: "quiet",
    _S.READY: "info",
    _S.IN_PROGRESS: "active",
    _S.ROLLING_OUT: "active",
    _S.COMPLETE: "good",
    _S.CLOSED: "quiet",
    _S.ROLLED_BACK: "bad",
    _S.CANCELLED: "quiet",
}
