"""Releases and their items over the API."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Field, Router, Schema

from checklists import lifecycle, ticking
from checklists.models import ChecklistItem
from releasecontrol.api.auth import caller
from releases.models import Release

router = Router(tags=["releases"])


class ReleaseOut(Schema):
    slug: str
    title: str
    state: str
    started_at: datetime | None
    finished_at: datetime | None


class ItemOut(Schema):
    id: int
    checklist: str = Field(alias="checklist.title")
    section: str
    number: int | None
    text: str
    required: bool
    state: str
    reason: str
    note: str
    source_line: int | None


class MoveIn(Schema):
    to: str
    reason: str = ""


class NoteIn(Schema):
    note: str = Field("", max_length=500)


class ReasonIn(Schema):
    reason: str = Field("", max_length=500)


@router.get("/releases", response=list[ReleaseOut])
def list_releases(request: HttpRequest) -> Any:
    caller(request).require("releases.view_release")
    return Release.objects.all()[:200]


@router.get("/releases/{slug}", response=ReleaseOut)
def one_release(request: HttpRequest, slug: str) -> Any:
    caller(request).require("releases.view_release")
    return get_object_or_404(Release, slug=slug)


@router.post("/releases/{slug}/move", response=ReleaseOut)
def move_release(request: HttpRequest, slug: str, body: MoveIn) -> Any:
    """Move a release to another state, past its gate."""
    release = get_object_or_404(Release, slug=slug)
    return lifecycle.move(release=release, to=body.to, actor=caller(request), reason=body.reason)


@router.get("/releases/{slug}/items", response=list[ItemOut])
def list_items(request: HttpRequest, slug: str) -> Any:
    caller(request).require("checklists.view_checklistitem")
    release = get_object_or_404(Release, slug=slug)
    return ChecklistItem.objects.filter(checklist__release=release, removed_at=None).select_related(
        "checklist"
    )


@router.post("/items/{item_id}/tick", response=ItemOut)
def tick(request: HttpRequest, item_id: int, body: NoteIn) -> Any:
    item = _item(item_id)
    ticking.tick(item=item, actor=caller(request), note=body.note)
    return _item(item_id)


@router.post("/items/{item_id}/untick", response=ItemOut)
def untick(request: HttpRequest, item_id: int, body: ReasonIn) -> Any:
    ticking.untick(item=_item(item_id), actor=caller(request), reason=body.reason)
    return _item(item_id)


@router.post("/items/{item_id}/ask-waiver", response=ItemOut)
def ask_waiver(request: HttpRequest, item_id: int, body: ReasonIn) -> Any:
    ticking.ask_waiver(item=_item(item_id), actor=caller(request), reason=body.reason)
    return _item(item_id)


@router.post("/items/{item_id}/confirm-waiver", response=ItemOut)
def confirm_waiver(request: HttpRequest, item_id: int) -> Any:
    ticking.confirm_waiver(item=_item(item_id), actor=caller(request))
    return _item(item_id)


@router.post("/items/{item_id}/begin", response=ItemOut)
def begin(request: HttpRequest, item_id: int) -> Any:
    ticking.begin(item=_item(item_id), actor=caller(request))
    return _item(item_id)


@router.post("/items/{item_id}/block", response=ItemOut)
def block(request: HttpRequest, item_id: int, body: ReasonIn) -> Any:
    ticking.block(item=_item(item_id), actor=caller(request), reason=body.reason)
    return _item(item_id)


def _item(item_id: int) -> ChecklistItem:
    return get_object_or_404(
        ChecklistItem.objects.select_related("checklist"), pk=item_id, removed_at=None
    )
