"""Moving a release from state to state, past its gates. Ending and going back ask no gate."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from checklists import gates
from checklists.states import GateName
from checklists.ticking import ReasonMissing
from releases import timeline
from releases.models import Release
from releases.states import RELEASE, ReleaseState
from releases.timeline import Actor

_S = ReleaseState

#: The gate before each state; a state that is missing here asks nobody.
GATE_BEFORE = {
    _S.IN_PROGRESS: GateName.START,
    _S.ROLLING_OUT: GateName.ROLL_OUT,
    _S.COMPLETE: GateName.COMPLETE,
}
_NEEDS_REASON = {_S.ROLLED_BACK, _S.CANCELLED}

#: What each move is called on a button.
MOVE_LABELS = {
    _S.DRAFT: "Back to draft",
    _S.READY: "Mark ready",
    _S.IN_PROGRESS: "Start",
    _S.ROLLING_OUT: "Begin the rollout",
    _S.COMPLETE: "Complete",
    _S.CLOSED: "Close",
    _S.ROLLED_BACK: "Record as rolled back",
    _S.CANCELLED: "Cancel the release",
}


@transaction.atomic
def move(*, release: Release, to: str, actor: Actor, reason: str = "") -> Release:
    """Move a release to the state `to`.

    Raises MoveNotAllowed, GateClosed (with what is open), ReasonMissing, NotPermitted.
    """
    actor.require("releases.move_release")
    release = Release.objects.select_for_update(of=("self",), no_key=True).get(pk=release.pk)
    RELEASE.require(release.state, to)
    after = ReleaseState(to)
    if after in _NEEDS_REASON and not reason.strip():
        raise ReasonMissing
    if after in GATE_BEFORE:
        gates.require(release, GATE_BEFORE[after])
    before = release.state
    changes = _changes(release, after, actor)
    for name, value in changes.items():
        setattr(release, name, value)
    release.full_clean(exclude=["started_at", "finished_at"])
    release.save(update_fields=list(changes))
    timeline.record(
        actor=actor,
        verb="release.move",
        subject=release,
        release=release,
        data={"before": before, "after": to, "reason": reason},
    )
    release.refresh_from_db()
    return release


def possible_moves(release: Release) -> list[tuple[str, str]]:
    """(state, button label) of each move that the present state allows."""
    order = list(ReleaseState)
    after = sorted(RELEASE.moves[release.state], key=lambda s: order.index(ReleaseState(s)))
    return [(state, MOVE_LABELS[ReleaseState(state)]) for state in after]


def _changes(release: Release, after: ReleaseState, actor: Actor) -> dict[str, Any]:
    changes: dict[str, Any] = {"state": after}
    if after == _S.IN_PROGRESS:
        changes["started_at"] = Now()
        changes["driver"] = release.driver or actor.user
    if after in RELEASE.final or after == _S.COMPLETE:
        changes["finished_at"] = Now()
    return changes
