"""Scripts in the admin: written here or on their own page, queued by a list action."""

from __future__ import annotations

from typing import Any, ClassVar
from urllib.parse import urlencode

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from migrations_runner import editing, linted
from migrations_runner.fan_out import driver
from migrations_runner.models import MigrationScript
from releases.models import Release
from releases.refusals import Refused
from releases.states import RELEASE
from releases.timeline import Actor

_SCRIPT_ROWS = 24


class ScriptForm(forms.ModelForm):
    """A script, whose text has to be SQL that PostgreSQL can read."""

    class Meta:
        model = MigrationScript
        fields = (
            *("release", "name", "path", "title", "role", "position", "text"),
            *("mode", "driver_query", "undo", "reverts"),
        )
        widgets: ClassVar = {
            "text": forms.Textarea(
                attrs={"rows": _SCRIPT_ROWS, "class": "vLargeTextField sql", "spellcheck": "false"}
            )
        }

    text = forms.CharField(
        required=False,
        strip=False,
        label="SQL",
        help_text="Statements as psql reads them. Without text the script awaits its file.",
        widget=Meta.widgets["text"],
    )

    def clean_text(self) -> str:
        # A browser sends its own line ends; the ledger would take them for another text.
        text = str(self.cleaned_data["text"]).replace("\r\n", "\n")
        if found := editing.faults(text):
            raise ValidationError(found)
        return text

    def clean_driver_query(self) -> str:
        query = str(self.cleaned_data["driver_query"]).replace("\r\n", "\n").strip()
        try:
            if query:
                driver.variables(query)
        except Refused as refused:
            raise ValidationError(refused.message) from None
        return query

    def clean_release(self) -> Release:
        release: Release = self.cleaned_data["release"]
        try:
            editing.require_open(release)
        except Refused as refused:
            raise ValidationError(refused.message) from None
        return release


@admin.register(MigrationScript)
class MigrationScriptAdmin(admin.ModelAdmin):
    form = ScriptForm
    list_display = ("name", "release", "role", "state", "findings", "position", "updated_at")
    list_filter = ("release", "role")
    list_select_related = ("release",)
    search_fields = ("name", "path", "title")
    fields = (
        *("page", "release", "name", "text", "role", "position"),
        *("mode", "driver_query", "undo", "reverts"),
        *("path", "title", "digest", "plan_line"),
    )
    readonly_fields = ("page", "digest", "plan_line")
    autocomplete_fields = ("reverts",)
    actions = ("queue_selected",)

    class Media:
        css: ClassVar = {"all": ["admin-sql.css"]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[MigrationScript]:
        return super().get_queryset(request).defer("text")

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        """The rows of the page, each with what lint says of it: all of them in two queries."""
        page = super().get_changelist_instance(request)
        found = linted.of_releases({script.release_id for script in page.result_list})
        for script in page.result_list:
            script.found = found.get(script.pk)
        return page

    def get_readonly_fields(
        self, request: HttpRequest, obj: MigrationScript | None = None
    ) -> tuple[str, ...]:
        # The ledger of a target knows a script by its release and name.
        fixed = ("release", "name") if obj is not None else ()
        return (*fixed, *super().get_readonly_fields(request, obj))

    def has_change_permission(
        self, request: HttpRequest, obj: MigrationScript | None = None
    ) -> bool:
        open_still = obj is None or obj.release.state not in RELEASE.final
        return open_still and bool(super().has_change_permission(request, obj))

    def has_queue_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("migrations_runner.queue_run")

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:  # noqa: ARG002, FBT001  (Django's signature)
        try:
            editing.save(script=obj, actor=Actor.person(request.user), created=not change)
        except Refused as refused:  # the release ended since the form was shown
            raise PermissionDenied(refused.message) from None
        elsewhere = editing.standing_elsewhere(obj)
        if elsewhere:
            messages.warning(
                request,
                f"{obj} stands on {', '.join(elsewhere)} with its earlier text;"
                " a run of the new one is refused there.",
            )

    @admin.display(description="Findings, versions, where it stands")
    def page(self, script: MigrationScript) -> SafeString | str:
        if script._state.adding:  # Django's only word for "not stored yet"
            return "–"
        return format_html(
            '<a href="{}">Open the script’s page</a>', reverse("script", args=[script.pk])
        )

    @admin.display(description="Lint")
    def findings(self, script: MigrationScript) -> SafeString | str:
        found: list[linted.Shown] | None = getattr(script, "found", None)
        if found is None:
            return "–"
        words = linted.in_words(found)
        link = reverse("script", args=[script.pk])
        return format_html('<a href="{}">{}</a>', link, words[0].upper() + words[1:])

    @admin.display(description="SHA-256")
    def digest(self, script: MigrationScript) -> str:
        return script.sha256 or "–"

    @admin.display(description="Line in the plan")
    def plan_line(self, script: MigrationScript) -> str:
        return str(script.source_line or "–")

    @admin.display(description="State", ordering="sha256")
    def state(self, script: MigrationScript) -> str:
        return "Has its text" if script.sha256 else "Awaiting file"

    @admin.action(description="Queue migration run…", permissions=["queue"])
    def queue_selected(
        self, request: HttpRequest, queryset: QuerySet[MigrationScript]
    ) -> HttpResponse | None:
        chosen = list(queryset.select_related("release").defer("text").order_by("position", "name"))
        releases = {script.release.slug for script in chosen}
        if len(releases) != 1:
            messages.error(request, "Choose scripts of one release: a run belongs to one.")
            return None
        keys = urlencode([("script", script.pk) for script in chosen])
        return redirect(f"{reverse('queue-run', args=[releases.pop()])}?{keys}")
