"""The list of releases as cards: state, progress, dials, next item. Queries do not grow with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery

from checklists.models import ChecklistItem
from checklists.states import SETTLED, ItemState
from releasecontrol.board import dials
from releasecontrol.board.dials import Dial
from releasecontrol.board.phases import ASIDE
from releases.models import Release
from releases.states import RELEASE

SHOWN = 50


@dataclass(frozen=True)
class Card:
    """One release in the list."""

    release: Release
    done: int
    total: int
    next_item: str
    dials: list[Dial]

    @property
    def is_over(self) -> bool:
        return self.release.state in RELEASE.final


def cards() -> list[Card]:
    """The newest releases, those under way before those that have ended. Three queries."""
    releases = list(_counted()[:SHOWN])
    found = dials.of(releases)
    made = [
        Card(row, row.done, row.total, row.next_text or "", found.get(row.pk, []))
        for row in releases
    ]
    return sorted(made, key=lambda card: card.is_over)


def _counted() -> QuerySet[Any]:
    there = Q(checklists__items__removed_at=None) & ~Q(checklists__gate=ASIDE)
    settled = there & Q(checklists__items__state__in=SETTLED)
    return Release.objects.select_related("driver").annotate(
        total=Count("checklists__items", filter=there),
        done=Count("checklists__items", filter=settled),
        next_text=Subquery(_next_items().values("text")[:1]),
    )


def _next_items() -> QuerySet[ChecklistItem]:
    return (
        ChecklistItem.objects.filter(checklist__release=OuterRef("pk"), removed_at=None)
        .exclude(checklist__gate=ASIDE)
        .exclude(state__in=[*SETTLED, ItemState.WAIVING, ItemState.BLOCKED])
        .order_by("checklist__position", "position")
    )
