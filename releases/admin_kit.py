"""What every room's admin does alike: records to read, refusals in words, events for edits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.html import format_html
from django.utils.safestring import SafeString

from releases import timeline
from releases.refusals import Refused
from releases.timeline import Actor


def badge(text: object, tone: str) -> SafeString:
    """A state as a word on its tone's ground."""
    return format_html('<span class="badge tone-{}">{}</span>', tone, text)


class InWords(admin.ModelAdmin):  # type: ignore[type-arg]  # takes no subscript at run time
    """Shows a refusal of a verb as a message, on the page where it was asked for."""

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: Any = None,
    ) -> HttpResponse:
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except Refused as refused:
            # The transaction of the form is rolled back by now: nothing was changed.
            self.message_user(request, refused.message, messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())

    def for_each(
        self, request: HttpRequest, things: Any, verb: Callable[[Any], object], done: str
    ) -> None:
        """Call `verb` on each thing, each in its own transaction; tell what came of it.

        `done` is the message with ``{}`` for the number.
        """
        count = 0
        for thing in things:
            try:
                verb(thing)
            except Refused as refused:
                self.message_user(request, f"{thing}: {refused.message}", messages.ERROR)
            else:
                count += 1
        if count:
            self.message_user(request, done.format(count), messages.SUCCESS)


class ReadOnly(InWords):
    """Records that only verbs and machines write."""

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False


class OnTimeline(InWords):
    """Plain records whose edits are told on the timeline; the form's transaction holds both."""

    def save_model(self, request: HttpRequest, obj: Model, form: Any, change: bool) -> None:  # noqa: FBT001  (Django's signature)
        if change:  # only what was edited: a verb may have moved the rest meanwhile
            obj.save(update_fields=form.changed_data)
        else:
            obj.save()
        timeline.record(
            actor=Actor.person(request.user),
            verb=f"{obj._meta.model_name}.{'edit' if change else 'create'}",
            subject=obj,
            release=self.release_of(obj),
            data={"changed": sorted(form.changed_data)},
        )

    def release_of(self, obj: Model) -> Any:  # noqa: ARG002
        """Whose timeline the edit belongs to; None for the installation's own."""
        return None

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False
