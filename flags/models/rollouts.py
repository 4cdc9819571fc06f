"""The planned way of a dial from nobody to everyone."""

from __future__ import annotations

from typing import ClassVar

from django.core.validators import MaxValueValidator
from django.db import models

from flags.models.dials import FlagState
from flags.models.flags import FULL_DIAL
from flags.states import ROLLOUT_TONES, RolloutState


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
