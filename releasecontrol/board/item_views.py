"""The tick board: every verb on an item, by htmx or by a plain form, with the same answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from checklists import adding, ticking
from checklists.models import Checklist, ChecklistItem
from releasecontrol.board import phases, ticklist
from releasecontrol.board.access import is_part, needs
from releases.models import Event, Release
from releases.refusals import NotPermitted, Refused
from releases.timeline import Actor, subject_of

Act = Callable[[ChecklistItem, Actor, QueryDict], object]


class NotStorable(Refused):
    """This could not be stored as it is; nothing was changed."""


def _annotate(item: ChecklistItem, actor: Actor, given: QueryDict) -> None:
    owner = given.get("owner", "")
    ticking.annotate(
        item=item,
        actor=actor,
        note=given.get("note", ""),
        evidence_url=given.get("evidence_url", "").strip(),
        owner=get_object_or_404(User, pk=owner) if owner.isdecimal() else None,
    )


#: What an address may ask for -> the verb of checklists.ticking behind it.
ACTS: dict[str, Act] = {
    "tick": lambda item, actor, given: ticking.tick(
        item=item, actor=actor, note=given.get("note", "")
    ),
    "untick": lambda item, actor, given: ticking.untick(
        item=item, actor=actor, reason=given.get("reason", "")
    ),
    "waive": lambda item, actor, given: ticking.ask_waiver(
        item=item, actor=actor, reason=given.get("reason", "")
    ),
    "confirm": lambda item, actor, _: ticking.confirm_waiver(item=item, actor=actor),
    "refuse": lambda item, actor, given: ticking.refuse_waiver(
        item=item, actor=actor, reason=given.get("reason", "")
    ),
    "begin": lambda item, actor, _: ticking.begin(item=item, actor=actor),
    "block": lambda item, actor, given: ticking.block(
        item=item, actor=actor, reason=given.get("reason", "")
    ),
    "annotate": _annotate,
}


@require_safe
@needs("checklists.view_checklistitem")
def tick_board(request: HttpRequest, slug: str) -> HttpResponse:
    """All items by phase and section."""
    release = _release(slug)
    since = ticklist.last_event_id(release)  # before the rows: at worst one is told twice
    context = {"phases": ticklist.of(release), "since": since} | _progress(release)
    return render(request, "board/tick_board.html", _page(release) | context)


@require_safe
@needs("checklists.view_checklistitem")
def changes(request: HttpRequest, slug: str) -> HttpResponse:
    """The rows that changed since the event that the page knows, and the progress."""
    release = _release(slug)
    return render(request, "board/tick_changes.html", _changes(request, release))


@require_safe
@needs("checklists.view_checklistitem")
def item(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """One item with every verb and its history; as a part of the tick board, or alone."""
    found = _item(slug, pk)
    release = found.checklist.release
    inline = is_part(request)
    context = _page(release) | {
        "inline": inline,
        "row": ticklist.one(found),
        "people": User.objects.filter(is_active=True).order_by("first_name", "username"),
        "events": Event.objects.filter(release=release, subject=subject_of(found))[:20],
    }
    template = "board/item_panel.html" if inline else "board/item.html"
    return render(request, template, context)


@require_POST
@needs("checklists.view_checklistitem")
def act(request: HttpRequest, slug: str, pk: int, verb: str) -> HttpResponse:
    """Do one verb on one item. The answer to htmx is the item's row, with any refusal in it."""
    if verb not in ACTS:
        raise Http404
    found = _item(slug, pk)
    refused = _attempt(lambda: ACTS[verb](found, Actor.person(request.user), request.POST))
    if is_part(request):
        return _row(request, found, refused)
    if refused is not None:
        messages.error(request, refused.message)
    return _to_item(slug, pk)


@require_POST
@needs("checklists.add_checklistitem")
def add(request: HttpRequest, slug: str) -> HttpResponse:
    """Put one more item into a phase."""
    checklist = get_object_or_404(
        Checklist.objects.select_related("release"),
        release__slug=slug,
        pk=_number(request.POST.get("checklist", "")),
    )
    made: list[ChecklistItem] = []
    refused = _attempt(
        lambda: made.append(
            adding.add_item(
                checklist=checklist,
                actor=Actor.person(request.user),
                text=request.POST.get("text", ""),
                section=request.POST.get("section", "")[:200],
                required=request.POST.get("required") == "on",
            )
        )
    )
    if refused is None:
        return _to_item(slug, made[0].pk)
    messages.error(request, refused.message)
    return redirect("tick-board", slug)


def _attempt(verb: Callable[[], Any]) -> Refused | None:
    """The refusal of a verb, a value that can't be stored among them; None if it was done."""
    try:
        verb()
    except Refused as refused:
        return refused
    except ValidationError as invalid:
        return NotStorable(" ".join(invalid.messages))
    return None


def _row(request: HttpRequest, found: ChecklistItem, refused: Refused | None) -> HttpResponse:
    release = found.checklist.release
    context = _changes(request, release) | {"row": ticklist.one(found), "refusal": refused}
    context["rows"] = [row for row in context["rows"] if row.item.pk != found.pk]
    return render(request, "board/tick_answer.html", context, status=_status(refused))


def _status(refused: Refused | None) -> int:
    if refused is None:
        return 200
    return 403 if isinstance(refused, NotPermitted) else 409


def _changes(request: HttpRequest, release: Release) -> dict[str, Any]:
    known = _number(request.GET.get("since") or request.POST.get("since") or "")
    since = ticklist.last_event_id(release)
    context = {"rows": ticklist.touched_since(release, known), "since": since}
    return _page(release) | context | _progress(release)


def _progress(release: Release) -> dict[str, Any]:
    parts = phases.of(release)
    done, total = phases.overall(parts)
    return {"done": done, "total": total, "parts": parts}


def _page(release: Release) -> dict[str, Any]:
    return {"release": release, "tab": "checklist"}


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else 0  # noqa: PLR2004  (bigint)


def _release(slug: str) -> Release:
    return get_object_or_404(Release, slug=slug)


def _item(slug: str, pk: int) -> ChecklistItem:
    items = ChecklistItem.objects.select_related("checklist__release")
    return get_object_or_404(items, pk=pk, checklist__release__slug=slug, removed_at=None)


def _to_item(slug: str, pk: int) -> HttpResponseRedirect:
    return HttpResponseRedirect(f"{reverse('tick-board', args=[slug])}#item-{pk}")
