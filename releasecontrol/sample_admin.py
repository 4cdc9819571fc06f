"""Samples of users in the admin: here, because they come from targets and go to flags."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.safestring import SafeString

from flags.changing import samples
from flags.models import UserSample
from flags.pages.change_forms import SampleForm
from releasecontrol import samples as asking
from releases.admin_kit import ReadOnly, badge
from releases.refusals import Refused
from releases.timeline import Actor


@admin.register(UserSample)
class UserSampleAdmin(ReadOnly):
    """Users to try a change on; their keys are not listed, only counted."""

    list_display = ("name", "users", "source", "standing", "made_by", "made_at")
    search_fields = ("name", "target")
    fields = ("name", "users", "source", "query", "standing", "made_by", "asked_at", "made_at")
    readonly_fields = fields
    ordering: ClassVar = ["-made_at"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(samples.PERMISSION)

    @admin.display(description="From")
    def source(self, sample: UserSample) -> str:
        return f"a query on {sample.target}" if sample.target else "an upload"

    @admin.display(description="State")
    def standing(self, sample: UserSample) -> SafeString:
        if sample.error:
            return badge(f"Failed: {sample.error}", "bad")
        if sample.is_awaited:
            return badge("A worker is asking", "active")
        return badge("Ready", "good")

    def add_view(self, request: HttpRequest, *_args: Any, **_kwargs: Any) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = SampleForm(request.POST or None, request.FILES or None)
        if request.method == "POST" and form.is_valid() and self._kept(request, form):
            return redirect("admin:flags_usersample_changelist")
        context = {
            **self.admin_site.each_context(request),
            "title": "Add a sample of users",
            "form": form,
            "opts": self.model._meta,
        }
        return TemplateResponse(request, "admin/flags/usersample/add.html", context)

    def _kept(self, request: HttpRequest, form: SampleForm) -> bool:
        given, actor = form.cleaned_data, Actor.person(request.user)
        try:
            if given["target"]:
                asking.ask(
                    name=given["name"],
                    target=given["target"].name,
                    query=given["query"],
                    actor=actor,
                )
            else:
                samples.upload(name=given["name"], text=given["text"], actor=actor)
        except Refused as refused:
            form.add_error(None, refused.message)
            return False
        kept = f"The sample {given['name']} is kept for {samples.KEEP.days} days."
        messages.success(request, kept)
        return True
