"""Changes that wait, in the admin."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.safestring import SafeString

from flags.changing.scheduling import in_words
from flags.models import ProposedChange, ScheduledChange
from flags.pages import change_pages
from releases.admin_kit import ReadOnly, badge


class _Waiting(ReadOnly):
    """A change with its state in words and colour."""

    list_filter = ("state", "of__environment")
    list_select_related = ("of__flag", "of__environment", "author")
    search_fields = ("of__flag__key", "reason")
    date_hierarchy = "created_at"

    @admin.display(description="State", ordering="state")
    def shown_state(self, change: Any) -> SafeString:
        return badge(change.get_state_display(), change.tone)

    @admin.display(description="Flag", ordering="of__flag__key")
    def dial(self, change: Any) -> str:
        return str(change.of)


@admin.register(ProposedChange)
class ProposedChangeAdmin(_Waiting):
    list_display = ("number", "changes", "shown_state", "author", "created_at", "ended_at")
    change_form_template = "admin/flags/proposedchange/change_form.html"
    fields = ("shown_state", "changes", "reason", "author", "created_at", "ended_at", "outcome")
    readonly_fields = fields

    def get_urls(self) -> list[URLPattern]:
        act = self.admin_site.admin_view(change_pages.act_on_proposal)
        return [path("<int:pk>/act/", act, name="flags_proposedchange_act"), *super().get_urls()]

    @admin.display(description="Proposal", ordering="id")
    def number(self, change: ProposedChange) -> str:
        return f"Proposal {change.pk}"

    @admin.display(description="Of", ordering="of__flag__key")
    def changes(self, change: ProposedChange) -> str:
        return change.what.capitalize() if change.segment else change.what

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        found = self.get_object(request, object_id)
        facts = change_pages.proposal_facts(request, found) if found else {}
        return super().change_view(request, object_id, form_url, {**facts, **(extra_context or {})})

    def get_queryset(self, request: HttpRequest) -> QuerySet[ProposedChange]:
        return super().get_queryset(request).select_related(*self.list_select_related)


@admin.register(ScheduledChange)
class ScheduledChangeAdmin(_Waiting):
    list_display = ("what", "dial", "shown_state", "due_at", "author", "outcome")
    change_form_template = "admin/flags/scheduledchange/change_form.html"
    fields = ("shown_state", "what", "dial", "due_at", "reason", "author", "ended_at", "outcome")
    readonly_fields = fields

    def get_urls(self) -> list[URLPattern]:
        cancel = self.admin_site.admin_view(change_pages.cancel_scheduled)
        return [
            path("<int:pk>/cancel/", cancel, name="flags_scheduledchange_cancel"),
            *super().get_urls(),
        ]

    @admin.display(description="What")
    def what(self, change: ScheduledChange) -> str:
        return in_words(change.change).capitalize()

    def get_queryset(self, request: HttpRequest) -> QuerySet[ScheduledChange]:
        return super().get_queryset(request).select_related(*self.list_select_related)
