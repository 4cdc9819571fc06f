"""What people do to a run: approve it, let it rest and go on, settle it, take it back."""

from __future__ import annotations

from collections.abc import Callable

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from migrations_runner import approving, runs, settling
from migrations_runner.models import MigrationRun
from migrations_runner.rehearsal import verbs as rehearsals
from migrations_runner.undo import previewing
from migrations_runner.undo import verbs as undo
from releasecontrol.board.access import needs
from releasecontrol.rehearsals import showing as rehearsed
from releasecontrol.runs import showing
from releasecontrol.runs.around import around
from releases.refusals import Refused
from releases.timeline import Actor

QUEUE = "migrations_runner.queue_run"
APPROVE = "migrations_runner.approve_run"
CANCEL = "migrations_runner.cancel_run"


class ApproveForm(forms.Form):
    """A yes to exactly this batch; without a rehearsal it needs a reason."""

    note = forms.CharField(max_length=500, required=False, label="Note (optional)")
    without_rehearsal = forms.CharField(
        max_length=500, required=False, label="Why it goes without a passed rehearsal"
    )


class UndoForm(forms.Form):
    """Taking a run's row changes back, with the reason."""

    reason = forms.CharField(max_length=500, strip=True, label="Why")


class SettleForm(forms.Form):
    """What a person saw on the target: was the statement under way done or not?"""

    done = forms.TypedChoiceField(
        choices=[("yes", "It took effect"), ("no", "It did not take effect")],
        coerce=lambda word: word == "yes",
        widget=forms.RadioSelect,
        label="The statement that was under way",
    )
    reason = forms.CharField(max_length=500, strip=True, label="What you looked at")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@needs(APPROVE)
def approve(request: HttpRequest, pk: int) -> HttpResponse:
    """Show what is approved, once more, and take the yes."""
    found = _run(pk)
    form = ApproveForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        return _act(
            request,
            pk,
            lambda actor: approving.approve(
                run=found,
                actor=actor,
                note=given["note"],
                without_rehearsal_reason=given["without_rehearsal"],
            ),
            "Approved, with your name.",
        )
    return render(request, "runs/approve.html", _asked(found, form))


@require_POST
@needs(APPROVE)
def withdraw(request: HttpRequest, pk: int) -> HttpResponse:
    """Take one's own yes back."""
    return _act(
        request,
        pk,
        lambda actor: approving.withdraw(run=_run(pk), actor=actor),
        "Your approval is withdrawn.",
    )


@require_POST
@needs(QUEUE)
def rehearse(request: HttpRequest, pk: int) -> HttpResponse:
    """Try the run on a clone, its down scripts too."""
    with_down = "with_down" in request.POST
    return _act(
        request,
        pk,
        lambda actor: rehearsals.request(run=_run(pk), actor=actor, with_down=with_down),
        "A rehearsal was asked for.",
    )


@require_POST
@needs(CANCEL)
def pause(request: HttpRequest, pk: int) -> HttpResponse:
    """Let a run rest at the next place where nothing is half done."""
    return _act(
        request,
        pk,
        lambda actor: runs.pause(run=_run(pk), actor=actor),
        "It rests at the next place where nothing is half done.",
    )


@require_POST
@needs(CANCEL)
def resume(request: HttpRequest, pk: int) -> HttpResponse:
    """Let a resting run go on."""
    return _act(request, pk, lambda actor: runs.resume(run=_run(pk), actor=actor), "It goes on.")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@needs(QUEUE)
def settle(request: HttpRequest, pk: int) -> HttpResponse:
    """Say what became of the statement that nobody can tell of."""
    found = _run(pk)
    form = SettleForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        return _act(
            request,
            pk,
            lambda actor: settling.ask(
                run=found, done=given["done"], actor=actor, reason=given["reason"]
            ),
            "Noted; a worker writes it to the target’s ledger and goes on from there.",
        )
    return render(request, "runs/settle.html", _asked(found, form))


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@needs(QUEUE)
def take_back(request: HttpRequest, pk: int) -> HttpResponse:
    """Show what an undo would do, and queue it."""
    found = _run(pk)
    form = UndoForm(request.POST or None)
    if request.method == "POST" and "look" in request.POST:
        return _act(
            request,
            pk,
            lambda asking: undo.ask_preview(run=found, actor=asking),
            "A worker was asked to look what an undo would do.",
            "undo-run",
        )
    if request.method == "POST" and form.is_valid():
        try:
            queued = undo.request_undo(
                run=found,
                actor=Actor.person(request.user),
                reason=form.cleaned_data["reason"],
            )
        except Refused as refused:
            messages.error(request, refused.message)
            return redirect("run", pk)
        messages.success(request, f"{queued} takes back {found}.")
        return redirect("run", queued.pk)
    context = _asked(found, form) | {"answer": previewing.answer(found)}
    return render(request, "runs/undo.html", context)


def _act(
    request: HttpRequest, pk: int, verb: Callable[[Actor], object], said: str, to: str = "run"
) -> HttpResponse:
    try:
        verb(Actor.person(request.user))
    except Refused as refused:
        messages.error(request, refused.message)
    else:
        messages.success(request, said)
    return redirect(to, pk)


def _asked(found: MigrationRun, form: forms.Form) -> dict[str, object]:
    passed = approving.rehearsal_of(found)
    return {
        "run": found,
        "shown": showing.show(found),
        "around": around(found),
        "rehearsed": rehearsed.show(passed) if passed is not None else None,
        "release": found.release,
        "form": form,
        "tab": "runs",
    }


def _run(pk: int) -> MigrationRun:
    found = MigrationRun.objects.select_related("target__environment", "release", "undoes")
    return get_object_or_404(found, pk=pk)
