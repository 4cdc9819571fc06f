"""Flags and rollout dials in the admin: records to read, verbs as buttons and list actions."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from flags.changing import editing, proposing
from flags.changing.publishing import NeedsApproval
from flags.lifecycle import stale
from flags.models import Flag, FlagState, Variant
from flags.pages import (
    change_admin,
    change_pages,
    dial_pages,
    explain_pages,
    propagation_pages,
    segment_admin,
    target_pages,
)
from flags.pages.target_forms import FlagForm
from releases.admin_kit import InWords
from releases.timeline import Actor

__all__ = ["FlagAdmin", "FlagStateAdmin", "change_admin", "segment_admin"]


class VariantFormSet(BaseInlineFormSet):
    """The variants of a flag, which must make sense together."""

    def clean(self) -> None:
        super().clean()
        filled = [form for form in self.forms if self._stays(form)]
        if not filled and self.instance.kind == Flag.Kind.BOOLEAN:
            return  # a boolean flag gets its on and off by itself
        for wrong in editing.faults([form.instance for form in filled]):
            raise ValidationError(wrong)

    def _stays(self, form: Any) -> bool:
        removed = form in self.deleted_forms
        return not removed and (form.has_changed() or form.instance.pk is not None)


class VariantInline(admin.TabularInline):
    model = Variant
    formset = VariantFormSet
    fields = ("name", "value", "weight", "is_off", "position")
    extra = 0


@admin.register(Flag)
class FlagAdmin(InWords):
    list_display = ("key", "name", "kind", "use", "release", "expected_until", "dials")
    list_filter = ("kind", "use", "release")
    search_fields = ("key", "name", "purpose")
    fields = (
        "key",
        "name",
        "kind",
        "use",
        "purpose",
        "tags",
        "bucket_by",
        "expected_until",
        "release",
        "owner",
        "dials",
        "reason",
    )
    readonly_fields = ("dials",)
    inlines = (VariantInline,)
    form = FlagForm

    def get_readonly_fields(self, request: HttpRequest, obj: Flag | None = None) -> tuple[str, ...]:  # noqa: ARG002
        # The key is what applications ask for and what positions are computed from.
        return ("key", "kind", "dials") if obj is not None else ("dials",)

    def get_urls(self) -> list[URLPattern]:
        stale_page = self.admin_site.admin_view(self.stale_view)
        return [path("stale/", stale_page, name="flags_flag_stale"), *super().get_urls()]

    def stale_view(self, request: HttpRequest) -> HttpResponse:
        """Flags that have outlived their use, by owner."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "title": "Stale flags",
            "owned": stale.by_owner(stale.report()),
            "opts": self.opts,
        }
        return TemplateResponse(request, "admin/flags/flag/stale.html", context)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Flag]:
        return super().get_queryset(request).prefetch_related("states__environment")

    def has_delete_permission(self, request: HttpRequest, obj: Flag | None = None) -> bool:  # noqa: ARG002
        """A flag that applications may still ask for is never deleted."""
        return False

    def save_model(self, request: HttpRequest, obj: Flag, form: Any, change: bool) -> None:  # noqa: FBT001  (Django's signature)
        """Save what decides nothing; the bucketing key is saved with the variants."""
        if not change:
            super().save_model(request, obj, form, change)
            return
        editing.take(obj)
        plain = set(form.changed_data) - {"bucket_by", "reason"}
        obj.save(update_fields=sorted(plain))

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:  # noqa: FBT001  (Django's signature)
        """Save what decides about answers, or propose it: then the rest alone is saved."""
        actor, given = Actor.person(request.user), form.cleaned_data
        form.proposal = None
        try:
            with transaction.atomic():
                form.instance.save(update_fields=["bucket_by"])
                super().save_related(request, form, formsets, change)
                editing.settle(flag=form.instance, actor=actor, created=not change)
        except NeedsApproval as needs:
            form.proposal = proposing.propose(
                needs, verb="edit", reason=given.get("reason", ""), actor=actor
            )
            form.instance.refresh_from_db(fields=["bucket_by"])
            editing.settle(flag=form.instance, actor=actor, created=False)
        request.flag_proposal = form.proposal  # type: ignore[attr-defined]

    def construct_change_message(
        self,
        request: HttpRequest,
        form: Any,
        formsets: Any,
        add: bool = False,  # noqa: FBT001, FBT002  (Django's signature)
    ) -> Any:
        if form.proposal is not None:
            return f"Proposed, waits for approval: proposal {form.proposal.pk}."
        return super().construct_change_message(request, form, formsets, add)

    def response_change(self, request: HttpRequest, obj: Flag) -> HttpResponse:
        proposal = getattr(request, "flag_proposal", None)
        if proposal is None:
            return super().response_change(request, obj)
        messages.warning(request, proposing.Proposed(proposal).message)
        return redirect("admin:flags_proposedchange_change", proposal.pk)

    @admin.display(description="Rollout dials")
    def dials(self, flag: Flag) -> SafeString | str:
        if not flag.pk:
            return "One for each environment, at 0 %, as soon as the flag is saved."
        return format_html_join(
            ", ",
            '<a href="{}">{} {} %</a>{}',
            (
                (
                    dial_pages.address("change", state),
                    state.environment.name,
                    state.percent,
                    " (killed)" if state.killed_at else "",
                )
                for state in flag.states.all()
            ),
        )


