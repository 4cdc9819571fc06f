"""Who gets what, over the API: flags as documents, overrides one by one, segments, the archive."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.db import transaction
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Field, Router, Schema
from pydantic import AwareDatetime

from flags.changing import editing, segments, targeting
from flags.changing.lookup import find_environment, find_flag, readable
from flags.core.specs import UnknownDocument, condition_from, flag_document, flag_from
from flags.models import Flag, Segment
from releasecontrol.api.auth import caller
from releases.models import Environment
from releases.refusals import Refused

router = Router(tags=["flags"])

_PAGE = 100


class FlagExists(Refused):
    """There is a flag of this key already; nothing was changed."""


class FlagOut(Schema):
    key: str
    name: str
    kind: str
    use: str
    purpose: str
    tags: list[str]
    bucket_by: str
    owner: str | None
    expected_until: date | None
    archived: bool
    percent: dict[str, str] = Field(description="Where the dial stands, by environment")


class FlagPage(Schema):
    flags: list[FlagOut]
    next: str | None = Field(description="Ask with `after` of this for more")


class VariantIn(Schema):
    name: str
    value: Any
    weight: int = 0
    is_off: bool = False


class FlagIn(Schema):
    key: str = Field(min_length=1, max_length=100)
    name: str = Field(min_length=1, max_length=200)
    kind: Flag.Kind = Flag.Kind.BOOLEAN
    use: Flag.Use = Flag.Use.RELEASE
    purpose: str = Field("", max_length=5000)
    tags: list[str] = Field(default_factory=list, max_length=20)
    bucket_by: str = "targetingKey"
    variants: list[VariantIn] = Field(
        default_factory=list, description="Of a boolean flag: none, it gets on and off"
    )


class DocumentOut(Schema):
    document: dict[str, Any]
    known: str = Field(description="Give it back when changing, so that nobody is overwritten")


class DocumentIn(Schema):
    document: dict[str, Any]
    known: str = ""
    reason: str = Field("", max_length=2000)


class OverrideIn(Schema):
    key: str = Field(min_length=1, max_length=512)
    variant: str
    until: AwareDatetime | None = None
    reason: str = Field("", max_length=2000)


class ReasonIn(Schema):
    reason: str = Field("", max_length=2000)
    confirmed: bool = False


class ChangedOut(Schema):
    differences: list[str]
    known: str


class SegmentOut(Schema):
    key: str
    name: str
    purpose: str
    conditions: list[dict[str, Any]]
    archived: bool


class SegmentIn(Schema):
    name: str = Field(min_length=1, max_length=200)
    purpose: str = Field("", max_length=5000)
    conditions: list[dict[str, Any]] = Field(default_factory=list)
    reason: str = Field("", max_length=2000)


# --- Flags --------------------------------------------------------------------------------------
@router.get("/flags", response=FlagPage)
def flags(request: HttpRequest, after: str = "", tag: str = "", *, archived: bool = False) -> Any:
    """Flags by key, a hundred at a time; three queries, however many there are."""
    caller(request).require("flags.view_flag")
    rows = Flag.objects.filter(archived_at__isnull=not archived, key__gt=readable(after))
    if tag:
        rows = rows.filter(tags__contains=[readable(tag)])
    found = list(rows.select_related("owner").prefetch_related("states__environment")[: _PAGE + 1])
    page = found[:_PAGE]
    return FlagPage(
        flags=[_flag(one) for one in page],
        next=page[-1].key if len(found) > _PAGE else None,
    )


@router.post("/flags", response=FlagOut)
def create(request: HttpRequest, body: FlagIn) -> Any:
    """Make a flag, with a dial at 0 % in every environment."""
    actor = caller(request)
    actor.require("flags.add_flag")
    with transaction.atomic():
        if Flag.objects.filter(key=readable(body.key)).exists():
            raise FlagExists(body.key)
        given = body.dict(exclude={"variants"})
        flag = Flag(**given)
        flag.full_clean()
        flag.save()
        for place, variant in enumerate(body.variants):
            made = flag.variants.model(flag=flag, position=place, **variant.dict())
            made.full_clean()
            made.save()
        editing.settle(flag=flag, actor=actor, created=True)
    return _flag(flag)


@router.post("/flags/{key}/archive", response=FlagOut)
def archive(request: HttpRequest, key: str, body: ReasonIn) -> Any:
    """Put a flag away; one that still lets users in wants `confirmed`."""
    flag = segments.archive_flag(
        flag=find_flag(key), reason=body.reason, actor=caller(request), confirmed=body.confirmed
    )
    return _flag(flag)


@router.post("/flags/{key}/restore", response=FlagOut)
def restore(request: HttpRequest, key: str, body: ReasonIn) -> Any:
    flag = get_object_or_404(Flag, key=readable(key))
    return _flag(segments.restore_flag(flag=flag, reason=body.reason, actor=caller(request)))


# --- One environment ----------------------------------------------------------------------------
@router.get("/flags/{key}/environments/{slug}", response=DocumentOut)
def read(request: HttpRequest, key: str, slug: str) -> Any:
    """Everything that decides about a flag in one environment."""
    caller(request).require("flags.view_flag")
    spec = targeting.spec(find_flag(key), find_environment(slug))
    return DocumentOut(document=flag_document(spec), known=targeting.fingerprint(spec))


@router.put("/flags/{key}/environments/{slug}", response=ChangedOut)
def write(request: HttpRequest, key: str, slug: str, body: DocumentIn) -> Any:
    """Make it what the document says: rules, overrides, prerequisites, variants, dial."""
    wanted = flag_from(body.document)
    if wanted.key != key:
        raise UnknownDocument(f"It is of {wanted.key[:60]}.")
    return _change(request, key, slug, targeting.becoming(wanted), body)


@router.post("/flags/{key}/environments/{slug}/overrides", response=ChangedOut)
def override(request: HttpRequest, key: str, slug: str, body: OverrideIn) -> Any:
    edit = targeting.overriding(body.key, body.variant, body.until)
    return _change(request, key, slug, edit, body)


@router.post("/flags/{key}/environments/{slug}/overrides/lift", response=ChangedOut)
def lift(request: HttpRequest, key: str, slug: str, body: OverrideIn) -> Any:
    """Take an override away; of the body only key and reason count."""
    return _change(request, key, slug, targeting.lifting(body.key), body)


# --- Segments -----------------------------------------------------------------------------------
@router.get("/segments", response=list[SegmentOut])
def all_segments(request: HttpRequest) -> Any:
    caller(request).require("flags.view_segment")
    return [_segment(one) for one in Segment.objects.all()[:1000]]


@router.put("/segments/{key}", response=SegmentOut)
def save_segment(request: HttpRequest, key: str, body: SegmentIn) -> Any:
    """Make a segment, or make the one of this key what is given, in every environment."""
    try:
        conditions = [condition_from(one) for one in body.conditions]
    except (KeyError, TypeError, ValueError) as odd:
        raise UnknownDocument(f"A condition: {odd}.") from None
    saved = segments.save_segment(
        key=readable(key),
        name=body.name,
        purpose=body.purpose,
        conditions=conditions,
        reason=body.reason,
        actor=caller(request),
    )
    return _segment(saved)


@router.post("/segments/{key}/archive", response=SegmentOut)
def archive_segment(request: HttpRequest, key: str, body: ReasonIn) -> Any:
    segment = get_object_or_404(Segment, key=readable(key))
    made = segments.archive_segment(segment=segment, reason=body.reason, actor=caller(request))
    return _segment(made)


def _change(
    request: HttpRequest, key: str, slug: str, edit: targeting.Edit, body: Any
) -> ChangedOut:
    environment: Environment = find_environment(slug)
    changed = targeting.change(
        flag=find_flag(key),
        environment=environment,
        edit=edit,
        reason=body.reason,
        known=getattr(body, "known", ""),
        actor=caller(request, environment=slug),
    )
    now = targeting.spec(changed.state.flag, environment)
    return ChangedOut(differences=list(changed.lines), known=targeting.fingerprint(now))


def _flag(flag: Flag) -> FlagOut:
    return FlagOut(
        key=flag.key,
        name=flag.name,
        kind=flag.kind,
        use=flag.use,
        purpose=flag.purpose,
        tags=flag.tags,
        bucket_by=flag.bucket_by,
        owner=flag.owner.get_username() if flag.owner else None,
        expected_until=flag.expected_until,
        archived=flag.archived_at is not None,
        percent={state.environment.slug: state.percent for state in flag.states.all()},
    )


def _segment(segment: Segment) -> SegmentOut:
    return SegmentOut(
        key=segment.key,
        name=segment.name,
        purpose=segment.purpose,
        conditions=segment.conditions,
        archived=segment.archived_at is not None,
    )
