"""Writing a script: its text and how it is to be run."""

from __future__ import annotations

from typing import ClassVar

from django import forms
from django.core.exceptions import ValidationError

from migrations_runner import editing
from migrations_runner.fan_out import driver
from migrations_runner.models import MigrationScript
from releases.refusals import Refused

_ROWS = 24


class ScriptForm(forms.ModelForm):  # type: ignore[type-arg]  # takes no subscript at run time
    """The text has to be SQL that PostgreSQL can read; findings of the linter are no hindrance."""

    class Meta:
        model = MigrationScript
        fields = ("text", "title", "role", "mode", "driver_query", "undo", "reverts")
        labels: ClassVar = {
            "role": "What it is",
            "mode": "How it runs",
            "driver_query": "Query of the fan-out",
            "undo": "Row-exact undo",
            "reverts": "Takes back",
        }
        widgets: ClassVar = {
            "driver_query": forms.Textarea(
                attrs={"rows": 3, "class": "mono", "spellcheck": "false"}
            ),
        }

    text = forms.CharField(
        required=False,
        strip=False,
        label="SQL",
        widget=forms.Textarea(
            attrs={
                "rows": _ROWS,
                "class": "mono",
                "spellcheck": "false",
                "autocapitalize": "none",
                "data-numbered": "",
            }
        ),
    )

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        others = MigrationScript.objects.filter(release=self.instance.release)
        field = self.fields["reverts"]
        assert isinstance(field, forms.ModelChoiceField)  # noqa: S101  (what a foreign key gives)
        field.queryset = others.exclude(pk=self.instance.pk).defer("text")

    def clean_text(self) -> str:
        # A browser sends its own line ends; the ledger would take them for another text.
        text = str(self.cleaned_data["text"]).replace("\r\n", "\n")
        if found := editing.faults(text):
            raise ValidationError(found)
        return text

    def clean_driver_query(self) -> str:
        query = str(self.cleaned_data["driver_query"]).replace("\r\n", "\n").strip()
        try:
            if query:
                driver.variables(query)
        except Refused as refused:
            raise ValidationError(refused.message) from None
        return query


class AllowForm(forms.Form):
    """Allowing a rule for one script, with the reason that stands beside it from then on."""

    rule = forms.CharField(max_length=60, widget=forms.HiddenInput)
    reason = forms.CharField(max_length=500, strip=True, label="Why it is right here")
