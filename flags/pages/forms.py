"""What people type to turn a dial, kill, re-arm or switch."""

from __future__ import annotations

from typing import Any

from django import forms

from flags.core.percent import PercentRefused, format_percent, parse_percent
from flags.models import FULL_DIAL
from releases.refusals import Refused

_WHOLE, _TENTH = 1000, 100
"""A percent and a tenth of one, in the dial's thousandths of a percent."""


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
        widget=forms.NumberInput(attrs={"min": "0", "max": "100", "step": "1"}),
        help_text="Whole percent of the users. 100 is everyone, 0 is nobody.",
    )
    finer = forms.ChoiceField(
        label="And tenths",
        required=False,
        choices=[("", "none"), *((str(tenth), f"0.{tenth} %") for tenth in range(1, 10))],
        help_text="Clients of Unleash take whole percents only; they are sent the lower one.",
    )
    field_order = ("to", "finer", "reason")

    def clean_to(self) -> int:
        try:
            return parse_percent(self.cleaned_data["to"])
        except PercentRefused as refused:
            raise forms.ValidationError(refused.message) from None

    def clean(self) -> dict[str, Any]:
        """Add the tenths, where the percentage itself has none."""
        given = super().clean() or {}
        tenths = int(given.get("finer") or 0) * _TENTH
        if tenths and "to" in given:
            if given["to"] % _WHOLE or given["to"] + tenths > FULL_DIAL:
                self.add_error("finer", "Tenths go with a whole percentage below 100.")
            given["to"] += tenths
        return given

    @staticmethod
    def initial_of(dial: int) -> dict[str, str]:
        """A dial as the two fields show it; thousandths, which only the API sets, stay with it."""
        whole, rest = divmod(dial, _WHOLE)
        if rest % _TENTH:
            return {"to": format_percent(dial)}
        return {"to": str(whole), "finer": str(rest // _TENTH) if rest else ""}
