"""The page of a rehearsal: what a run did on a clone before it may touch anything real."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from migrations_runner.models import Rehearsal
from migrations_runner.rehearsal import verbs
from migrations_runner.states import REHEARSAL
from releasecontrol.board.access import is_part, needs
from releasecontrol.rehearsals import showing
from releases.refusals import Refused
from releases.timeline import Actor

_STOP_POLLING = 286  # htmx: put this in, and ask no more
VIEW = "migrations_runner.view_rehearsal"
QUEUE = "migrations_runner.queue_run"


@never_cache
@require_safe
@needs(VIEW)
def rehearsal(request: HttpRequest, pk: int) -> HttpResponse:
    """What each statement cost on the clone, and whom its locks would have kept waiting."""
    found = _rehearsal(pk)
    final = found.state in REHEARSAL.final
    context = {
        "rehearsal": found,
        "run": found.run,
        "release": found.run.release,
        "page": showing.show(found),
        "is_final": final,
        "tab": "runs",
    }
    if is_part(request):
        status = _STOP_POLLING if final else 200
        return render(request, "rehearsals/body.html", context, status=status)
    return render(request, "rehearsals/rehearsal.html", context)


@require_POST
@needs(QUEUE)
def cancel(request: HttpRequest, pk: int) -> HttpResponse:
    """End a rehearsal; its clone is thrown away."""
    try:
        verbs.cancel(rehearsal=_rehearsal(pk), actor=Actor.person(request.user))
    except Refused as refused:
        messages.error(request, refused.message)
    else:
        messages.success(request, "Cancelled; its clone is thrown away.")
    return redirect("rehearsal", pk)


def _rehearsal(pk: int) -> Rehearsal:
    found = Rehearsal.objects.select_related("run__target__environment", "run__release")
    return get_object_or_404(found, pk=pk)
