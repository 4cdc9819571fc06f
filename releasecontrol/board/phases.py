"""Progress of a release, phase by phase, in one query; and what it waits for next."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count, Q

from checklists.models import Checklist, ChecklistItem
from checklists.states import SETTLED, GateName, ItemState
from releases.models import Release

#: Items of these phases wait for something that normally never happens.
ASIDE = GateName.AFTER_ROLLBACK


@dataclass(frozen=True)
class Phase:
    """One checklist with its numbers; `aside` where it matters only after a rollback."""

    checklist: Checklist
    total: int
    done: int
    blocked: int
    waiving: int

    @property
    def pk(self) -> int:
        return self.checklist.pk

    @property
    def aside(self) -> bool:
        return self.checklist.gate == ASIDE

    @property
    def is_done(self) -> bool:
        return self.done == self.total


def of(release: Release) -> list[Phase]:
    """The release's phases in the plan's order. One query."""
    there = Q(items__removed_at=None)
    counted = Checklist.objects.filter(release=release).annotate(
        total=Count("items", filter=there),
        done=Count("items", filter=there & Q(items__state__in=SETTLED)),
        blocked=Count("items", filter=there & Q(items__state=ItemState.BLOCKED)),
        waiving=Count("items", filter=there & Q(items__state=ItemState.WAIVING)),
    )
    return [Phase(row, row.total, row.done, row.blocked, row.waiving) for row in counted]


def overall(phases: list[Phase]) -> tuple[int, int]:
    """(settled, all) items of the phases on the way; those for after a rollback aside."""
    on_the_way = [phase for phase in phases if not phase.aside]
    return sum(phase.done for phase in on_the_way), sum(phase.total for phase in on_the_way)


def next_item(release: Release) -> ChecklistItem | None:
    """The first item that is neither settled nor waiting for another person, in order."""
    return (
        ChecklistItem.objects.filter(checklist__release=release, removed_at=None)
        .exclude(checklist__gate=ASIDE)
        .exclude(state__in=[*SETTLED, ItemState.WAIVING, ItemState.BLOCKED])
        .select_related("checklist")
        .order_by("checklist__position", "position")
        .first()
    )
