"""Flags, their variants, and the rollout dial of each environment."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, RegexValidator
from django.db import models
from django.db.models import Q

from flags.states import ROLLOUT_TONES, RolloutState
from releases.models import Environment, Release

#: The dial counts thousandths of a percent: 10 % is 10 000, everyone is 100 000.
FULL_DIAL = 100_000
VARIANT_TOTAL = 1000

key_validator = RegexValidator(
    r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$",
    "Use letters, digits, dots, hyphens and underscores; no spaces and no slash.",
)


class Flag(models.Model):
    """A question an application asks about a user: is it on, and which variant?"""

    class Kind(models.TextChoices):
        BOOLEAN = "boolean", "Boolean"
        STRING = "string", "String"
        NUMBER = "number", "Number"
        JSON = "json", "JSON"

    key = models.CharField(max_length=100, unique=True, validators=[key_validator])
    name = models.CharField(max_length=200)
    kind = models.CharField(max_length=8, choices=Kind, default=Kind.BOOLEAN)
    purpose = models.TextField(blank=True)
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
    value = models.JSONField()
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


class FlagState(models.Model):
    """A flag in one environment, shown as "Rollout dial"."""

    flag = models.ForeignKey(Flag, on_delete=models.CASCADE, related_name="states")
    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="+")
    enabled = models.BooleanField(default=True, help_text="Off: nobody, whatever the dial says.")
    dial = models.PositiveIntegerField(
        default=0,
        validators=[MaxValueValidator(FULL_DIAL)],
        help_text="Exposed share in thousandths of a percent.",
    )
    salt = models.CharField(
        max_length=100, blank=True, help_text="Empty: the flag's key, as Unleash clients expect."
    )
    killed_at = models.DateTimeField(null=True, blank=True, help_text="Latched until re-armed.")
    changed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["flag__key", "environment__position"]
        verbose_name = "rollout dial"
        permissions: ClassVar = [
            ("turn_dial", "Can turn the dial and re-arm a killed flag"),
            ("kill_flag", "Can kill a flag: dial to 0 % at once"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["flag", "environment"], name="flag_state_once"),
            models.CheckConstraint(condition=Q(dial__lte=FULL_DIAL), name="dial_within_bounds"),
            models.CheckConstraint(
                condition=Q(killed_at=None) | Q(dial=0), name="killed_means_zero"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.flag} on {self.environment}"

    @property
    def percent(self) -> str:
        """The dial as people read it: ``10``, ``12.5``, ``0.125``.

        The salt and the position rule are in flags/bucketing.py.
        """
        whole, rest = divmod(self.dial, 1000)
        return f"{whole}.{rest:03d}".rstrip("0").rstrip(".")


class Rollout(models.Model):
    """The planned way of one dial from 0 % to everyone, in stages."""

    State = RolloutState

    state_of = models.OneToOneField(FlagState, on_delete=models.CASCADE, related_name="rollout")
    state = models.CharField(max_length=10, choices=RolloutState, default=RolloutState.PLANNED)
    stage = models.ForeignKey(
        "Stage", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    stage_since = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"Rollout of {self.state_of}"

    @property
    def tone(self) -> str:
        return ROLLOUT_TONES[RolloutState(self.state)]


class Stage(models.Model):
    """One step of a rollout: percentage, dwell, exit criteria."""

    rollout = models.ForeignKey(Rollout, on_delete=models.CASCADE, related_name="stages")
    position = models.PositiveSmallIntegerField()
    label = models.CharField(max_length=100, blank=True)
    percentage = models.PositiveIntegerField(
        validators=[MaxValueValidator(FULL_DIAL)], help_text="In thousandths of a percent."
    )
    dwell_days = models.PositiveIntegerField(null=True, blank=True)
    criteria = models.JSONField(default=list, blank=True)
    source_line = models.PositiveIntegerField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["rollout", "position"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["rollout", "position"], name="stage_once"),
        ]

    def __str__(self) -> str:
        return f"{self.label or 'Stage'}: {self.percentage / 1000:g} %"


class RulesetRevision(models.Model):
    """The revision counter of one environment's ruleset; raised in each verb's transaction."""

    environment = models.OneToOneField(
        Environment, on_delete=models.CASCADE, related_name="ruleset_revision"
    )
    revision = models.BigIntegerField(default=0)
    changed_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.environment}: {self.revision}"
