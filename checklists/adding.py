"""Adding an item that the plan forgot, and correcting the words of one."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from django.db import transaction
from django.db.models import F, Max

from checklists.models import Checklist, ChecklistItem
from checklists.ticking import ReleaseIsOver
from releases import timeline
from releases.models import Release
from releases.states import RELEASE
from releases.timeline import Actor

#: What a person may correct; the state moves by verbs only. Whether an item is required, and where
#: it stands, decide about gates and order, so those are not corrections: waive it instead.
EDITABLE = frozenset({"text", "owner", "note", "evidence_url"})


@transaction.atomic
def add_item(
    *, checklist: Checklist, actor: Actor, text: str, section: str = "", required: bool = True
) -> ChecklistItem:
    """Put an item at the end of its section.

    Raises ReleaseIsOver, NotPermitted, ValidationError for an empty or overlong text.
    """
    actor.require("checklists.add_checklistitem")
    checklist = Checklist.objects.select_for_update(of=("self",), no_key=True).get(pk=checklist.pk)
    _require_open(checklist.release)
    item = ChecklistItem(
        checklist=checklist,
        key=f"added-{uuid4()}",
        text=text.strip(),
        section=section,
        required=required,
        position=_make_room(checklist, section),
    )
    item.full_clean()
    item.save(force_insert=True)
    timeline.record(
        actor=actor,
        verb="item.add",
        subject=item,
        release=checklist.release,
        data={"phase": checklist.title, "required": required},
    )
    return item


@transaction.atomic
def edit_item(*, item: ChecklistItem, actor: Actor, changes: dict[str, Any]) -> None:
    """Correct what `EDITABLE` names. Raises ReleaseIsOver, NotPermitted, ValidationError."""
    actor.require("checklists.change_checklistitem")
    taken = ChecklistItem.objects.select_for_update(of=("self",), no_key=True).get(pk=item.pk)
    _require_open(taken.checklist.release)
    changed = {name: value for name, value in changes.items() if name in EDITABLE}
    if not changed:
        return
    for name, value in changed.items():
        setattr(taken, name, value)
    taken.full_clean()
    taken.save(update_fields=list(changed))
    timeline.record(
        actor=actor,
        verb="item.edit",
        subject=taken,
        release=taken.checklist.release,
        data={"changed": sorted(changed)},
    )


def _require_open(release: Release) -> None:
    if release.state in RELEASE.final:
        raise ReleaseIsOver(f"{release} is {release.get_state_display().lower()}.")


def _make_room(checklist: Checklist, section: str) -> int:
    """The position behind the section's last item; whatever stands there moves on by one."""
    items = ChecklistItem.objects.filter(checklist=checklist)
    in_section = items.filter(section=section, removed_at=None)
    last = in_section.aggregate(last=Max("position"))["last"]
    if last is None:
        last = items.aggregate(last=Max("position"))["last"]
    place = 0 if last is None else last + 1
    items.filter(position__gte=place).update(position=F("position") + 1)
    return place
