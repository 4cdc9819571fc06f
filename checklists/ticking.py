"""What people say about items: tick, untick, waive, begin, block, annotate.

Each verb takes the item's row first, so two people at once get one tick and one clear answer.
"""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models.functions import Now
from django.utils.timezone import localtime

from checklists.models import ChecklistItem, Tick, Waiver
from checklists.states import SETTLED, GateName, ItemState
from releases import evidence, timeline
from releases.models import Release, Verdict
from releases.refusals import Refused
from releases.states import RELEASE, ReleaseState
from releases.timeline import Actor


class AlreadyTicked(Refused):
    """This item is ticked already; your tick was not needed."""


class NotTicked(Refused):
    """This item is not ticked, so there is nothing to take back."""


class AlreadySettled(Refused):
    """This item is settled already; untick it first if it has to be done again."""


class EarlierStepOpen(Refused):
    """The plan numbers these steps: an earlier one is still open, so this one was not ticked."""


class EvidenceSpeaksAgainst(Refused):
    """A machine saw the opposite, so the item was not ticked; waive it with a reason instead."""


class ReasonMissing(Refused):
    """Please say why; nothing was changed."""


class SecondPersonNeeded(Refused):
    """Whoever asked for a waiver can't confirm it; a second person has to."""


class NoWaiverAsked(Refused):
    """Nobody asked to waive this item; there is nothing to confirm."""


class ReleaseIsOver(Refused):
    """This release has ended; its checklist stays as it was."""


@transaction.atomic
def tick(*, item: ChecklistItem, actor: Actor, note: str = "") -> Tick:
    """Settle an item by a person's word.

    Raises AlreadyTicked (somebody was first), EarlierStepOpen (numbered steps keep their order),
    EvidenceSpeaksAgainst, ReleaseIsOver, NotPermitted.
    """
    actor.require("checklists.tick_item")
    item = _take(item)
    if item.state == ItemState.DONE:
        raise AlreadyTicked(_who_was_first(item))
    if item.state == ItemState.WAIVED:
        raise AlreadySettled("It was waived.")
    _require_earlier_steps(item)
    _require_no_contradiction(item)
    made = Tick(item=item, by=actor.user, by_name=actor.name, at=Now(), note=note)
    made.full_clean(exclude=["at"], validate_constraints=False)
    made.save(force_insert=True)
    _withdraw_waivers(item)
    _settle(item, ItemState.DONE)
    _note(actor, "item.tick", item, note=note)
    return made


@transaction.atomic
def untick(*, item: ChecklistItem, actor: Actor, reason: str = "") -> None:
    """Take a tick or a waiver back; both stay on record. Raises NotTicked."""
    actor.require("checklists.tick_item")
    item = _take(item)
    if item.state not in SETTLED:
        raise NotTicked
    was = item.state
    item.ticks.filter(undone_at=None).update(
        undone_at=Now(), undone_by_name=actor.name, undone_reason=reason
    )
    _withdraw_waivers(item)
    _save(item, state=ItemState.OPEN, ended_at=None)
    _note(actor, "item.untick", item, before=was, reason=reason)


@transaction.atomic
def ask_waiver(*, item: ChecklistItem, actor: Actor, reason: str) -> Waiver:
    """Ask to skip an item. A required one waits for a second person; an optional one is waived."""
    actor.require("checklists.waive_item")
    _require_reason(reason)
    item = _take(item)
    if item.is_settled or item.state == ItemState.WAIVING:
        raise AlreadySettled(f"It is {item.get_state_display().lower()}.")
    asked = Waiver(
        item=item, reason=reason, asked_by=actor.user, asked_by_name=actor.name, asked_at=Now()
    )
    asked.full_clean(exclude=["asked_at", "confirmed_at"], validate_constraints=False)
    asked.save(force_insert=True)
    if item.required:
        _save(item, state=ItemState.WAIVING)
    else:
        _settle(item, ItemState.WAIVED)
    _note(actor, "item.ask_waiver", item, reason=reason)
    return asked


@transaction.atomic
def confirm_waiver(*, item: ChecklistItem, actor: Actor) -> None:
    """The second person's word. Raises NoWaiverAsked, SecondPersonNeeded."""
    actor.require("checklists.waive_item")
    item = _take(item)
    asked = item.waivers.filter(withdrawn_at=None, confirmed_at=None).first()
    if item.state != ItemState.WAIVING or asked is None:
        raise NoWaiverAsked
    if actor.user is not None and asked.asked_by_id == actor.user.pk:
        raise SecondPersonNeeded(f"{asked.asked_by_name} asked.")
    Waiver.objects.filter(pk=asked.pk).update(confirmed_at=Now(), confirmed_by_name=actor.name)
    _settle(item, ItemState.WAIVED)
    _note(actor, "item.confirm_waiver", item, asked_by=asked.asked_by_name, reason=asked.reason)


