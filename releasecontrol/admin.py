"""What only the top floor can say in the admin: progress, sentences, and the worker's queue."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from checklists.states import SETTLED
from releasecontrol import queue_admin, sample_admin
from releasecontrol.board import sentences
from releasecontrol.board.phases import ASIDE
from releases.admin import EventAdmin, ReleaseAdmin
from releases.models import Event, Release

__all__ = ["ReleaseWithProgressAdmin", "sample_admin"]

queue_admin.replace_pages()
admin.site.unregister([Release, Event])


@admin.register(Release)
class ReleaseWithProgressAdmin(ReleaseAdmin):
    """Releases with how much of the checklist is settled."""

    list_display = ("title", "state_badge", "progress", "driver", "planned_for")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        there = Q(checklists__items__removed_at=None) & ~Q(checklists__gate=ASIDE)
        settled = there & Q(checklists__items__state__in=SETTLED)
        counted: QuerySet[Any] = (
            super()
            .get_queryset(request)
            .annotate(
                total=Count("checklists__items", filter=there),
                done=Count("checklists__items", filter=settled),
            )
        )
        return counted

    @admin.display(description="Checklist")
    def progress(self, release: Any) -> SafeString:
        if not release.total:
            return SafeString("–")
        return format_html(
            '{} of {} <progress value="{}" max="{}" aria-label="Items settled"></progress>',
            release.done,
            release.total,
            release.done,
            release.total,
        )


@admin.register(Event)
class EventInWordsAdmin(EventAdmin):
    """The timeline, told in sentences."""

    list_display = ("at", "told", "release")

    @admin.display(description="What happened")
    def told(self, event: Event) -> str:
        said = sentences.sentence(event.verb, event.subject_label, event.data)
        return f"{event.actor_name} {said.text}{f': {said.detail}' if said.detail else ''}"
