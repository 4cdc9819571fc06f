"""Runs in the admin: read here, queued from their scripts, changed by their workers."""

from __future__ import annotations

from datetime import datetime

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from migrations_runner import runs
from migrations_runner.models import MigrationRun
from releases.admin_kit import ReadOnly, badge
from releases.refusals import Refused
from releases.timeline import Actor


@admin.register(MigrationRun)
class MigrationRunAdmin(ReadOnly):
    """Nothing is edited here: a run is queued from its scripts and changed by its worker."""

    list_display = ("number", "live", "shown_state", "kind", "target", "release", "who", "queued")
    list_filter = ("state", "kind", "target", "release")
    date_hierarchy = "created_at"
    list_select_related = ("target", "release")
    search_fields = ("id", "requested_by_name", "scripts__name")
    actions = ("cancel_selected",)
    fields = (
        "page",
        "release",
        "target",
        "state",
        "kind",
        "undoes",
        "variables",
        "requested_by_name",
        "created_at",
        "started_at",
        "finished_at",
        "error",
        "next_step",
        "claims",
        "batch_hash",
    )
    readonly_fields = fields

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("migrations_runner.cancel_run")

    @admin.display(description="Run", ordering="id")
    def number(self, run: MigrationRun) -> str:
        return f"Run {run.pk}"

    @admin.display(description="State", ordering="state")
    def shown_state(self, run: MigrationRun) -> SafeString:
        return badge(run.get_state_display(), run.tone)

    @admin.display(description="Live")
    def live(self, run: MigrationRun) -> SafeString:
        return format_html('<a href="{}">Follow</a>', reverse("run", args=[run.pk]))

    @admin.display(description="Who", ordering="requested_by_name")
    def who(self, run: MigrationRun) -> str:
        return run.requested_by_name

    @admin.display(description="Queued", ordering="created_at")
    def queued(self, run: MigrationRun) -> datetime:
        return run.created_at

    @admin.display(description="Statements and output")
    def page(self, run: MigrationRun) -> SafeString:
        return format_html('<a href="{}">Open the run’s page</a>', reverse("run", args=[run.pk]))

    @admin.action(description="Cancel", permissions=["cancel"])
    def cancel_selected(self, request: HttpRequest, queryset: QuerySet[MigrationRun]) -> None:
        for run in queryset:
            _cancel(request, run)


def _cancel(request: HttpRequest, run: MigrationRun) -> None:
    try:
        after = runs.cancel(run=run, actor=Actor.person(request.user))
    except Refused as refused:
        messages.error(request, f"{run}: {refused.message}")
    else:
        asked = after.state == MigrationRun.State.RUNNING
        said = "its worker is stopping it" if asked else "cancelled; nothing was run"
        messages.success(request, f"{run}: {said}.")
