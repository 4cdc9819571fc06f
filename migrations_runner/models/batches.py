"""Progress of what runs in many small transactions. For screens: the target's cursor decides."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models

from migrations_runner.models.runs import RunScript
from migrations_runner.states import StepState


class BackfillProgress(models.Model):
    """How far a backfill is."""

    run_script = models.OneToOneField(RunScript, on_delete=models.CASCADE, related_name="backfill")
    table = models.CharField(max_length=200)
    sql = models.TextField(help_text="What one batch really runs.")
    estimate = models.BigIntegerField(null=True)
    done = models.BigIntegerField(default=0)
    batch_rows = models.PositiveIntegerField(default=0)
    rows_per_second = models.FloatField(null=True)
    waiting_for = models.CharField(max_length=300, blank=True, help_text="Why it rests just now.")
    ranges: models.JSONField[list[Any], list[Any]] = models.JSONField(default=list)
    poisoned: models.JSONField[list[Any], list[Any]] = models.JSONField(
        default=list, help_text="Rows that failed by themselves: masked key and error."
    )
    updated_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"Backfill of {self.table}"


class FanOutKey(models.Model):
    """One row of a driver query: the script ran with it, failed with it, or waits."""

    run_script = models.ForeignKey(RunScript, on_delete=models.CASCADE, related_name="keys")
    position = models.PositiveIntegerField()
    key = models.CharField(max_length=64, help_text="Digest of the row's values.")
    label = models.CharField(max_length=200, help_text="The row's values, masked.")
    state = models.CharField(max_length=10, choices=StepState, default=StepState.PENDING)
    error = models.TextField(blank=True)
    at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["run_script", "position"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["run_script", "key"], name="fan_out_key_once"),
        ]

    def __str__(self) -> str:
        return self.label
