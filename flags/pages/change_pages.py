"""Pages of changes that wait: each reads a form, calls one verb, shows the refusal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse

from flags.changing import proposing, scheduling, transfer
from flags.changing.samples import blast_radius
from flags.core.specs import FlagSpec, flag_from
from flags.models import FlagState, ProposedChange, ScheduledChange
from flags.pages.change_forms import CopyForm, NoteForm, ScheduleForm, samples
from flags.pages.forms import show_refusal
from flags.states import ChangeState
from releases.models import Environment
from releases.refusals import Refused
from releases.timeline import Actor


# --- On a dial ----------------------------------------------------------------------------------
def schedule(request: HttpRequest, pk: int) -> HttpResponse:
    """Plan a change of a dial for later."""
    state = _state(request, pk)
    form = ScheduleForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            planned = scheduling.schedule(
                flag=state.flag,
                environment=state.environment,
                change=form.cleaned_data["change"],
                due_at=form.cleaned_data["due_at"],
                reason=form.cleaned_data["reason"],
                actor=Actor.person(request.user),
            )
        except Refused as refused:
            show_refusal(form, refused)
        else:
            what = scheduling.in_words(planned.change)
            messages.success(request, f"Planned for {planned.due_at:%Y-%m-%d %H:%M} UTC: {what}.")
            return redirect("admin:flags_flagstate_change", state.pk)
    return _dial_page(request, state, form, "Schedule a change")


def copy(request: HttpRequest, pk: int) -> HttpResponse:
    """Make a dial what it is in another environment; what was shown, or nothing."""
    state = _state(request, pk)
    form = CopyForm(request.POST or None, state=state)
    move = None
    if request.method == "POST" and form.is_valid():
        try:
            move = transfer.preview_copy(state.flag, form.cleaned_data["source"], state.environment)
            if "_act" in request.POST:
                return _copied(request, state, form)
        except Refused as refused:
            show_refusal(form, refused)
    if move is not None:
        form.data = {**request.POST.dict(), "content": move.content}
    return _dial_page(
        request,
        state,
        form,
        "Copy from another environment",
        lines=move.lines if move else None,
        **blast_facts(request, state.environment, move.after if move else None),
    )


def _copied(request: HttpRequest, state: FlagState, form: CopyForm) -> HttpResponse:
    given = form.cleaned_data
    transfer.copy(
        flag=state.flag,
        source=given["source"],
        destination=state.environment,
        content=given["content"],
        reason=given["reason"],
        actor=Actor.person(request.user),
    )
    messages.success(request, f"{state} is now what it is on {given['source']}.")
    return redirect("admin:flags_flagstate_change", state.pk)


DIAL_VIEWS: dict[str, Callable[..., HttpResponse]] = {"schedule": schedule, "copy": copy}


def _dial_page(
    request: HttpRequest, state: FlagState, form: forms.Form, verb: str, **more: Any
) -> HttpResponse:
    context = {
        **admin.site.each_context(request),
        "title": f"{verb}: {state}",
        "verb": verb,
        "state": state,
        "form": form,
        "opts": FlagState._meta,
        **more,
    }
    return TemplateResponse(request, "flags/change_of_dial.html", context)


def _state(request: HttpRequest, pk: int) -> FlagState:
    if not request.user.has_perm("flags.turn_dial"):
        raise PermissionDenied
    return get_object_or_404(FlagState.objects.select_related("flag", "environment"), pk=pk)


# --- A proposal ---------------------------------------------------------------------------------
def proposal_facts(request: HttpRequest, proposal: ProposedChange) -> dict[str, Any]:
    """What a person needs to say yes or no: the difference in words, and who would be touched."""
    after = flag_from(proposal.after) if proposal.after and not proposal.segment else None
    approved = proposing.is_approved(proposal)
    user = request.user
    return {
        "lines": proposing.lines(proposal),
        "still_fits": proposal.state != ChangeState.WAITING or proposing.still_fits(proposal),
        "elsewhere": Environment.objects.filter(slug__in=proposal.change.get("environments", [])),
        "used_by": proposal.before.get("used_by", []) if proposal.segment else [],
        "is_approved": approved,
        "approvals": proposing.given(proposal),
        "quorum": proposing.quorum(proposal),
        "may_approve": user.has_perm(proposing.APPROVE) and user.pk != proposal.author_id,
        "may_carry_out": user.has_perm("flags.turn_dial"),
        "may_withdraw": user.has_perm(proposing.APPROVE) or user.pk == proposal.author_id,
        "note_form": NoteForm(),
        **blast_facts(request, proposal.of.environment, after),
    }


def act_on_proposal(request: HttpRequest, pk: int) -> HttpResponse:
    """Approve, carry out or withdraw, as the pressed button says."""
    proposal = get_object_or_404(ProposedChange, pk=pk)
    verbs: dict[str, Callable[..., object]] = {
        "_approve": lambda **given: proposing.approve(note=request.POST.get("note", ""), **given),
        "_carry_out": proposing.carry_out,
        "_withdraw": proposing.withdraw,
    }
    verb = next((verbs[name] for name in verbs if name in request.POST), None)
    if request.method == "POST" and verb is not None:
        _say(
            request,
            lambda: verb(proposal=proposal, actor=Actor.person(request.user)),
            "Done. The change and its state stand below.",
        )
    return redirect("admin:flags_proposedchange_change", pk)


def cancel_scheduled(request: HttpRequest, pk: int) -> HttpResponse:
    """Take a planned change back."""
    planned = get_object_or_404(ScheduledChange, pk=pk)
    if request.method == "POST":
        _say(
            request,
            lambda: scheduling.cancel(scheduled=planned, actor=Actor.person(request.user)),
            "Cancelled: it will not happen.",
        )
    return redirect("admin:flags_scheduledchange_change", pk)


def _say(request: HttpRequest, act: Callable[[], object], done: str) -> None:
    try:
        act()
    except Refused as refused:
        messages.error(request, refused.message)
    else:
        messages.success(request, done)


def blast_facts(
    request: HttpRequest, environment: Environment, after: FlagSpec | None
) -> dict[str, Any]:
    """The counts over the sample that was chosen, or why there are none."""
    given = request.POST if request.method == "POST" else request.GET
    name = given.get("sample", "")
    facts: dict[str, Any] = {"samples": samples(), "chosen_sample": name}
    if after is None or not name:
        return facts
    try:
        facts["blast"] = blast_radius(sample=name, environment=environment, after=after)
    except Refused as refused:
        facts["blast_refusal"] = refused.message
    return facts
