"""What people type to say who gets what: rules, overrides, prerequisites, segments."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from django import forms

from flags.core.percent import PercentRefused, format_percent, parse_percent
from flags.core.specs import ConditionSpec, PrerequisiteSpec, RuleSpec
from flags.models import Flag, FlagState, Segment
from flags.models.flags import key_validator
from flags.pages.forms import ReasonForm

_WIDE = {"class": "vTextField"}


class RuleForm(ReasonForm):
    """A targeting rule without its conditions. ``known`` carries what the person saw."""

    name = forms.CharField(max_length=200, widget=forms.TextInput(attrs=_WIDE))
    segments = forms.ModelMultipleChoiceField(
        queryset=Segment.objects.filter(archived_at=None),
        to_field_name="key",
        required=False,
        help_text="All of those chosen.",
    )
    percentage = forms.CharField(
        initial="100",
        max_length=20,
        widget=forms.NumberInput(attrs={"min": "0", "max": "100", "step": "0.001"}),
        help_text="Percent of those who match. The others go on to the next rule and the dial.",
    )
    variant = forms.ChoiceField(label="They get", required=False)
    known = forms.CharField(required=False, widget=forms.HiddenInput, max_length=64)
    field_order = ("name", "segments", "percentage", "variant", "reason", "known")

    def __init__(self, *args: Any, state: FlagState, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["variant"].choices = [  # type: ignore[attr-defined]
            ("", "a share by weight"),
            *((one.name, one.name) for one in state.flag.variants.all()),
        ]

    def clean_percentage(self) -> int:
        try:
            return parse_percent(self.cleaned_data["percentage"])
        except PercentRefused as refused:
            raise forms.ValidationError(refused.message) from None

    def rule(self, conditions: tuple[ConditionSpec, ...]) -> RuleSpec:
        given = self.cleaned_data
        return RuleSpec(
            name=given["name"],
            conditions=conditions,
            segments=tuple(sorted(segment.key for segment in given["segments"])),
            percentage=given["percentage"],
            variant=given["variant"] or None,
        )

    @staticmethod
    def initial_of(rule: RuleSpec) -> dict[str, Any]:
        return {
            "name": rule.name,
            "segments": list(rule.segments),
            "percentage": format_percent(rule.percentage),
            "variant": rule.variant or "",
        }


class OverrideForm(ReasonForm):
    """One targeting key that gets one variant."""

    key = forms.CharField(
        label="Targeting key", max_length=512, widget=forms.TextInput(attrs=_WIDE)
    )
    variant = forms.ChoiceField(label="Gets")
    until = forms.DateTimeField(
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S"],
        help_text="Empty: until somebody takes it away.",
    )
    known = forms.CharField(required=False, widget=forms.HiddenInput, max_length=64)
    field_order = ("key", "variant", "until", "reason", "known")

    def __init__(self, *args: Any, state: FlagState, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["variant"].choices = [  # type: ignore[attr-defined]
            (one.name, one.name) for one in state.flag.variants.all()
        ]


class FlagForm(forms.ModelForm):  # type: ignore[type-arg]  # takes no subscript at run time
    """A flag's own facts; its tags as people write them, with commas between."""

    tags = forms.CharField(
        required=False,
        max_length=500,
        widget=forms.TextInput(attrs=_WIDE),
        help_text="Short words to find it by, with commas between.",
    )
    reason = forms.CharField(
        required=False,
        max_length=500,
        widget=forms.TextInput(attrs=_WIDE),
        help_text="Why. Where other people have to approve the change, they read it.",
    )

    class Meta:
        model = Flag
        fields: ClassVar = ["tags"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial["tags"] = ", ".join(self.instance.tags)

    def clean_tags(self) -> list[str]:
        words = [word.strip() for word in self.cleaned_data["tags"].split(",")]
        return list(dict.fromkeys(word for word in words if word))


class RequiresForm(ReasonForm):
    """The flags that this one stands on."""

    requires = forms.CharField(
        label="Stands on",
        required=False,
        widget=forms.Textarea(attrs={"rows": 4, "class": "vLargeTextField"}),
        help_text="A flag's key a line; “key: a, b” if only these variants will do.",
    )
    known = forms.CharField(required=False, widget=forms.HiddenInput, max_length=64)
    field_order = ("requires", "reason", "known")

    def clean_requires(self) -> tuple[PrerequisiteSpec, ...]:
        lines = [line.strip() for line in self.cleaned_data["requires"].splitlines()]
        return tuple(self._one(line) for line in lines if line)

    @staticmethod
    def _one(line: str) -> PrerequisiteSpec:
        key, _, variants = line.partition(":")
        key_validator(key.strip())
        named = tuple(name.strip() for name in variants.split(",") if name.strip())
        return PrerequisiteSpec(key.strip(), named)

    @staticmethod
    def text_of(requires: Iterable[PrerequisiteSpec]) -> str:
        return "\n".join(
            f"{one.flag}: {', '.join(one.variants)}" if one.variants else one.flag
            for one in requires
        )


class SegmentForm(ReasonForm):
    """A segment without its conditions."""

    key = forms.CharField(
        max_length=100, validators=[key_validator], widget=forms.TextInput(attrs=_WIDE)
    )
    name = forms.CharField(max_length=200, widget=forms.TextInput(attrs=_WIDE))
    purpose = forms.CharField(
        required=False, widget=forms.Textarea(attrs={"rows": 2, "class": "vLargeTextField"})
    )
    field_order = ("key", "name", "purpose", "reason")
