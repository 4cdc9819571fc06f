"""Rehearsals: what a batch did on a throw-away clone, statement by statement."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models

from migrations_runner.models.runs import MigrationRun
from migrations_runner.states import REHEARSAL_TONES, RehearsalState


class Rehearsal(models.Model):
    """One try of a run's exact bytes on a clone of its target."""

    State = RehearsalState

    class Clone(models.TextChoices):
        TEMPLATE = "template", "Copy of the whole database"
        DUMP = "dump", "Schema with a sample of the rows"

    run = models.ForeignKey(MigrationRun, on_delete=models.CASCADE, related_name="rehearsals")
    state = models.CharField(max_length=10, choices=RehearsalState, default=RehearsalState.QUEUED)
    with_down = models.BooleanField(
        default=False, help_text="Up, down and up again, to try the down scripts too."
    )
    clone_kind = models.CharField(max_length=10, choices=Clone, blank=True)
    clone_name = models.CharField(max_length=63, blank=True)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    requested_by_name = models.CharField(max_length=150)
    created_at = models.DateTimeField(auto_now_add=True)
    token = models.UUIDField(null=True, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    server_version = models.CharField(max_length=60, blank=True)
    error = models.TextField(blank=True)
    notes = models.JSONField(default=list, blank=True, help_text="What it could not try, and why.")

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["run"],
                condition=models.Q(state__in=["queued", "running"]),
                name="rehearsed_once_at_a_time",
            ),
        ]

    def __str__(self) -> str:
        return f"Rehearsal {self.pk} of {self.run}"

    @property
    def tone(self) -> str:
        return REHEARSAL_TONES[RehearsalState(self.state)]


class RehearsedScript(models.Model):
    """One script on the clone, and the schema that it found and left."""

    rehearsal = models.ForeignKey(Rehearsal, on_delete=models.CASCADE, related_name="scripts")
    position = models.PositiveIntegerField()
    name = models.CharField(max_length=200)
    sha256 = models.CharField(max_length=64)
    fingerprint_before = models.CharField(max_length=64, blank=True)
    fingerprint_after = models.CharField(max_length=64, blank=True)
    parts_before = models.JSONField(
        default=dict, help_text="Digest of each object, so that a difference has a name."
    )

    class Meta:
        ordering: ClassVar = ["rehearsal", "position"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["rehearsal", "position"], name="rehearsed_script_once"),
        ]

    def __str__(self) -> str:
        return self.name


class RehearsedStatement(models.Model):
    """What one statement cost on the clone."""

    script = models.ForeignKey(RehearsedScript, on_delete=models.CASCADE, related_name="statements")
    index = models.PositiveIntegerField()
    line = models.PositiveIntegerField()
    kind = models.CharField(max_length=60)
    began_ms = models.FloatField(default=0, help_text="Since the script's transaction began.")
    milliseconds = models.FloatField()
    rows = models.BigIntegerField(null=True)
    wal_bytes = models.BigIntegerField(null=True)
    locks = models.JSONField(default=list, help_text="[table, mode] newly taken.")
    rewrites = models.JSONField(default=list, help_text="Tables and indexes written anew.")
    scans = models.JSONField(default=list, help_text="[table, rows read] by sequential scans.")
    error = models.TextField(blank=True)

    class Meta:
        ordering: ClassVar = ["script", "index"]

    def __str__(self) -> str:
        return f"{self.script}, statement {self.index + 1}"
