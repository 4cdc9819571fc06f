"""Metrics, guardrails and smoke tests in the admin. Smoke runs are only read."""

from __future__ import annotations

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest

from monitoring import smoke, smoke_request
from monitoring.models import Guardrail, Metric, SmokeRun, SmokeTest
from monitoring.outbound import METHODS
from releases.admin_kit import ReadOnly
from releases.models import Verdict
from releases.timeline import Actor

_LEVELS = {
    Verdict.PASS: messages.SUCCESS,
    Verdict.FAIL: messages.ERROR,
    Verdict.INCONCLUSIVE: messages.WARNING,
}


@admin.register(Metric)
class MetricAdmin(admin.ModelAdmin):
    list_display = ("name", "release", "group", "goal_in_words")
    list_filter = ("release", "group")
    list_select_related = ("release",)
    search_fields = ("name", "key")

    @admin.display(description="Goal", ordering="goal")
    def goal_in_words(self, metric: Metric) -> str:
        return limit_in_words(metric.get_comparison_display(), metric.goal, metric.unit)


@admin.register(Guardrail)
class GuardrailAdmin(admin.ModelAdmin):
    """Limits from the plan. Nothing watches them yet, so nobody can arm one."""

    list_display = ("text", "release", "origin", "limit_shown", "consequence", "armed")
    list_filter = ("release", "origin", "consequence")
    list_select_related = ("release",)
    search_fields = ("text", "metric_name")
    readonly_fields = ("armed",)

    @admin.display(description="Limit", ordering="limit")
    def limit_shown(self, guardrail: Guardrail) -> str:
        return limit_in_words(guardrail.get_comparison_display(), guardrail.limit, guardrail.unit)


class SmokeTestForm(forms.ModelForm):
    class Meta:
        model = SmokeTest
        fields = "__all__"  # noqa: DJ007  (all of them are for people)

    def clean_method(self) -> str:
        method = str(self.cleaned_data["method"]).upper()
        if method not in METHODS:
            raise ValidationError(f"One of {', '.join(sorted(METHODS))}.")
        return method

    def clean_expected_status(self) -> str:
        expected = str(self.cleaned_data["expected_status"])
        try:
            smoke_request.expects(expected, 200)
        except smoke_request.ExpectationUnclear as refused:
            raise ValidationError(refused.message) from None
        return expected

    def clean_headers(self) -> dict[str, str]:
        headers = self.cleaned_data["headers"]
        if not isinstance(headers, dict) or not all(isinstance(v, str) for v in headers.values()):
            raise ValidationError('Names and texts, such as {"Authorization": "Bearer $TOKEN"}.')
        return headers


@admin.register(SmokeTest)
class SmokeTestAdmin(admin.ModelAdmin):
    form = SmokeTestForm
    list_display = ("name", "release", "method", "url", "expected_status", "position")
    list_filter = ("release",)
    list_select_related = ("release",)
    search_fields = ("name", "url")
    readonly_fields = ("source_line",)
    actions = ("run_selected",)

    def has_run_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(smoke.PERMISSION)

    @admin.action(description="Run now", permissions=["run"])
    def run_selected(self, request: HttpRequest, queryset: QuerySet[SmokeTest]) -> None:
        for test in queryset.select_related("release"):
            run = smoke.run_smoke_test(test=test, actor=Actor.person(request.user))
            messages.add_message(request, _LEVELS[Verdict(run.verdict)], f"{test}: {run.summary}")


@admin.register(SmokeRun)
class SmokeRunAdmin(ReadOnly):
    list_display = ("smoke_test", "verdict", "status", "milliseconds", "by_name", "at", "summary")
    list_filter = ("verdict", "smoke_test__release")
    list_select_related = ("smoke_test",)


def limit_in_words(comparison: str, value: float | None, unit: str) -> str:
    """A limit or goal as people say it; a dash where the plan names none.

    >>> limit_in_words("below", 300.0, "ms"), limit_in_words("", None, "")
    ('below 300 ms', '–')
    """
    return f"{comparison} {value:g} {unit}".strip() if value is not None else "–"
