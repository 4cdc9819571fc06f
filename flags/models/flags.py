"""A flag, the answers it can give, the segments it can name, and the flags it stands on."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, RegexValidator
from django.db import models
from django.db.models import Q

from releases.models import Release

#: The dial counts thousandths of a percent: 10 % is 10 000, everyone is 100 000.
FULL_DIAL = 100_000
VARIANT_TOTAL = 1000

key_validator = RegexValidator(
    r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$",
    "Use letters, digits, dots, hyphens and underscores; no spaces and no slash.",
)
attribute_validator = RegexValidator(
    r"^[A-Za-z_$][A-Za-z0-9._$-]{0,99}$",
    "Name an attribute of the context, such as targetingKey or organisation.",
)


class Flag(models.Model):
    """A question an application asks about a user: is it on, and which variant?"""

    class Kind(models.TextChoices):
        BOOLEAN = "boolean", "Boolean"
        STRING = "string", "String"
        NUMBER = "number", "Number"
        JSON = "json", "JSON"

    class Use(models.TextChoices):
        RELEASE = "release", "Release: goes away after the rollout"
        EXPERIMENT = "experiment", "Experiment: goes away after the decision"
        OPERATIONS = "operations", "Operations: a switch that stays"
        PERMISSION = "permission", "Permission: who may have it, stays"

    key = models.CharField(max_length=100, unique=True, validators=[key_validator])
    name = models.CharField(max_length=200)
    kind = models.CharField(max_length=8, choices=Kind, default=Kind.BOOLEAN)
    use = models.CharField(max_length=10, choices=Use, default=Use.RELEASE)
    purpose = models.TextField(blank=True)
    tags = models.JSONField(default=list, blank=True, help_text="Short words to find it by.")
    bucket_by = models.CharField(
        max_length=100,
        default="targetingKey",
        validators=[attribute_validator],
        help_text=(
            "The attribute whose value decides the place on the dial: targetingKey is the user; an "
            "organisation's id lets whole organisations in together. Whoever lacks it is not let "
            "in before 100 %."
        ),
    )
    expected_until = models.DateField(
        null=True, blank=True, help_text="When the flag should be gone from code. Empty: it stays."
    )
    release = models.ForeignKey(
        Release, on_delete=models.SET_NULL, null=True, blank=True, related_name="flags"
    )
    also_in = models.ManyToManyField(
        Release,
        blank=True,
        related_name="shared_flags",
        help_text="Other releases whose plans name this flag: they show the same dial.",
    )
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    archived_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["key"]

    def __str__(self) -> str:
        return self.key


class Variant(models.Model):
    """One answer of a flag. Those with a weight share the exposed users; `off` has none."""

    flag = models.ForeignKey(Flag, on_delete=models.CASCADE, related_name="variants")
    name = models.CharField(max_length=60, validators=[key_validator])
    value = models.JSONField(blank=True)  # an empty text is an answer; clean() refuses nothing
    weight = models.PositiveIntegerField(
        default=0,
        validators=[MaxValueValidator(VARIANT_TOTAL)],
        help_text="Share of the exposed users in thousandths; the weights add up to 1000.",
    )
    is_off = models.BooleanField(default=False, help_text="The answer for users not exposed.")
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering: ClassVar = ["flag", "position", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["flag", "name"], name="variant_once"),
            models.UniqueConstraint(
                fields=["flag"], condition=Q(is_off=True), name="one_off_variant"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        if self.is_off and self.weight:
            raise ValidationError({"weight": "The off variant takes no share: weight 0."})
        if not _fits(self.flag.kind, self.value):
            raise ValidationError({"value": f"Not a {self.flag.get_kind_display()} value."})


def _fits(kind: str, value: object) -> bool:
    if kind == Flag.Kind.BOOLEAN:
        return isinstance(value, bool)
    if kind == Flag.Kind.STRING:
        return isinstance(value, str)
    if kind == Flag.Kind.NUMBER:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, dict | list)


class Segment(models.Model):
    """A named group of users by what is known of them, used by rules of any flag."""

    key = models.CharField(max_length=100, unique=True, validators=[key_validator])
    name = models.CharField(max_length=200)
    purpose = models.TextField(blank=True)
    conditions = models.JSONField(
        default=list, blank=True, help_text="All of them hold for whoever belongs to it."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    archived_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["key"]

    def __str__(self) -> str:
        return self.key


class Prerequisite(models.Model):
    """A flag that must let the user in before the other one may."""

    flag = models.ForeignKey(Flag, on_delete=models.CASCADE, related_name="prerequisites")
    requires = models.ForeignKey(Flag, on_delete=models.PROTECT, related_name="required_by")
    variants = models.JSONField(
        default=list, blank=True, help_text="Names of its variants that will do. Empty: any on."
    )

    class Meta:
        ordering: ClassVar = ["flag", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["flag", "requires"], name="prerequisite_once"),
            models.CheckConstraint(
                condition=~Q(flag=models.F("requires")), name="prerequisite_of_another"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.flag} needs {self.requires}"
