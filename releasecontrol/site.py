"""The admin site: our order, our words, our login."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

#: Rooms in the order in which a cutover meets them, each with its models in order. A model is
#: named by app and class, so that targets (ground floor) can stand beside the runs on them.
ROOMS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Releases", ("releases.Release", "releases.PlanDocument", "releases.Event")),
    ("Checklists", ("checklists.ChecklistItem", "checklists.Checklist")),
    ("Flags", ("flags.Flag", "flags.FlagState")),
    (
        "SQL migrations",
        (
            "migrations_runner.MigrationRun",
            "migrations_runner.MigrationScript",
            "migrations_runner.ScriptVersion",
            "migrations_runner.LintSuppression",
            "migrations_runner.ScriptCheck",
            "migrations_runner.CheckResult",
            "migrations_runner.IntegrityFinding",
            "migrations_runner.Rehearsal",
            "checklists.Approval",
            "migrations_runner.Backup",
            "migrations_runner.AppliedScript",
            "releases.TargetDatabase",
            "migrations_runner.Hold",
        ),
    ),
    (
        "Monitoring",
        ("monitoring.Metric", "monitoring.Guardrail", "monitoring.SmokeTest", "releases.Evidence"),
    ),
    ("People and access", ("auth.User", "auth.Group", "releases.ApiToken", "releases.Environment")),
    ("Worker queue", ("django_q.OrmQ", "django_q.Success", "django_q.Failure")),
)


class ConsoleSite(admin.AdminSite):
    site_header = "Release Control"
    site_title = "Release Control"
    index_title = "Records"
    enable_nav_sidebar = False

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:  # noqa: ARG002
        """Send everybody to the one login page, which knows every role."""
        wanted = request.GET.get("next") or reverse("admin:index")
        return redirect(f"{reverse('login')}?{urlencode({'next': wanted})}")

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """Our rooms in order; what is in none of them keeps Django's place behind."""
        listed = super().get_app_list(request, app_label)
        if app_label is not None:
            return listed
        models = {
            f"{app['app_label']}.{model['object_name']}": model
            for app in listed
            for model in app["models"]
        }
        rooms = [_room(title, names, models) for title, names in ROOMS]
        return [room for room in rooms if room["models"]]


def _room(title: str, names: tuple[str, ...], models: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": title,
        "app_label": title.lower().replace(" ", "-"),
        "app_url": "",
        "has_module_perms": True,
        "models": [models[name] for name in names if name in models],
    }
