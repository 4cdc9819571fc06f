"""Pages that say who gets what: each reads a form, calls one verb, shows the refusal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse

from flags.changing import targeting
from flags.changing.samples import blast_radius
from flags.changing.targeting import Edit
from flags.core.differences import differences
from flags.core.specs import FlagSpec, RuleSpec
from flags.models import FlagState
from flags.pages.change_forms import samples
from flags.pages.condition_forms import as_typed, asks_more, conditions_form, conditions_of
from flags.pages.forms import ReasonForm, show_refusal
from flags.pages.target_forms import OverrideForm, RequiresForm, RuleForm
from releases.refusals import Refused
from releases.timeline import Actor


def rule(request: HttpRequest, pk: int) -> HttpResponse:
    """Add a rule, or with ``?place=`` change the one that stands there."""
    state, spec = _state(request, pk)
    place = _place(request, spec)
    standing = spec.rules[place] if place is not None else RuleSpec("")
    initial = {**RuleForm.initial_of(standing), "known": targeting.fingerprint(spec)}
    form = RuleForm(_given(request), state=state, initial=initial)
    rows = conditions_form(request.POST or None, standing.conditions)
    if asks_more(request.POST):
        form.initial = {**form.initial, **as_typed(form, request.POST)}
    verb = "Add a rule" if place is None else f"Change rule {place + 1}"
    edit = None
    if request.method == "POST" and form.is_valid() and rows.is_valid():
        made = form.rule(conditions_of(rows))
        edit = targeting.adding_rule(made)
        if place is not None:
            edit = targeting.changing_rule(place, made)
    return _answer(request, state, form, edit, verb=verb, rows=rows)


def override(request: HttpRequest, pk: int) -> HttpResponse:
    """Give one targeting key one variant."""
    state, spec = _state(request, pk)
    initial = {"key": request.GET.get("key", ""), "known": targeting.fingerprint(spec)}
    form = OverrideForm(_given(request), state=state, initial=initial)
    edit = None
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        edit = targeting.overriding(given["key"], given["variant"], given["until"])
        if not given["key"].isascii():
            messages.warning(
                request, "This key is not ASCII: some clients hash it differently than others."
            )
    return _answer(request, state, form, edit, verb="Override a user")


def requires(request: HttpRequest, pk: int) -> HttpResponse:
    """Say which flags this one stands on; in every environment."""
    state, spec = _state(request, pk)
    initial = {
        "requires": RequiresForm.text_of(spec.requires),
        "known": targeting.fingerprint(spec),
    }
    form = RequiresForm(_given(request), initial=initial)
    edit = None
    if request.method == "POST" and form.is_valid():
        edit = targeting.requiring(form.cleaned_data["requires"])
    return _answer(request, state, form, edit, verb="Change prerequisites")


class _ConfirmForm(ReasonForm):
    known = forms.CharField(required=False, widget=forms.HiddenInput, max_length=64)


def retarget(request: HttpRequest, pk: int) -> HttpResponse:
    """Move or take away a rule or an override: shown first, done with a reason."""
    state, spec = _state(request, pk)
    edit, verb = _wanted(request, spec)
    form = _ConfirmForm(_given(request), initial={"known": targeting.fingerprint(spec)})
    act = edit if request.method == "POST" and form.is_valid() else None
    return _answer(request, state, form, act, verb=verb, shown=edit)


VIEWS: dict[str, Callable[..., HttpResponse]] = {
    "rule": rule,
    "override": override,
    "requires": requires,
    "retarget": retarget,
}


def _wanted(request: HttpRequest, spec: FlagSpec) -> tuple[Edit, str]:
    wanted = request.GET.get("do", "")
    if wanted == "lift":
        key = request.GET.get("key", "")
        return targeting.lifting(key), f"Take the override of {key} away"
    place = _place(request, spec)
    if place is None:
        raise Http404("There is no rule at that place.")
    ways: dict[str, tuple[Edit, str]] = {
        "remove": (targeting.removing_rule(place), f"Remove rule {place + 1}"),
        "up": (targeting.moving_rule(place, place - 1), f"Ask rule {place + 1} earlier"),
        "down": (targeting.moving_rule(place, place + 1), f"Ask rule {place + 1} later"),
    }
    if wanted not in ways:
        raise Http404("There is no such change.")
    return ways[wanted]


def _answer(
    request: HttpRequest,
    state: FlagState,
    form: forms.Form,
    edit: Edit | None,
    *,
    verb: str,
    rows: Any = None,
    shown: Edit | None = None,
) -> HttpResponse:
    """Preview or do an edit; whatever is refused stands above the form, with all that was typed."""
    facts: dict[str, Any] = {}
    if edit is not None:
        try:
            if "_preview" not in request.POST:
                return _done(request, state, form, edit)
            facts = _shown(request, state, edit)
        except Refused as refused:
            show_refusal(form, refused)
    elif shown is not None:
        facts = _tried(request, state, shown)
    context = {
        **admin.site.each_context(request),
        "title": f"{verb}: {state}",
        "verb": verb,
        "state": state,
        "form": form,
        "rows": rows,
        "samples": samples(),
        "opts": FlagState._meta,
        **facts,
    }
    return TemplateResponse(request, "flags/target.html", context)


def _done(request: HttpRequest, state: FlagState, form: forms.Form, edit: Edit) -> HttpResponse:
    changed = targeting.change(
        flag=state.flag,
        environment=state.environment,
        edit=edit,
        reason=form.cleaned_data["reason"],
        known=form.cleaned_data.get("known", ""),
        actor=Actor.person(request.user),
    )
    said = " ".join(changed.lines) if changed.changed else "Nothing was different."
    messages.success(request, f"{state}: {said}")
    return redirect("admin:flags_flagstate_change", state.pk)


def _tried(request: HttpRequest, state: FlagState, edit: Edit) -> dict[str, Any]:
    try:
        return _shown(request, state, edit)
    except Refused as refused:
        return {"lines": [refused.message]}


def _shown(request: HttpRequest, state: FlagState, edit: Edit) -> dict[str, Any]:
    """What an edit would change, and whom of a sample."""
    before = targeting.spec(state.flag, state.environment)
    after = edit(before)
    name = request.POST.get("sample", "")
    facts: dict[str, Any] = {"lines": differences(before, after), "chosen_sample": name}
    if name:
        facts["blast"] = blast_radius(sample=name, environment=state.environment, after=after)
    return facts


def _given(request: HttpRequest) -> Any:
    pressed = request.method == "POST" and not asks_more(request.POST)
    return request.POST if pressed else None


def _place(request: HttpRequest, spec: FlagSpec) -> int | None:
    given = request.GET.get("place", "")
    if not given:
        return None
    if not (given.isascii() and given.isdigit() and int(given[:6]) < len(spec.rules)):
        raise Http404("There is no rule at that place.")
    return int(given)


def _state(request: HttpRequest, pk: int) -> tuple[FlagState, FlagSpec]:
    if not request.user.has_perm(targeting.PERMISSION):
        raise PermissionDenied
    found = FlagState.objects.select_related("flag", "environment")
    state = get_object_or_404(found, pk=pk)
    return state, targeting.spec(state.flag, state.environment)
