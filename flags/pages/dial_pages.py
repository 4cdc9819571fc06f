"""The pages behind the dial's buttons: each reads a form, calls one verb, shows the refusal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin import helpers
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse

from flags.changing import rollout, targeting
from flags.core.percent import format_percent
from flags.models import FlagState
from flags.pages.change_forms import samples
from flags.pages.change_pages import blast_facts
from flags.pages.forms import KillForm, ReasonForm, TurnForm, show_refusal
from releases.refusals import Refused
from releases.timeline import Actor

Verb = Callable[[FlagState, dict[str, Any], Actor], str]


def address(name: str, state: FlagState) -> str:
    """Return the path of a dial's page: change, turn, kill, rearm or switch."""
    return reverse(f"admin:flags_flagstate_{name}", args=[state.pk])


def turn(request: HttpRequest, pk: int) -> HttpResponse:
    state = _state(request, pk, "flags.turn_dial")
    form = TurnForm(_given(request), initial=TurnForm.initial_of(state.dial))
    if "_preview" in request.POST and form.is_valid():
        to = form.cleaned_data["to"]
        after = replace(targeting.spec(state.flag, state.environment), dial=to)
        preview = change_in_words(state, to)
        counted = blast_facts(request, state.environment, after)
        return _page(request, state, form, "Turn the dial", preview=preview, **counted)
    return _act(request, state, form, "Turn the dial", _turn)


def kill(request: HttpRequest, pk: int) -> HttpResponse:
    state = _state(request, pk, "flags.kill_flag")
    return _act(request, state, KillForm(_given(request)), "Kill: dial to 0 % now", _kill)


def rearm(request: HttpRequest, pk: int) -> HttpResponse:
    state = _state(request, pk, "flags.turn_dial")
    return _act(request, state, ReasonForm(_given(request)), "Re-arm", _rearm)


def switch(request: HttpRequest, pk: int) -> HttpResponse:
    state = _state(request, pk, "flags.turn_dial")
    title = "Switch off" if state.enabled else "Switch on"
    return _act(request, state, ReasonForm(_given(request)), title, _switch)


VIEWS: dict[str, Callable[..., HttpResponse]] = {
    "turn": turn,
    "kill": kill,
    "rearm": rearm,
    "switch": switch,
}


def turn_one_of(request: HttpRequest, chosen: QuerySet[FlagState]) -> HttpResponse | None:
    """Go to the dial's page; several dials at once would hide what each change means."""
    state = chosen.first()
    if state is None or chosen.count() > 1:
        messages.error(request, "Choose one dial to turn.")
        return None
    return redirect(address("turn", state))


def kill_many(request: HttpRequest, chosen: QuerySet[FlagState]) -> HttpResponse | None:
    """Ask once, then kill each in a transaction of its own: one that fails stops no other."""
    if "_confirmed" not in request.POST:
        context = {
            **admin.site.each_context(request),
            "title": "Kill: dial to 0 % now",
            "states": chosen,
            "form": KillForm(),
            "selected_name": helpers.ACTION_CHECKBOX_NAME,
        }
        return TemplateResponse(request, "admin/flags/flagstate/kill_selected.html", context)
    for state in chosen:
        _say(request, state, _kill, {"reason": request.POST.get("reason", "")[:500]})
    return None


def change_in_words(state: FlagState, to: int) -> str:
    """Return what a turn would mean, before it is done."""
    before, after = format_percent(state.dial), format_percent(to)
    if to == state.dial:
        return f"The dial stands at {after} % already: nothing would change."
    moved = format_percent(abs(to - state.dial))
    whom = "more of the users would see it" if to > state.dial else "of the users would lose it"
    return f"{state.environment}: {before} % → {after} %. {moved} % {whom}; nobody else changes."


def _given(request: HttpRequest) -> QueryDict | None:
    return request.POST if request.method == "POST" else None


def _state(request: HttpRequest, pk: int, permission: str) -> FlagState:
    if not request.user.has_perm(permission):
        raise PermissionDenied
    return get_object_or_404(FlagState.objects.select_related("flag", "environment"), pk=pk)


def _act(
    request: HttpRequest, state: FlagState, form: forms.Form, title: str, verb: Verb
) -> HttpResponse:
    if request.method != "POST" or not form.is_valid():
        return _page(request, state, form, title)
    try:
        said = verb(state, form.cleaned_data, Actor.person(request.user))
    except Refused as refused:
        show_refusal(form, refused)
        return _page(request, state, form, title)
    messages.success(request, said)
    return HttpResponseRedirect(address("change", state))


def _say(request: HttpRequest, state: FlagState, verb: Verb, given: dict[str, Any]) -> None:
    try:
        messages.success(request, verb(state, given, Actor.person(request.user)))
    except Refused as refused:
        messages.error(request, f"{state}: {refused.message}")


def _page(
    request: HttpRequest,
    state: FlagState,
    form: forms.Form,
    title: str,
    preview: str = "",
    **more: Any,
) -> HttpResponse:
    context = {
        **admin.site.each_context(request),
        "title": f"{title}: {state}",
        "verb": title,
        "state": state,
        "form": form,
        "preview": preview,
        "can_preview": isinstance(form, TurnForm),
        "danger": isinstance(form, KillForm),
        "samples": samples() if isinstance(form, TurnForm) else None,
        **more,
        "opts": FlagState._meta,
    }
    return TemplateResponse(request, "admin/flags/flagstate/act.html", context)


def _turn(state: FlagState, given: dict[str, Any], actor: Actor) -> str:
    turned = rollout.turn_dial(
        flag=state.flag,
        environment=state.environment,
        to=given["to"],
        reason=given["reason"],
        actor=actor,
    )
    before, after = format_percent(turned.before), format_percent(turned.after)
    return f"{state}: {before} % → {after} %." if turned.changed else f"{state} stays at {after} %."


def _kill(state: FlagState, given: dict[str, Any], actor: Actor) -> str:
    killed = rollout.kill(
        flag=state.flag, environment=state.environment, reason=given["reason"], actor=actor
    )
    if not killed.changed:
        return f"{state} was killed already."
    return f"{state}: killed. It was at {format_percent(killed.before)} %."


def _rearm(state: FlagState, given: dict[str, Any], actor: Actor) -> str:
    rollout.rearm(
        flag=state.flag, environment=state.environment, reason=given["reason"], actor=actor
    )
    return f"{state}: re-armed, at 0 %. Turn the dial when you are ready."


def _switch(state: FlagState, given: dict[str, Any], actor: Actor) -> str:
    turned = rollout.switch(
        flag=state.flag,
        environment=state.environment,
        on=not state.enabled,
        reason=given["reason"],
        actor=actor,
    )
    return f"{state}: switched {'on' if turned.state.enabled else 'off'}."
