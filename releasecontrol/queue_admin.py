"""The worker's queue, for superusers and to look at only: rows of ours decide what runs.

django-q2's own pages would let somebody edit or delete queued pokes; they are taken away.
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django_q.models import Failure, OrmQ, Schedule, Success

from releases.admin_kit import ReadOnly


class QueuePage(ReadOnly):
    """Seen by superusers, changed by nobody."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return _is_superuser(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return _is_superuser(request)


class WaitingAdmin(QueuePage):
    list_display = ("id", "key", "name", "func", "lock")
    fields = list_display


class TaskAdmin(QueuePage):
    list_display = ("name", "func", "started", "stopped", "attempt_count")
    list_filter = ("func",)
    search_fields = ("name", "func")
    fields = ("id", "name", "func", "args", "started", "stopped", "attempt_count", "result")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).order_by("-started")


def _is_superuser(request: HttpRequest) -> bool:
    return bool(request.user.is_active and request.user.is_superuser)


def replace_pages() -> None:
    """Take django-q2's four pages away and put our three there."""
    for model in (OrmQ, Schedule, Success, Failure):
        if admin.site.is_registered(model):
            admin.site.unregister(model)
    admin.site.register(OrmQ, WaitingAdmin)
    admin.site.register([Success, Failure], TaskAdmin)
