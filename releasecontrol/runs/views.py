"""Pages of migration runs: the list, the form that queues one, one run live, its cancel."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from migrations_runner import runs
from migrations_runner.models import MigrationRun
from migrations_runner.states import RunState
from releasecontrol.board.access import is_part, needs
from releasecontrol.runs import forms, listing, showing
from releasecontrol.runs.around import around
from releases.models import Release
from releases.refusals import NotPermitted, Refused
from releases.timeline import Actor

_ON_A_PAGE = 50
_STOP_POLLING = 286  # htmx: put this in, and ask no more
_REFUSED = 409
VIEW, QUEUE, CANCEL = (
    "migrations_runner.view_migrationrun",
    "migrations_runner.queue_run",
    "migrations_runner.cancel_run",
)


@require_safe
@needs(VIEW)
def release_runs(request: HttpRequest, slug: str) -> HttpResponse:
    """Every run of a release, the newest first."""
    release = _release(slug)
    page = Paginator(listing.runs_of(release), _ON_A_PAGE).get_page(request.GET.get("page"))
    return render(request, "runs/list.html", {"release": release, "page": page, "tab": "runs"})


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@needs(QUEUE)
def queue(request: HttpRequest, slug: str) -> HttpResponse:
    """Choose scripts and a target, see what would happen, give the values, queue."""
    release = _release(slug)
    given = forms.read(release, request.POST if request.method == "POST" else request.GET)
    if "queue" in request.POST:
        return _queue(request, given)
    template = "runs/queue_plan.html" if is_part(request) else "runs/queue.html"
    return render(request, template, _form(request, given))


def _queue(request: HttpRequest, given: forms.Given) -> HttpResponse:
    try:
        run = runs.queue(
            scripts=given.scripts(),
            target=given.confirmed_target(),
            variables=given.values,
            actor=Actor.person(request.user),
            release=given.release,
        )
    except runs.AlreadyQueued as refused:
        messages.warning(request, refused.message)
        return redirect("release-runs", given.release.slug)
    except Refused as refused:
        status = 403 if isinstance(refused, NotPermitted) else _REFUSED
        return render(request, "runs/queue.html", _form(request, given, refused), status=status)
    messages.success(request, _said(run))
    return redirect("run", run.pk)


def _said(run: MigrationRun) -> str:
    if run.state == RunState.AWAITING_APPROVAL:
        return f"{run} is tried on a clone now, and waits for somebody else to approve it."
    return f"{run} is queued."


def _form(
    request: HttpRequest, given: forms.Given, refused: Refused | None = None
) -> dict[str, object]:
    gone = isinstance(refused, forms.ScriptGone)
    return {
        "given": given,
        "release": given.release,
        "preview": None if gone else given.preview(request.user.pk),
        "refusal": refused,
        "tab": "runs",
    }


@require_safe
@needs(VIEW)
def run(request: HttpRequest, pk: int) -> HttpResponse:
    """One run, followed live until it has ended."""
    found = _run(pk)
    return render(request, "runs/run.html", _shown(found))


@never_cache
@require_safe
@needs(VIEW)
def progress(request: HttpRequest, pk: int) -> HttpResponse:
    """The part of a run's page that changes; the last one tells the page to stop asking."""
    context = _shown(_run(pk))
    status = _STOP_POLLING if context["shown"].is_final else 200
    return render(request, "runs/progress.html", context, status=status)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@needs(CANCEL)
def cancel(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask once, then cancel."""
    found = _run(pk)
    if request.method != "POST":
        return render(request, "runs/cancel.html", _shown(found))
    try:
        after = runs.cancel(run=found, actor=Actor.person(request.user))
    except Refused as refused:
        messages.error(request, refused.message)
    else:
        ended = after.state == RunState.CANCELLED
        said = "is cancelled; nothing was run" if ended else "is being stopped by its worker"
        messages.success(request, f"{found} {said}.")
    return redirect("run", pk)


def _shown(found: MigrationRun) -> dict[str, Any]:
    return {
        "shown": showing.show(found),
        "around": around(found),
        "run": found,
        "release": found.release,
        "tab": "runs",
    }


def _release(slug: str) -> Release:
    return get_object_or_404(Release, slug=slug)


def _run(pk: int) -> MigrationRun:
    return get_object_or_404(
        MigrationRun.objects.select_related("target__environment", "release", "undoes"), pk=pk
    )