@transaction.atomic
def refuse_waiver(*, item: ChecklistItem, actor: Actor, reason: str = "") -> None:
    """Put an item whose waiver was asked back to open; whoever asked may withdraw it too."""
    actor.require("checklists.waive_item")
    item = _take(item)
    if item.state != ItemState.WAIVING:
        raise NoWaiverAsked
    _withdraw_waivers(item)
    _save(item, state=ItemState.OPEN)
    _note(actor, "item.refuse_waiver", item, reason=reason)


@transaction.atomic
def begin(*, item: ChecklistItem, actor: Actor) -> None:
    """Say that the work on an item has begun; the first time is its actual start.

    Raises EarlierStepOpen, AlreadySettled, NotPermitted.
    """
    actor.require("checklists.tick_item")
    item = _take(item)
    _require_unsettled(item)
    _require_earlier_steps(item)
    _withdraw_waivers(item)
    _save(item, state=ItemState.IN_PROGRESS, reason="", started_at=item.started_at or Now())
    _note(actor, "item.begin", item)


@transaction.atomic
def block(*, item: ChecklistItem, actor: Actor, reason: str) -> None:
    """Say that an item can't go on, and why."""
    actor.require("checklists.tick_item")
    _require_reason(reason)
    item = _take(item)
    _require_unsettled(item)
    _withdraw_waivers(item)
    _save(item, state=ItemState.BLOCKED, reason=reason)
    _note(actor, "item.block", item, reason=reason)


@transaction.atomic
def annotate(
    *, item: ChecklistItem, actor: Actor, note: str, evidence_url: str, owner: Any = None
) -> None:
    """Set note, evidence link and owner. Raises ValidationError for a link that is none."""
    actor.require("checklists.tick_item")
    item = _take(item)
    _save(item, note=note, evidence_url=evidence_url, owner=owner)
    _note(
        actor, "item.annotate", item, note=note, evidence_url=evidence_url, owner=str(owner or "")
    )


def next_open(release: Release) -> ChecklistItem | None:
    """The first item of the release that is not settled, in the plan's order.

    Items for after a rollback come into play when there was one.
    """
    items = ChecklistItem.objects.filter(checklist__release=release, removed_at=None)
    if release.state != ReleaseState.ROLLED_BACK:
        items = items.exclude(checklist__gate=GateName.AFTER_ROLLBACK)
    return (
        items.exclude(state__in=SETTLED)
        .select_related("checklist")
        .order_by("checklist__position", "position")
        .first()
    )


def _take(item: ChecklistItem) -> ChecklistItem:
    taken = (
        ChecklistItem.objects.select_for_update(of=("self",), no_key=True)
        .select_related("checklist__release")
        .get(pk=item.pk)
    )
    release = taken.checklist.release
    if release.state in RELEASE.final and not _is_after_rollback(taken, release):
        raise ReleaseIsOver(f"{release} is {release.get_state_display().lower()}.")
    return taken


def _is_after_rollback(item: ChecklistItem, release: Release) -> bool:
    """These items begin to matter when the release has been taken back."""
    return (
        release.state == ReleaseState.ROLLED_BACK and item.checklist.gate == GateName.AFTER_ROLLBACK
    )


def _who_was_first(item: ChecklistItem) -> str:
    standing = item.ticks.filter(undone_at=None).first()
    if standing is None:
        return ""
    return f"{standing.by_name} ticked it at {localtime(standing.at):%H:%M}."


def _require_earlier_steps(item: ChecklistItem) -> None:
    if item.number is None:
        return
    earlier = (
        ChecklistItem.objects.filter(
            checklist=item.checklist,
            section=item.section,
            number__isnull=False,
            position__lt=item.position,
            removed_at=None,
        )
        .exclude(state__in=SETTLED)
        .first()
    )
    if earlier is not None:
        raise EarlierStepOpen(f"Step {earlier.number}, “{earlier.text}”, comes first.")


def _require_no_contradiction(item: ChecklistItem) -> None:
    seen = evidence.latest(item)
    if seen is not None and seen.verdict == Verdict.FAIL:
        raise EvidenceSpeaksAgainst(seen.summary)


def _require_unsettled(item: ChecklistItem) -> None:
    if item.is_settled:
        raise AlreadySettled


def _require_reason(reason: str) -> None:
    if not reason.strip():
        raise ReasonMissing


def _withdraw_waivers(item: ChecklistItem) -> None:
    item.waivers.filter(withdrawn_at=None).update(withdrawn_at=Now())


def _settle(item: ChecklistItem, state: ItemState) -> None:
    _save(item, state=state, reason="", started_at=item.started_at or Now(), ended_at=Now())


def _save(item: ChecklistItem, **changes: Any) -> None:
    for name, value in changes.items():
        setattr(item, name, value)
    computed = [name for name, value in changes.items() if isinstance(value, Now)]
    item.full_clean(exclude=computed, validate_constraints=False)
    item.save(update_fields=list(changes))


def _note(actor: Actor, verb: str, item: ChecklistItem, **data: str) -> None:
    timeline.record(
        actor=actor,
        verb=verb,
        subject=item,
        release=item.checklist.release,
        data={key: value for key, value in data.items() if value},
    )
