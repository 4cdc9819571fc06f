"""What people type to plan a change, to copy one, to approve, and to try it on a sample."""

from __future__ import annotations

from typing import Any

from django import forms

from flags.core.percent import PercentRefused, parse_percent
from flags.models import FlagState, UserSample
from flags.pages.forms import ReasonForm
from releases.models import Environment, TargetDatabase

_WIDE = {"class": "vTextField"}


class ScheduleForm(ReasonForm):
    """What is to happen, and when. ``cleaned_data["change"]`` is what scheduling takes."""

    what = forms.ChoiceField(
        choices=[
            ("turn_dial", "Turn the dial"),
            ("on", "Switch on"),
            ("off", "Switch off"),
            ("kill", "Kill: dial to 0 %"),
        ],
    )
    to = forms.CharField(
        label="To",
        required=False,
        max_length=20,
        widget=forms.NumberInput(attrs={"min": "0", "max": "100", "step": "0.001"}),
        help_text="Percent of the users; only for turning the dial.",
    )
    due_at = forms.DateTimeField(
        label="At",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S"],
        help_text="In this console's time zone. A worker carries it out within seconds.",
    )
    field_order = ("what", "to", "due_at", "reason")

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        what = given.get("what")
        if what == "turn_dial":
            given["change"] = {"verb": "turn_dial", "to": self._percent(given.get("to", ""))}
        elif what in {"on", "off"}:
            given["change"] = {"verb": "switch", "on": what == "on"}
        else:
            given["change"] = {"verb": "kill"}
        return given

    def _percent(self, text: str) -> int:
        try:
            return parse_percent(text)
        except PercentRefused as refused:
            self.add_error("to", refused.message)
            return 0


class CopyForm(ReasonForm):
    """Where to copy from. ``content`` carries what was previewed."""

    source = forms.ModelChoiceField(
        label="From", queryset=Environment.objects.none(), empty_label=None
    )
    content = forms.CharField(required=False, widget=forms.HiddenInput, max_length=64)
    field_order = ("source", "reason", "content")

    def __init__(self, *args: Any, state: FlagState, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        others = Environment.objects.exclude(pk=state.environment_id)
        field = self.fields["source"]
        assert isinstance(field, forms.ModelChoiceField)  # noqa: S101
        field.queryset = others


class NoteForm(forms.Form):
    """A word with an approval."""

    note = forms.CharField(
        required=False, max_length=500, widget=forms.TextInput(attrs=_WIDE), label="Note"
    )


class SampleForm(forms.Form):
    """Keys by hand, from a file, or from a query on a target."""

    name = forms.CharField(max_length=100, widget=forms.TextInput(attrs=_WIDE))
    text = forms.CharField(
        label="Users",
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 8, "class": "vLargeTextField"}),
        help_text="A targeting key a line, or a table with headings and a column targetingKey.",
    )
    file = forms.FileField(label="Or a file of them", required=False)
    target = forms.ModelChoiceField(
        label="Or ask a target",
        required=False,
        queryset=TargetDatabase.objects.all(),
        to_field_name="name",
        empty_label="No: taken from above",
    )
    query = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "class": "vLargeTextField"}),
        help_text="First column: the targeting key; others become attributes. It may only read.",
    )

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        ways = [given.get("text", "").strip(), given.get("file"), given.get("target")]
        if sum(map(bool, ways)) != 1:
            self.add_error(None, "Give the users in one way: typed, as a file, or by a target.")
        if given.get("file"):
            given["text"] = self._read(given["file"])
        return given

    def _read(self, file: Any) -> str:
        try:
            return str(file.read(16_000_000).decode("utf-8-sig"))
        except UnicodeDecodeError:
            self.add_error("file", "This file is not UTF-8 text.")
            return ""


def samples() -> list[UserSample]:
    """Those that hold somebody, newest first."""
    return list(UserSample.objects.exclude(users=0).order_by("-made_at")[:50])
