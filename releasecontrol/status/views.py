"""Status pages: for support, in plain words, as HTML and as JSON."""

from __future__ import annotations

from dataclasses import asdict

from django.contrib.auth.decorators import login_required, permission_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from releasecontrol.status.summary import CURRENT, STATE_WORDS, look_up, summarise
from releases.models import Release
from releases.states import ReleaseState

_LONGEST_KEY = 512
_view_status = permission_required("releases.view_status", raise_exception=True)


@require_safe
@login_required
@_view_status
def index(request: HttpRequest) -> HttpResponse:
    rows = [
        {"release": release, "words": STATE_WORDS[ReleaseState(release.state)]}
        for release in Release.objects.all()[:100]
    ]
    current = [row for row in rows if row["release"].state in CURRENT]  # type: ignore[attr-defined]
    past = [row for row in rows if row not in current]
    return render(request, "status/index.html", {"current": current, "past": past})


@require_safe
@login_required
@_view_status
def page(request: HttpRequest, slug: str) -> HttpResponse:
    """A release's status page; with ``?user=`` it also answers "is this user in?"."""
    release = get_object_or_404(Release, slug=slug)
    key = request.GET.get("user", "").strip()
    too_long = len(key) > _LONGEST_KEY
    context = {
        "release": release,
        "summary": summarise(release),
        "key": key,
        "too_long": too_long,
        "answers": look_up(release, key) if key and not too_long else [],
    }
    return render(request, "status/page.html", context)


@require_safe
@login_required
@_view_status
def as_json(_request: HttpRequest, slug: str) -> JsonResponse:
    return JsonResponse(asdict(summarise(get_object_or_404(Release, slug=slug))))
