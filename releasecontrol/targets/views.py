"""Pages of target databases: the list, one target, and what people may do about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from migrations_runner import holds, integrity, target_reports
from migrations_runner.backup import verbs as backup
from migrations_runner.models import IntegrityFinding
from releasecontrol.board.access import is_part, needs
from releasecontrol.targets import showing
from releasecontrol.targets.forms import AttestForm, ReasonForm
from releases import targets as connections
from releases.models import TargetDatabase
from releases.refusals import Refused
from releases.timeline import Actor

_STOP_POLLING = 286  # htmx: put this in, and ask no more
VIEW = "migrations_runner.view_targetreport"
TEST = "migrations_runner.queue_run"
HOLD = "migrations_runner.hold_target"
TAKE = "migrations_runner.take_backup"
ATTEST = "migrations_runner.attest_backup"
CHANGE = "releases.change_targetdatabase"


@require_safe
@needs(VIEW)
def every(request: HttpRequest) -> HttpResponse:
    """All targets, in the order of their environments."""
    found = TargetDatabase.objects.select_related("environment", "report")
    return render(request, "targets/list.html", {"targets": found})


@never_cache
@require_safe
@needs(VIEW)
def target(request: HttpRequest, name: str) -> HttpResponse:
    """One target: what a worker saw there, what stands there, what holds it, its backups."""
    context = _context(_target(name))
    if is_part(request):
        status = 200 if context["page"].is_waiting else _STOP_POLLING
        return render(request, "targets/live.html", context, status=status)
    return render(request, "targets/target.html", context)


@require_POST
@needs(TEST)
def test(request: HttpRequest, name: str) -> HttpResponse:
    """Ask a worker to connect and look."""
    return _act(
        request,
        name,
        lambda found, actor: target_reports.ask(target=found, actor=actor),
        "A worker was asked to look; its report comes below.",
    )


@require_POST
@needs(HOLD)
def hold(request: HttpRequest, name: str) -> HttpResponse:
    """Keep queued runs from a target."""
    return _with_reason(
        request,
        name,
        lambda found, reason, actor: holds.hold(target=found, reason=reason, actor=actor),
        "Held: no queued run begins here, and backfills rest.",
    )


@require_POST
@needs(HOLD)
def lift(request: HttpRequest, name: str) -> HttpResponse:
    """Lift every hold of a target."""
    return _with_reason(
        request,
        name,
        lambda found, reason, actor: holds.lift(target=found, reason=reason, actor=actor),
        "Lifted: what waits here goes on.",
    )


@require_POST
@needs(HOLD)
def accept(request: HttpRequest, name: str, pk: int) -> HttpResponse:
    """Say that contradicting rows may stay as they are; the hold is lifted apart."""
    finding = get_object_or_404(IntegrityFinding, pk=pk, target__name=name)
    return _with_reason(
        request,
        name,
        lambda _found, reason, actor: integrity.accept(finding=finding, reason=reason, actor=actor),
        "Accepted: these rows count as they are from now on. A hold still has to be lifted.",
    )


@require_POST
@needs(TAKE)
def take_backup(request: HttpRequest, name: str) -> HttpResponse:
    """Ask a worker for a dump, and to try a restore where that was ticked."""
    restore_too = "restore" in request.POST
    return _act(
        request,
        name,
        lambda found, actor: backup.request(target=found, actor=actor, restore_too=restore_too),
        "A backup was asked for; a worker takes and verifies it.",
    )


@require_POST
@needs(ATTEST)
def attest(request: HttpRequest, name: str) -> HttpResponse:
    """A person vouches for a provider's own backup."""
    form = AttestForm(request.POST)
    if not form.is_valid():
        return _again(request, name, {"attest_form": form})
    given = form.cleaned_data
    return _act(
        request,
        name,
        lambda found, actor: backup.attest(
            target=found, actor=actor, note=given["note"], taken_at=given["taken_at"]
        ),
        "Noted, with your name.",
    )


@require_POST
@needs(CHANGE)
def forget(request: HttpRequest, name: str) -> HttpResponse:
    """Let the next database that answers be the expected one."""
    return _act(
        request,
        name,
        lambda found, actor: connections.forget_identity(target=found, actor=actor),
        "The next database that answers is the expected one.",
    )


def _with_reason(
    request: HttpRequest,
    name: str,
    verb: Callable[[TargetDatabase, str, Actor], object],
    said: str,
) -> HttpResponse:
    form = ReasonForm(request.POST)
    if not form.is_valid():
        return _again(request, name, {"reason_form": form})
    reason = form.cleaned_data["reason"]
    return _act(request, name, lambda found, actor: verb(found, reason, actor), said)


def _act(
    request: HttpRequest, name: str, verb: Callable[[TargetDatabase, Actor], object], said: str
) -> HttpResponse:
    try:
        verb(_target(name), Actor.person(request.user))
    except Refused as refused:
        messages.error(request, refused.message)
    else:
        messages.success(request, said)
    return redirect("target", name)


def _again(request: HttpRequest, name: str, forms: dict[str, Form]) -> HttpResponse:
    """The page again with what was typed and why it was not taken."""
    context = _context(_target(name)) | forms
    return render(request, "targets/target.html", context, status=400)


def _context(found: TargetDatabase) -> dict[str, Any]:
    return {
        "target": found,
        "page": showing.show(found),
        "reason_form": ReasonForm(),
        "attest_form": AttestForm(),
    }


def _target(name: str) -> TargetDatabase:
    return get_object_or_404(TargetDatabase.objects.select_related("environment"), name=name)
