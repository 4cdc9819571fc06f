"""The list of releases, the board of one, its moves and sign-offs. Views only translate."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from checklists import gates, lifecycle
from checklists.models import Gate
from flags.changing.lookup import states_of
from flags.models import FlagState
from releasecontrol.board import board, listing, moves
from releasecontrol.board.access import needs
from releases.models import Release
from releases.refusals import Refused
from releases.states import ReleaseState
from releases.timeline import Actor


@require_safe
@needs("releases.view_release")
def releases(request: HttpRequest) -> HttpResponse:
    """Every release as a card."""
    return render(request, "board/releases.html", {"cards": listing.cards()})


@require_safe
@needs("releases.view_release")
def show(request: HttpRequest, slug: str) -> HttpResponse:
    """The board: the one page of a cutover."""
    return _board(request, _release(slug))


@require_safe
@needs("releases.view_release")
def live(request: HttpRequest, slug: str) -> HttpResponse:
    """The part of the board that is asked for again every few seconds."""
    context = _context(request, _release(slug))
    return render(request, "board/live.html", context)


@require_POST
@needs("releases.move_release")
def move(request: HttpRequest, slug: str) -> HttpResponse:
    """Move the release on; a closed gate is answered with the board and what is open."""
    release = _release(slug)
    try:
        moved = lifecycle.move(
            release=release,
            to=_known_state(request.POST.get("to", "")),
            actor=Actor.person(request.user),
            reason=request.POST.get("reason", ""),
        )
    except Refused as refused:
        return _board(request, _release(slug), refused)
    messages.success(request, f"The release is {moved.get_state_display().lower()} now.")
    return redirect("board", slug)


@require_http_methods(["GET", "HEAD"])
@needs("releases.move_release")
def ending(request: HttpRequest, slug: str, to: str) -> HttpResponse:
    """Ask for the reason before a release is cancelled or recorded as rolled back."""
    release = _release(slug)
    found = next((way for way in moves.of(release) if way.to == to and way.is_ending), None)
    if found is None:
        raise Http404
    return render(request, "board/ending.html", {"release": release, "move": found, "tab": "board"})


@require_POST
@needs("checklists.sign_off")
def sign_off(request: HttpRequest, slug: str, gate: int) -> HttpResponse:
    """A role's yes or no at a gate."""
    release = _release(slug)
    try:
        signed = gates.sign_off(
            gate=get_object_or_404(Gate, pk=gate, release=release),
            role=request.POST.get("role", ""),
            go=request.POST.get("go") == "yes",
            actor=Actor.person(request.user),
            reason=request.POST.get("reason", ""),
        )
    except Refused as refused:
        return _board(request, release, refused)
    messages.success(request, "Signed off." if signed.go else "Your no is recorded.")
    return redirect("board", slug)


@require_safe
@needs("flags.view_flagstate")
def dial(request: HttpRequest, slug: str, state: int) -> HttpResponse:
    """The dial's page: to turn it, for those who may; for the others to read."""
    found = get_object_or_404(states_of(get_object_or_404(Release, slug=slug)), pk=state)
    turns = request.user.has_perm("flags.turn_dial")
    return redirect(f"admin:flags_flagstate_{'turn' if turns else 'change'}", found.pk)


@require_safe
@needs("flags.kill_flag")
def kill(request: HttpRequest, state: int) -> HttpResponse:  # noqa: ARG001
    """The page that kills a flag, apart from everything that turns it."""
    return redirect("admin:flags_flagstate_kill", get_object_or_404(FlagState, pk=state).pk)


def _board(request: HttpRequest, release: Release, refused: Refused | None = None) -> HttpResponse:
    context = _context(request, release) | {"refusal": refused}
    return render(request, "board/board.html", context, status=409 if refused else 200)


def _context(request: HttpRequest, release: Release) -> dict[str, object]:
    assembled = board.assemble(release, request.user)
    return {"board": assembled, "release": release, "tab": "board"}


def _release(slug: str) -> Release:
    return get_object_or_404(Release.objects.select_related("driver"), slug=slug)


def _known_state(to: str) -> str:
    if to not in set(ReleaseState):
        raise Http404
    return to
