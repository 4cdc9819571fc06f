"""Segments in the admin: a list with who uses them, one form, the archive."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, QuerySet
from django.forms.models import model_to_dict
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.safestring import SafeString

from flags.changing import segments
from flags.core.differences import condition_in_words
from flags.core.specs import condition_from
from flags.models import Segment
from flags.pages.condition_forms import as_typed, asks_more, conditions_form, conditions_of
from flags.pages.forms import show_refusal
from flags.pages.target_forms import SegmentForm
from releases.admin_kit import ReadOnly, badge
from releases.refusals import Refused
from releases.timeline import Actor


@admin.register(Segment)
class SegmentAdmin(ReadOnly):
    list_display = ("key", "name", "whom", "used", "shown_state")
    search_fields = ("key", "name", "purpose")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Segment]:
        rows: QuerySet[Segment] = super().get_queryset(request)
        return rows.annotate(users=Count("rules"))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(segments.PERMISSION)

    @admin.display(description="Who belongs to it")
    def whom(self, segment: Segment) -> str:
        asked = (condition_in_words(condition_from(one)) for one in segment.conditions)
        return " and ".join(asked) or "everybody"

    @admin.display(description="Rules that use it", ordering="users")
    def used(self, segment: Segment) -> int:
        return int(getattr(segment, "users", 0))

    @admin.display(description="State")
    def shown_state(self, segment: Segment) -> SafeString:
        return badge("Archived", "quiet") if segment.archived_at else badge("In use", "good")

    def add_view(self, request: HttpRequest, *_args: Any, **_kwargs: Any) -> HttpResponse:
        return self._page(request, None)

    def change_view(
        self, request: HttpRequest, object_id: str, *_args: Any, **_kwargs: Any
    ) -> HttpResponse:
        segment = self.get_object(request, object_id)
        if segment is None:
            messages.error(request, "There is no such segment.")
            return redirect("admin:flags_segment_changelist")
        return self._page(request, segment)

    def _page(self, request: HttpRequest, segment: Segment | None) -> HttpResponse:
        may = request.user.has_perm(segments.PERMISSION)
        if not may and (segment is None or request.method == "POST"):
            raise PermissionDenied
        standing = tuple(map(condition_from, segment.conditions)) if segment else ()
        more = asks_more(request.POST)
        given = request.POST if request.method == "POST" and not more else None
        form = SegmentForm(given, initial=model_to_dict(segment) if segment else None)
        form.fields["key"].disabled = segment is not None
        rows = conditions_form(request.POST or None, standing)
        if more:
            form.initial = {**form.initial, **as_typed(form, request.POST)}
        if given is not None and form.is_valid() and rows.is_valid():
            try:
                return self._done(request, segment, form, rows)
            except Refused as refused:
                show_refusal(form, refused)
        context = {
            **self.admin_site.each_context(request),
            "title": f"Segment {segment.key}" if segment else "Add a segment",
            "segment": segment,
            "users": segment.rules.select_related("state__flag", "state__environment")
            if segment
            else [],
            "form": form,
            "rows": rows,
            "may": may,
            "opts": self.opts,
        }
        return TemplateResponse(request, "admin/flags/segment/page.html", context)

    def _done(
        self, request: HttpRequest, segment: Segment | None, form: SegmentForm, rows: Any
    ) -> HttpResponse:
        given, actor = form.cleaned_data, Actor.person(request.user)
        if segment is not None and "_archive" in request.POST:
            segments.archive_segment(segment=segment, reason=given["reason"], actor=actor)
            messages.success(request, f"{segment.key} is archived.")
        else:
            saved = segments.save_segment(
                key=segment.key if segment else given["key"],
                name=given["name"],
                purpose=given["purpose"],
                conditions=conditions_of(rows),
                reason=given["reason"],
                actor=actor,
            )
            messages.success(request, f"{saved.key} is saved; every environment was told.")
        return redirect("admin:flags_segment_changelist")
