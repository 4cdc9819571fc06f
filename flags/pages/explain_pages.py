"""The page "who gets what and why": a context typed in, and the whole way to its answer."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse

from flags.changing.history import PastAnswer, explained
from flags.core.percent import format_percent
from flags.core.specs import TARGETING_KEY
from flags.models import FlagState
from releases.refusals import Refused

_MOST_ATTRIBUTES = 50


class ContextForm(forms.Form):
    """Whom to ask about, and when. ``context()`` is what an application would have sent."""

    key = forms.CharField(
        label="User (targetingKey)",
        required=False,
        max_length=512,
        strip=False,
        widget=forms.TextInput(attrs={"class": "vTextField", "autocomplete": "off"}),
        help_text="Empty: somebody who is not signed in.",
    )
    attributes = forms.CharField(
        label="What else is known",
        required=False,
        max_length=10_000,
        widget=forms.Textarea(attrs={"rows": 4, "class": "vLargeTextField", "spellcheck": "false"}),
        help_text="One a line, such as country = DE. Numbers, true and false are taken as such.",
    )
    at = forms.DateTimeField(
        label="Moment",
        required=False,
        widget=forms.DateTimeInput(
            attrs={"type": "datetime-local", "step": "1"}, format="%Y-%m-%dT%H:%M:%S"
        ),
        help_text="In the server's time zone. Empty: now.",
    )

    def clean_attributes(self) -> dict[str, Any]:
        lines = [line for line in self.cleaned_data["attributes"].splitlines() if line.strip()]
        if len(lines) > _MOST_ATTRIBUTES:
            raise forms.ValidationError(f"At most {_MOST_ATTRIBUTES} attributes.")
        return dict(map(_attribute, lines))

    def context(self) -> dict[str, Any]:
        """Return the context of a form that is valid."""
        key = self.cleaned_data["key"]
        return {**self.cleaned_data["attributes"], **({TARGETING_KEY: key} if key else {})}


def explain(request: HttpRequest, pk: int) -> HttpResponse:
    """Show the form and, once it is sent, the explanation. It only reads, so it is a GET."""
    if not request.user.has_perm("flags.view_flag"):
        raise PermissionDenied
    states = FlagState.objects.select_related("flag", "environment")
    state = get_object_or_404(states, pk=pk)
    form = ContextForm(request.GET if "key" in request.GET else None)
    answer = _answer(state, form) if form.is_valid() else None
    context = {
        **admin.site.each_context(request),
        "title": f"Who gets what and why: {state}",
        "state": state,
        "form": form,
        "answer": answer,
        "told": answer.explanation if answer else None,
        "opts": FlagState._meta,
        **(_figures(answer) if answer else {}),
    }
    return TemplateResponse(request, "admin/flags/flagstate/explain.html", context)


VIEWS = {"explain": explain}


def _answer(state: FlagState, form: ContextForm) -> PastAnswer | None:
    try:
        return explained(
            environment=state.environment,
            key=state.flag.key,
            context=form.context(),
            at=form.cleaned_data["at"],
        )
    except Refused as refused:
        form.add_error(None, refused.message)
        return None


def _figures(answer: PastAnswer) -> dict[str, str]:
    told = answer.explanation
    return {
        "value": json.dumps(told.value, ensure_ascii=False),
        "place": "" if told.place is None else format_percent(told.place),
        "dial": format_percent(told.dial),
    }


def _attribute(line: str) -> tuple[str, Any]:
    name, equals, value = (part.strip() for part in line.partition("="))
    if not name or not equals:
        raise forms.ValidationError(f"“{line.strip()[:60]}” is not of the form name = value.")
    return name, _scalar(value)


def _scalar(text: str) -> Any:
    """Return a number, true or false as such, and all else as text; "5" in quotes is text, too."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, str | int | float) else text
