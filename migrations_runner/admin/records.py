"""What workers write and people read: rehearsals, backups, checks, findings, holds."""

from __future__ import annotations

from typing import ClassVar

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from migrations_runner.models import (
    AppliedScript,
    Backup,
    CheckResult,
    Hold,
    IntegrityFinding,
    LintSuppression,
    Rehearsal,
    ScriptCheck,
    ScriptVersion,
)
from releases.admin_kit import OnTimeline, ReadOnly, badge
from releases.models import Release, Verdict

_VERDICT_TONES = {Verdict.PASS: "good", Verdict.FAIL: "bad", Verdict.INCONCLUSIVE: "warn"}


@admin.register(Rehearsal)
class RehearsalAdmin(ReadOnly):
    list_display = ("number", "shown_state", "run", "clone_kind", "requested_by_name", "created_at")
    list_filter = ("state", "clone_kind", "run__target")
    list_select_related = ("run__target",)
    search_fields = ("run__id", "requested_by_name")
    date_hierarchy = "created_at"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Rehearsal]:
        return super().get_queryset(request).select_related("run__target")

    @admin.display(description="Rehearsal", ordering="id")
    def number(self, rehearsal: Rehearsal) -> SafeString:
        return format_html(
            '<a href="{}">Rehearsal {}</a>',
            reverse("rehearsal", args=[rehearsal.pk]),
            rehearsal.pk,
        )

    @admin.display(description="State", ordering="state")
    def shown_state(self, rehearsal: Rehearsal) -> SafeString:
        return badge(rehearsal.get_state_display(), rehearsal.tone)


@admin.register(Backup)
class BackupAdmin(ReadOnly):
    list_display = ("__str__", "shown_state", "target", "bytes", "taken_at", "requested_by")
    list_filter = ("state", "target")
    list_select_related = ("target",)
    search_fields = ("path", "requested_by", "note")
    date_hierarchy = "created_at"

    @admin.display(description="State", ordering="state")
    def shown_state(self, backup: Backup) -> SafeString:
        return badge(backup.get_state_display(), backup.tone)


@admin.register(ScriptCheck)
class ScriptCheckAdmin(OnTimeline):
    """People's own questions around a run; one SELECT that answers one number."""

    list_display = ("name", "release", "phase", "script", "expectation", "number")
    list_filter = ("release", "phase")
    list_select_related = ("release", "script")
    search_fields = ("name", "sql")
    autocomplete_fields = ("script",)

    def release_of(self, obj: Model) -> Release | None:
        return obj.release if isinstance(obj, ScriptCheck) else None


@admin.register(CheckResult)
class CheckResultAdmin(ReadOnly):
    list_display = ("name", "run", "phase", "shown_verdict", "value", "baseline", "at")
    list_filter = ("verdict", "phase", "run__target")
    list_select_related = ("run__target",)
    search_fields = ("name", "summary")
    date_hierarchy = "at"

    @admin.display(description="Verdict", ordering="verdict")
    def shown_verdict(self, result: CheckResult) -> SafeString:
        return badge(result.get_verdict_display(), _VERDICT_TONES[Verdict(result.verdict)])


@admin.register(IntegrityFinding)
class IntegrityFindingAdmin(ReadOnly):
    list_display = ("summary", "target", "rows", "first_seen", "last_seen", "resolved_at")
    list_filter = ("target", "kind", ("resolved_at", admin.EmptyFieldListFilter))
    list_select_related = ("target",)
    search_fields = ("summary", "key")
    date_hierarchy = "last_seen"


@admin.register(Hold)
class HoldAdmin(ReadOnly):
    list_display = ("target", "cause", "reason", "set_by", "set_at", "lifted_by", "lifted_at")
    list_filter = ("target", "cause", ("lifted_at", admin.EmptyFieldListFilter))
    list_select_related = ("target",)
    search_fields = ("reason", "set_by")
    date_hierarchy = "set_at"


@admin.register(AppliedScript)
class AppliedScriptAdmin(ReadOnly):
    list_display = ("name", "target", "release", "run", "applied_at")
    list_filter = ("target", "release")
    list_select_related = ("target", "release", "run__target")
    search_fields = ("name", "sha256")
    date_hierarchy = "applied_at"


@admin.register(ScriptVersion)
class ScriptVersionAdmin(ReadOnly):
    list_display = ("script", "number", "sha256", "saved_by", "saved_at")
    list_filter = ("script__release",)
    list_select_related = ("script",)
    search_fields = ("script__name", "sha256", "saved_by")
    date_hierarchy = "saved_at"
    ordering: ClassVar = ["-saved_at"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[ScriptVersion]:
        return super().get_queryset(request).defer("text", "script__text")


@admin.register(LintSuppression)
class LintSuppressionAdmin(ReadOnly):
    list_display = ("rule", "script", "reason", "by", "at")
    list_filter = ("rule", "script__release")
    list_select_related = ("script",)
    search_fields = ("rule", "reason", "by")
    date_hierarchy = "at"

    def get_queryset(self, request: HttpRequest) -> QuerySet[LintSuppression]:
        return super().get_queryset(request).defer("script__text")
