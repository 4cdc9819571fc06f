"""What people type to turn a dial, kill, re-arm or switch."""

from __future__ import annotations

from django import forms

from flags.percent import PercentRefused, parse_percent
from releases.refusals import Refused


def show_refusal(form: forms.Form, refused: Refused) -> None:
    """Put a refusal above the form, with each thing that a closed gate waits for."""
    form.add_error(None, refused.message)
    for unmet in getattr(refused, "waits_for", ()):
        form.add_error(None, unmet.text)


class ReasonForm(forms.Form):
    """Any act on a dial: why."""

    reason = forms.CharField(
        max_length=500,
        widget=forms.TextInput(attrs={"class": "vTextField"}),
        help_text="It goes on the timeline.",
    )


class KillForm(forms.Form):
    """A kill waits for nothing, not even for a reason."""

    reason = forms.CharField(
        required=False,
        max_length=500,
        widget=forms.TextInput(attrs={"class": "vTextField"}),
        help_text="May stay empty. It goes on the timeline.",
    )


class TurnForm(ReasonForm):
    """How far to turn the dial, and why. ``cleaned_data["to"]`` is in thousandths of a percent."""

    to = forms.CharField(
        label="Expose",
        max_length=20,
        widget=forms.NumberInput(attrs={"min": "0", "max": "100", "step": "0.001"}),
        help_text="Percent of the users: 10, or finer such as 12.5. 100 is everyone, 0 is nobody.",
    )
    field_order = ("to", "reason")

    def clean_to(self) -> int:
        try:
            return parse_percent(self.cleaned_data["to"])
        except PercentRefused as refused:
            raise forms.ValidationError(refused.message) from None
