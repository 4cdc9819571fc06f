"""What people say about a target: why it is held, which backup they vouch for."""

from __future__ import annotations

from django import forms


class ReasonForm(forms.Form):
    """A reason that stands on the timeline."""

    reason = forms.CharField(max_length=500, strip=True, label="Why")


class AttestForm(forms.Form):
    """A person's word for a provider's own backup."""

    taken_at = forms.DateTimeField(
        label="When it was taken",
        help_text="In UTC, such as 2026-11-23 01:30.",
        widget=forms.DateTimeInput(attrs={"placeholder": "2026-11-23 01:30"}),
    )
    note = forms.CharField(
        max_length=500, strip=True, label="Which backup, and how it would be restored"
    )
