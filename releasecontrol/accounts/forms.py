"""The invitation form."""

from __future__ import annotations

from django import forms
from django.contrib.auth.validators import UnicodeUsernameValidator

from releasecontrol import people


class InviteForm(forms.Form):
    """Whom to invite, and as what."""

    name = forms.CharField(
        max_length=150, help_text="First name first; shown on the timeline.", label="Full name"
    )
    username = forms.CharField(
        max_length=150,
        validators=[UnicodeUsernameValidator()],
        label="User name",
        help_text="What they type to sign in.",
    )
    email = forms.EmailField(required=False, label="Email (optional)")
    role = forms.ChoiceField(
        choices=[(key, f"{role.name}: {role.does}") for key, role in people.ROLES.items()],
        initial="engineer",
    )
