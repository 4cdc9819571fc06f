"""A flag in one environment: its dial, and what decides before the dial is asked."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import Q

from flags.models.flags import FULL_DIAL, Flag, Segment, Variant
from releases.models import Environment


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
    last_evaluated_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["flag__key", "environment__position"]
        verbose_name = "rollout dial"
        permissions: ClassVar = [
            ("turn_dial", "Can turn the dial and re-arm a killed flag"),
            ("kill_flag", "Can kill a flag: dial to 0 % at once"),
            ("target_users", "Can change targeting rules and overrides"),
            ("approve_change", "Can approve a change of a flag that somebody else proposed"),
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

        The salt and the position rule are in flags/core/bucketing.py.
        """
        whole, rest = divmod(self.dial, 1000)
        return f"{whole}.{rest:03d}".rstrip("0").rstrip(".")


class TargetingRule(models.Model):
    """Whoever fulfils all conditions, is in all segments and below the percentage gets the answer.

    Rules are asked in order, before the dial. One that does not match passes the question on.
    """

    state = models.ForeignKey(FlagState, on_delete=models.CASCADE, related_name="rules")
    position = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=200)
    conditions = models.JSONField(default=list, blank=True)
    segments = models.ManyToManyField(Segment, blank=True, related_name="rules")
    percentage = models.PositiveIntegerField(
        default=FULL_DIAL,
        validators=[MaxValueValidator(FULL_DIAL)],
        help_text="Share of those who match, in thousandths of a percent.",
    )
    variant = models.ForeignKey(
        Variant,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="Empty: shared out by the variants' weights.",
    )

    class Meta:
        ordering: ClassVar = ["state", "position"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["state", "position"],
                name="rule_position_once",
                deferrable=models.Deferrable.DEFERRED,
            ),
            models.CheckConstraint(
                condition=Q(percentage__lte=FULL_DIAL), name="rule_within_bounds"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Override(models.Model):
    """One targeting key that gets one answer, whatever rules and dial say."""

    state = models.ForeignKey(FlagState, on_delete=models.CASCADE, related_name="overrides")
    key = models.CharField(max_length=512)
    variant = models.ForeignKey(Variant, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=500)
    expires_at = models.DateTimeField(null=True, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["state", "key"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["state", "key"], name="override_once"),
        ]

    def __str__(self) -> str:
        return f"{self.key}: {self.variant}"
