"""The dials of releases, ready to be drawn: percentage, stage marks, and the state in words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Q

from flags.core.percent import format_percent
from flags.models import FlagState, Rollout
from releases.models import Release


@dataclass(frozen=True)
class Mark:
    """One planned stage on the track: `percent` for people and for the drawing."""

    percent: str
    label: str
    reached: bool
    is_now: bool


@dataclass(frozen=True)
class Dial:
    """A flag in one environment."""

    state: FlagState
    percent: str
    marks: tuple[Mark, ...]
    word: str
    tone: str

    @property
    def killed(self) -> bool:
        return self.state.killed_at is not None

    @property
    def next_mark(self) -> Mark | None:
        """The first planned stage that the dial has not reached; None where none is ahead."""
        return next((mark for mark in self.marks if not mark.reached), None)

    @property
    def can_be_killed(self) -> bool:
        return not self.killed


def of(releases: Iterable[Release]) -> dict[int, list[Dial]]:
    """Release id -> its dials, production last. Three queries, however many releases."""
    wanted = {release.pk for release in releases}
    states = (
        FlagState.objects.filter(Q(flag__release__in=wanted) | Q(flag__also_in__in=wanted))
        .filter(flag__archived_at=None)
        .distinct()
        .select_related("flag", "environment", "rollout")
        .prefetch_related("rollout__stages", "flag__also_in")
        .order_by("flag__key", "environment__position")
    )
    found: dict[int, list[Dial]] = {}
    for state in states:
        for release_id in wanted & _shown_by(state):
            found.setdefault(release_id, []).append(_dial(state))
    return found


def _shown_by(state: FlagState) -> set[int | None]:
    return {state.flag.release_id, *(release.pk for release in state.flag.also_in.all())}


def _dial(state: FlagState) -> Dial:
    rollout: Rollout | None = getattr(state, "rollout", None)
    word, tone = _in_words(state, rollout)
    return Dial(state, state.percent, _marks(state, rollout), word, tone)


def _in_words(state: FlagState, rollout: Rollout | None) -> tuple[str, str]:
    if state.killed_at is not None:
        return "Killed, needs re-arming", "bad"
    if not state.enabled:
        return "Switched off: nobody sees it", "warn"
    if rollout is not None:
        return f"Rollout {rollout.get_state_display().lower()}", rollout.tone
    return "No rollout planned", "quiet"


def _marks(state: FlagState, rollout: Rollout | None) -> tuple[Mark, ...]:
    stages = list(rollout.stages.all()) if rollout is not None else []
    return tuple(
        Mark(
            percent=format_percent(stage.percentage),
            label=stage.label,
            reached=stage.percentage <= state.dial,
            is_now=rollout is not None and rollout.stage_id == stage.pk,
        )
        for stage in stages
    )
