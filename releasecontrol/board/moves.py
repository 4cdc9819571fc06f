"""The moves that a release could make now, as buttons; a closed gate with what it waits for."""

from __future__ import annotations

from dataclasses import dataclass

from checklists import gates, lifecycle
from checklists.gates import Unmet
from checklists.models import Gate
from checklists.states import GateName
from releases.models import Release
from releases.states import ReleaseState

#: Moves that end or undo something: asked for on a page of their own, with a reason.
ENDINGS = frozenset({ReleaseState.ROLLED_BACK, ReleaseState.CANCELLED})


@dataclass(frozen=True)
class Move:
    """A state to go to. `waits_for` is empty where the gate is open, or where there is none."""

    to: str
    label: str
    gate: GateName | None
    waits_for: tuple[Unmet, ...]

    @property
    def is_ending(self) -> bool:
        return self.to in ENDINGS

    @property
    def is_back(self) -> bool:
        return self.to == ReleaseState.DRAFT

    @property
    def is_open(self) -> bool:
        return not self.waits_for


def of(release: Release) -> list[Move]:
    """What `checklists.lifecycle` allows from here, forward moves first."""
    moves = [_move(release, to, label) for to, label in lifecycle.possible_moves(release)]
    return sorted(moves, key=lambda move: (move.is_ending, move.is_back))


def forward(moves: list[Move]) -> Move | None:
    """The move that brings the release on; None at its end."""
    return next((move for move in moves if not move.is_ending and not move.is_back), None)


def _move(release: Release, to: str, label: str) -> Move:
    gate = lifecycle.GATE_BEFORE.get(ReleaseState(to))
    waits_for = tuple(gates.unmet(release, gate)) if gate else ()
    return Move(to, label, gate, waits_for)


@dataclass(frozen=True)
class OpenSignoff:
    """A gate that waits for the yes of a role which the person at the screen has."""

    gate: Gate
    role: str


def signoffs_for(release: Release, roles: frozenset[str]) -> list[OpenSignoff]:
    """What somebody with these roles could sign off now. Two queries."""
    waiting: list[OpenSignoff] = []
    for gate in Gate.objects.filter(release=release).prefetch_related("conditions", "signoffs"):
        given = {signoff.role for signoff in gate.signoffs.all() if signoff.go}
        asked = [row.role for row in gate.conditions.all() if row.role]
        waiting += [OpenSignoff(gate, role) for role in asked if role in roles - given]
    return waiting
