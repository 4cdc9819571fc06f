"""Releases, targets, tokens and the records beneath them, in the admin."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from releases import targets, tokens
from releases.admin_kit import OnTimeline, ReadOnly, badge
from releases.forms import TokenForm
from releases.models import (
    ApiToken,
    Environment,
    Event,
    Evidence,
    PlanDocument,
    Release,
    TargetDatabase,
    Verdict,
)
from releases.refusals import Refused
from releases.timeline import Actor

#: Pages of a release outside the admin: address name, label, permission to be offered it.
PAGES = (
    ("board", "Board", "releases.view_release"),
    ("tick-board", "Checklist", "checklists.view_checklistitem"),
    ("release-runs", "Migration runs", "migrations_runner.view_migrationrun"),
    ("flags", "Flags", "flags.view_flagstate"),
    ("status", "Status", "releases.view_status"),
)
_VERDICT_TONES = {Verdict.PASS: "good", Verdict.FAIL: "bad", Verdict.INCONCLUSIVE: "warn"}


def page_links(release: Release, user: Any) -> list[tuple[str, str]]:
    """(address, label) of each page of a release that this user may open."""
    found = []
    for name, label, permission in PAGES:
        address = _address(name, release) if user.has_perm(permission) else ""
        if address:
            found.append((address, label))
    return found


def _address(name: str, release: Release) -> str:
    if name == "flags":
        return f"{reverse('board', args=[release.slug])}#flags"
    try:
        return reverse(name, args=[release.slug])
    except NoReverseMatch:  # an installation without that room
        return ""


@admin.register(Release)
class ReleaseAdmin(OnTimeline):
    """State is read here and moved by verbs; a release is made by importing or from a template."""

    list_display = ("title", "state_badge", "driver", "planned_for", "started_at")
    list_filter = ("state", "planned_for")
    list_select_related = ("driver",)
    search_fields = ("title", "slug", "version", "git_ref")
    date_hierarchy = "created_at"
    fields = (
        "title",
        "slug",
        "state_badge",
        "summary",
        ("version", "git_ref"),
        ("planned_for", "driver"),
        ("created_at", "started_at", "finished_at"),
    )
    readonly_fields = ("slug", "state_badge", "created_at", "started_at", "finished_at")

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        return [*self.list_display, _pages_for(request.user)]

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002
        """Releases come with their gates: from a plan or a template, on their own pages."""
        return False

    def release_of(self, obj: Any) -> Any:
        return obj

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        release = self.get_object(request, object_id)
        links = page_links(release, request.user) if isinstance(release, Release) else []
        context = {"page_links": links} | (extra_context or {})
        return super().change_view(request, object_id, form_url, context)

    @admin.display(description="State", ordering="state")
    def state_badge(self, release: Release) -> SafeString:
        return badge(release.get_state_display(), release.tone)


def _pages_for(user: Any) -> Any:
    """A list column with the pages of each release that this user may open."""

    @admin.display(description="Pages")
    def pages(release: Release) -> SafeString:
        named = [
            (address, f"{label} of {release}", label)
            for address, label in page_links(release, user)
        ]
        return format_html_join(" · ", '<a href="{}" aria-label="{}">{}</a>', named)

    return pages


@admin.register(PlanDocument)
class PlanDocumentAdmin(ReadOnly):
    list_display = ("release", "version", "filename", "imported_at", "imported_by", "found")
    list_filter = ("release", "imported_at")
    search_fields = ("release__title", "filename")
    date_hierarchy = "imported_at"
    fields = (
        "release",
        "version",
        "filename",
        "imported_at",
        "imported_by",
        "sha256",
        "found",
        "repaired",
        "source_text",
    )
    readonly_fields = ("found", "repaired", "source_text")

    def get_queryset(self, request: HttpRequest) -> QuerySet[PlanDocument]:
        found = super().get_queryset(request).select_related("release")
        return found.defer("source", "lines")

    @admin.display(description="Found in it")
    def found(self, plan: PlanDocument) -> str:
        return ", ".join(
            f"{number} {what.replace('_', ' ')}" for what, number in plan.counts.items()
        )

    @admin.display(description="Lines with repaired symbols")
    def repaired(self, plan: PlanDocument) -> str:
        return f"{len(plan.repaired_lines)}"

    @admin.display(description="Text")
    def source_text(self, plan: PlanDocument) -> SafeString:
        return format_html('<pre class="source" tabindex="0">{}</pre>', plan.text)


@admin.register(Event)
class EventAdmin(ReadOnly):
    list_display: tuple[str, ...] = ("at", "actor_name", "verb", "subject_label", "release")
    list_display_links = ("at",)
    list_filter = ("release", "actor_kind", "verb")
    list_select_related = ("release",)
    search_fields = ("actor_name", "subject_label", "verb")
    date_hierarchy = "at"
    fields = (
        "at",
        "actor_name",
        "actor_kind",
        "verb",
        "subject_label",
        "release",
        "environment",
        "facts",
        "hash",
        "previous_hash",
    )
    readonly_fields = ("facts",)

    @admin.display(description="Facts")
    def facts(self, event: Event) -> SafeString | str:
        rows = format_html_join("", "<dt>{}</dt><dd>{}</dd>", event.data.items())
        return format_html('<dl class="facts">{}</dl>', rows) if rows else "none"


@admin.register(Evidence)
class EvidenceAdmin(ReadOnly):
    list_display = ("at", "verdict_badge", "summary", "subject", "release")
    list_filter = ("verdict", "release")
    list_select_related = ("release",)
    search_fields = ("subject", "summary")
    date_hierarchy = "at"
    fields = ("at", "verdict_badge", "summary", "subject", "release", "seen")
    readonly_fields = ("verdict_badge", "seen")

    @admin.display(description="Verdict", ordering="verdict")
    def verdict_badge(self, evidence: Evidence) -> SafeString:
        return badge(evidence.get_verdict_display(), _VERDICT_TONES[Verdict(evidence.verdict)])

    @admin.display(description="Numbers")
    def seen(self, evidence: Evidence) -> SafeString | str:
        rows = format_html_join("", "<dt>{}</dt><dd>{}</dd>", evidence.numbers.items())
        return format_html('<dl class="facts">{}</dl>', rows) if rows else "none"


@admin.register(Environment)
class EnvironmentAdmin(OnTimeline):
    list_display = ("name", "slug", "is_production", "position")
    search_fields = ("name", "slug")

    def get_readonly_fields(
        self,
        request: HttpRequest,  # noqa: ARG002
        obj: Environment | None = None,
    ) -> tuple[str, ...]:
        return ("slug",) if obj else ()


@admin.register(TargetDatabase)
class TargetDatabaseAdmin(OnTimeline):
    list_display = ("name", "environment", "url_variable", "answered", "checked_at")
    list_filter = ("environment",)
    list_select_related = ("environment",)
    search_fields = ("name", "url_variable")
    actions = ("forget_identity",)
    fields = (
        "name",
        "environment",
        "url_variable",
        "stall_budget_ms",
        "statement_timeout_ms",
        "answered",
        "checked_at",
    )
    readonly_fields = ("answered", "checked_at")

    @admin.display(description="Which database answered")
    def answered(self, target: TargetDatabase) -> str:
        known = target.identity
        return f"{known['database']} on system {known['system']}" if known else "none yet"

    @admin.action(
        description="Forget which database answered (it was replaced)", permissions=["change"]
    )
    def forget_identity(self, request: HttpRequest, queryset: QuerySet[TargetDatabase]) -> None:
        actor = Actor.person(request.user)
        self.for_each(
            request,
            queryset,
            lambda target: targets.forget_identity(target=target, actor=actor),
            "{} forgotten: the next database that answers is remembered.",
        )


@admin.register(ApiToken)
class ApiTokenAdmin(ReadOnly):
    """Tokens are made by a form that shows the text once, and end by being revoked."""

    list_display = ("name", "hint", "environment", "scope", "user", "life", "created_at")
    list_filter = ("environment", "scope")
    list_select_related = ("environment", "user")
    search_fields = ("name", "hint")
    actions = ("revoke",)
    fields = ("name", "hint", "environment", "scope", "user", "life", "created_at", "expires_at")
    readonly_fields = ("life",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("releases.add_apitoken"))

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("releases.change_apitoken"))

    @admin.display(description="State")
    def life(self, token: ApiToken) -> SafeString:
        return badge("Revoked", "quiet") if token.revoked_at else badge("In use", "good")

    @admin.action(description="Revoke", permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> None:
        actor = Actor.person(request.user)
        self.for_each(
            request,
            queryset,
            lambda token: tokens.revoke(token=token, actor=actor),
            "{} revoked. Whoever used it is refused from now on.",
        )

    def add_view(
        self,
        request: HttpRequest,
        form_url: str = "",  # noqa: ARG002
        extra_context: dict[str, Any] | None = None,  # noqa: ARG002
    ) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = TokenForm(request.POST or None)
        plain = self._issue(request, form) if form.is_valid() else ""
        context = self.admin_site.each_context(request) | {
            "title": "Issue a token" if not plain else "The new token",
            "form": form,
            "plain": plain,
            "opts": self.opts,
        }
        return TemplateResponse(request, "admin/releases/apitoken/issue.html", context)

    def _issue(self, request: HttpRequest, form: TokenForm) -> str:
        given = form.cleaned_data
        actor = Actor.person(request.user)
        as_user = actor.user if given["scope"] == ApiToken.Scope.MANAGE else None
        try:
            _, plain = tokens.issue(**given, actor=actor, user=as_user)
        except Refused as refused:
            self.message_user(request, refused.message, messages.ERROR)
            return ""
        return plain
