"""The tick board's rows: each item with its standing tick, waiver, evidence and earlier step."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from django.db.models import Prefetch, QuerySet

from checklists.models import ChecklistItem, Tick, Waiver
from checklists.states import ItemState
from releasecontrol.board import phases
from releasecontrol.board.phases import Phase
from releases.models import Event, Evidence, Release
from releases.timeline import subject_of

_KIND = "checklistitem:"  # as releases.timeline.subject_of writes it


@dataclass(frozen=True)
class Row:
    """One line of the tick board."""

    item: ChecklistItem
    tick: Tick | None
    waiver: Waiver | None
    evidence: Evidence | None
    after: ChecklistItem | None

    @property
    def can_be_ticked(self) -> bool:
        return not self.item.is_settled and self.after is None

    @property
    def is_waiving(self) -> bool:
        return self.item.state == ItemState.WAIVING


@dataclass(frozen=True)
class Section:
    """Rows under one heading of a phase."""

    title: str
    rows: list[Row]


@dataclass(frozen=True)
class PhaseRows:
    """A phase with its numbers and its sections."""

    phase: Phase
    sections: list[Section]


def of(release: Release) -> list[PhaseRows]:
    """The whole tick board in the plan's order. Five queries, whatever its length."""
    made = rows(_items(release))
    return [
        PhaseRows(phase, _sections([row for row in made if row.item.checklist_id == phase.pk]))
        for phase in phases.of(release)
    ]


def rows(items: Iterable[ChecklistItem]) -> list[Row]:
    """Rows of items that come in the plan's order, phase by whole phase."""
    items = list(items)
    seen = _latest_evidence(items)
    earlier: dict[tuple[int, str], ChecklistItem] = {}
    made = []
    for item in items:
        place = (item.checklist_id, item.section)
        after = earlier.get(place) if item.number is not None else None
        if item.number is not None and not item.is_settled:
            earlier.setdefault(place, item)
        made.append(_row(item, seen.get(subject_of(item)), after))
    return made


def touched_since(release: Release, event_id: int) -> list[Row]:
    """The rows that anybody changed after that event, and those whose turn it became by it.

    Events of one release are numbered in the order of their commits (the chain's lock sees to it),
    so nothing slips through between two questions.
    """
    subjects = Event.objects.filter(release=release, id__gt=event_id, subject__startswith=_KIND)
    touched = {
        int(subject.rpartition(":")[2]) for subject in subjects.values_list("subject", flat=True)
    }
    if not touched:
        return []
    lists = ChecklistItem.objects.filter(pk__in=touched).values("checklist_id")
    made = rows(_items(release).filter(checklist_id__in=lists))
    near = {(row.item.checklist_id, row.item.section) for row in made if row.item.pk in touched}
    return [row for row in made if row.item.pk in touched or _is_step_in(row.item, near)]


def one(item: ChecklistItem) -> Row:
    """The row of a single item, as its whole phase makes it."""
    whole = _items(item.checklist.release).filter(checklist_id=item.checklist_id)
    return next(row for row in rows(whole) if row.item.pk == item.pk)


def last_event_id(release: Release) -> int:
    """Where the timeline stands; 0 before its first event."""
    last = Event.objects.filter(release=release).order_by("-id").values_list("id", flat=True)
    return last.first() or 0


def _is_step_in(item: ChecklistItem, places: set[tuple[int, str]]) -> bool:
    return item.number is not None and (item.checklist_id, item.section) in places


def _items(release: Release) -> QuerySet[ChecklistItem]:
    standing = Tick.objects.filter(undone_at=None)
    asked = Waiver.objects.filter(withdrawn_at=None)
    return (
        ChecklistItem.objects.filter(checklist__release=release, removed_at=None)
        .select_related("owner", "checklist")
        .prefetch_related(
            Prefetch("ticks", queryset=standing, to_attr="standing_ticks"),
            Prefetch("waivers", queryset=asked, to_attr="standing_waivers"),
        )
        .order_by("checklist__position", "checklist_id", "position", "id")
    )


def _row(item: ChecklistItem, evidence: Evidence | None, after: ChecklistItem | None) -> Row:
    ticks: list[Tick] = item.standing_ticks  # type: ignore[attr-defined]
    waivers: list[Waiver] = item.standing_waivers  # type: ignore[attr-defined]
    return Row(item, next(iter(ticks), None), next(iter(waivers), None), evidence, after)


def _latest_evidence(items: Iterable[ChecklistItem]) -> dict[str, Evidence]:
    subjects = [subject_of(item) for item in items]
    newest = Evidence.objects.filter(subject__in=subjects).order_by("subject", "-id")
    return {evidence.subject: evidence for evidence in newest.distinct("subject")}


def _sections(made: list[Row]) -> list[Section]:
    return [
        Section(title, list(group))
        for title, group in groupby(made, key=lambda row: row.item.section)
    ]
