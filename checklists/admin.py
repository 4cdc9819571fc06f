"""Checklists in the admin: every change goes through the verbs that the tick board calls."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db import models
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.safestring import SafeString

from checklists import adding, ticking
from checklists.models import Approval, Checklist, ChecklistItem, Tick
from releases.admin_kit import InWords, OnTimeline, ReadOnly, badge
from releases.timeline import Actor


@admin.register(ChecklistItem)
class ChecklistItemAdmin(InWords):
    """State is read here and moved by Tick, Untick and Waive…"""

    list_display = ("text", "state_badge", "checklist", "release", "required", "owner", "said")
    list_filter = ("state", "checklist__release", "required", "checklist__gate")
    search_fields = ("text", "section", "note", "checklist__title", "checklist__release__title")
    autocomplete_fields = ("checklist",)
    actions = ("tick", "untick", "waive")
    formfield_overrides: ClassVar = {models.URLField: {"assume_scheme": "https"}}
    fields = (
        "checklist",
        "section",
        "text",
        "required",
        "state_badge",
        "reason",
        "said",
        "owner",
        "note",
        "evidence_url",
        ("started_at", "ended_at"),
        "source_line",
    )
    readonly_fields = ("state_badge", "reason", "said", "started_at", "ended_at", "source_line")

    def get_queryset(self, request: HttpRequest) -> QuerySet[ChecklistItem]:
        standing = Tick.objects.filter(undone_at=None)
        return (
            super()
            .get_queryset(request)
            .filter(removed_at=None)
            .select_related("checklist__release", "owner")
            .prefetch_related(Prefetch("ticks", queryset=standing, to_attr="standing"))
        )

    def get_readonly_fields(
        self, request: HttpRequest, obj: ChecklistItem | None = None
    ) -> tuple[str, ...]:
        fixed = tuple(super().get_readonly_fields(request, obj))
        return ("checklist", *fixed) if obj else fixed

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """An item leaves by a newer plan, or is waived; it is never erased."""
        return False

    def has_tick_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("checklists.tick_item"))

    def has_waive_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("checklists.waive_item"))

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:  # noqa: FBT001  (Django's signature)
        actor = Actor.person(request.user)
        if change:
            given = {name: form.cleaned_data[name] for name in form.changed_data}
            adding.edit_item(item=obj, actor=actor, changes=given)
            return
        made = adding.add_item(
            checklist=obj.checklist,
            actor=actor,
            text=obj.text,
            section=obj.section,
            required=obj.required,
        )
        obj.pk = made.pk
        obj.refresh_from_db()

    @admin.display(description="Release", ordering="checklist__release")
    def release(self, item: ChecklistItem) -> str:
        return item.checklist.release.slug

    @admin.display(description="State", ordering="state")
    def state_badge(self, item: ChecklistItem) -> SafeString:
        return badge(item.get_state_display(), item.tone)

    @admin.display(description="Ticked by")
    def said(self, item: ChecklistItem) -> str:
        standing: list[Tick] = getattr(item, "standing", [])
        return f"{standing[0].by_name}, {standing[0].at:%d %b %H:%M} UTC" if standing else "–"

    @admin.action(description="Tick", permissions=["tick"])
    def tick(self, request: HttpRequest, queryset: QuerySet[ChecklistItem]) -> None:
        actor = Actor.person(request.user)
        self.for_each(
            request, queryset, lambda item: ticking.tick(item=item, actor=actor), "{} ticked."
        )

    @admin.action(description="Untick", permissions=["tick"])
    def untick(self, request: HttpRequest, queryset: QuerySet[ChecklistItem]) -> None:
        actor = Actor.person(request.user)
        self.for_each(
            request, queryset, lambda item: ticking.untick(item=item, actor=actor), "{} unticked."
        )

    @admin.action(description="Waive…", permissions=["waive"])
    def waive(self, request: HttpRequest, queryset: QuerySet[ChecklistItem]) -> HttpResponse | None:
        """Ask for the reason on a page of its own, then waive."""
        if "reason" not in request.POST:
            return self._ask_reason(request, queryset)
        actor = Actor.person(request.user)
        reason = request.POST["reason"]
        if not reason.strip():
            self.message_user(request, ticking.ReasonMissing().message, messages.ERROR)
            return self._ask_reason(request, queryset)
        self.for_each(
            request,
            queryset,
            lambda item: ticking.ask_waiver(item=item, actor=actor, reason=reason),
            "{} waived; what is required waits for a second person.",
        )
        return None

    def _ask_reason(self, request: HttpRequest, queryset: QuerySet[ChecklistItem]) -> HttpResponse:
        context = self.admin_site.each_context(request) | {
            "title": "Waive…",
            "items": queryset,
            "opts": self.opts,
            "action_checkbox_name": ACTION_CHECKBOX_NAME,
        }
        return TemplateResponse(request, "admin/checklists/checklistitem/waive.html", context)


@admin.register(Checklist)
class ChecklistAdmin(OnTimeline):
    """Phases: their titles and the gate each stands before."""

    list_display = ("title", "release", "group", "gate", "position")
    list_filter = ("release", "gate")
    list_select_related = ("release",)
    search_fields = ("title", "group", "release__title")
    fields = ("release", "title", "group", "gate", "position")
    readonly_fields = ("release",)

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002
        """Phases come from a plan or a template."""
        return False

    def release_of(self, obj: Any) -> Any:
        return obj.release


@admin.register(Approval)
class ApprovalAdmin(ReadOnly):
    """Who said yes to which content; given and withdrawn on the page of its subject."""

    list_display = ("subject", "person", "note", "at", "withdrawn_at")
    list_filter = (("withdrawn_at", admin.EmptyFieldListFilter), "person")
    list_select_related = ("person",)
    search_fields = ("subject", "note", "content_hash")
    date_hierarchy = "at"