@admin.register(FlagState)
class FlagStateAdmin(admin.ModelAdmin):
    """The rollout dials. Nothing is edited here: every change is a verb with a reason."""

    list_display = ("flag", "environment", "dial_shown", "enabled", "killed_at", "turn")
    list_filter = ("environment", "enabled")
    list_select_related = ("flag", "environment")
    search_fields = ("flag__key", "flag__name")
    actions = ("kill_selected", "turn_selected")
    fields = ("flag", "environment", "dial_shown", "enabled", "killed_at", "salt", "changed_at")
    readonly_fields = fields
    change_form_template = "admin/flags/flagstate/change_form.html"

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002
        return False

    def has_delete_permission(self, request: HttpRequest, obj: FlagState | None = None) -> bool:  # noqa: ARG002
        return False

    def has_change_permission(self, request: HttpRequest, obj: FlagState | None = None) -> bool:  # noqa: ARG002
        return False

    def has_turn_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("flags.turn_dial")

    def has_kill_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("flags.kill_flag")

    def get_urls(self) -> list[URLPattern]:
        return [
            path(
                f"<int:pk>/{name}/",
                self.admin_site.admin_view(view),
                name=f"flags_flagstate_{name}",
            )
            for name, view in (
                dial_pages.VIEWS
                | change_pages.DIAL_VIEWS
                | explain_pages.VIEWS
                | propagation_pages.VIEWS
                | target_pages.VIEWS
            ).items()
        ] + super().get_urls()

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        context = {"may_turn": self.has_turn_permission(request)}
        context["may_kill"] = self.has_kill_permission(request)
        return super().change_view(
            request, object_id, form_url, {**context, **(extra_context or {})}
        )

    @admin.display(description="Rollout dial", ordering="dial")
    def dial_shown(self, state: FlagState) -> str:
        return f"{state.percent} %{', killed' if state.killed_at else ''}"

    @admin.display(description="Turn the dial")
    def turn(self, state: FlagState) -> SafeString:
        return format_html('<a href="{}">Turn the dial…</a>', dial_pages.address("turn", state))

    @admin.action(description="Kill: dial to 0 %% now", permissions=["kill"])
    def kill_selected(
        self, request: HttpRequest, queryset: QuerySet[FlagState]
    ) -> HttpResponse | None:
        return dial_pages.kill_many(request, queryset)

    @admin.action(description="Turn the dial…", permissions=["turn"])
    def turn_selected(
        self, request: HttpRequest, queryset: QuerySet[FlagState]
    ) -> HttpResponse | None:
        return dial_pages.turn_one_of(request, queryset)
