"""The form that makes an API token."""

from __future__ import annotations

from django import forms

from releases.models import ApiToken, Environment


class TokenForm(forms.Form):
    """What a new token is for. Its text is made by the machine."""

    name = forms.CharField(
        max_length=100, help_text="Which application or script will use it, such as “web shop”."
    )
    environment = forms.ModelChoiceField(queryset=Environment.objects.all())
    scope = forms.ChoiceField(
        choices=ApiToken.Scope.choices,
        help_text="“Use the API as its user” acts with your own rights.",
    )
    expires_at = forms.DateTimeField(
        required=False,
        label="Ends (optional)",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
    )
