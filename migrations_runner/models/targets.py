"""What workers know of a target: what stands there, what they saw, which backups there are."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models

from migrations_runner.models.runs import MigrationRun
from migrations_runner.states import BACKUP_TONES, BackupState
from releases.models import TargetDatabase


class TargetReport(models.Model):
    """What a worker saw when it last looked at a target; the web itself never connects to one."""

    target = models.OneToOneField(TargetDatabase, on_delete=models.CASCADE, related_name="report")
    asked_at = models.DateTimeField(null=True, blank=True)
    asked_by = models.CharField(max_length=150, blank=True)
    at = models.DateTimeField(null=True, blank=True)
    ok = models.BooleanField(null=True)
    error = models.TextField(blank=True)
    facts: models.JSONField[dict[str, Any], dict[str, Any]] = models.JSONField(default=dict)
    sessions: models.JSONField[list[Any], list[Any]] = models.JSONField(default=list)
    catalog: models.JSONField[dict[str, Any], dict[str, Any]] = models.JSONField(default=dict)
    fingerprint: models.JSONField[dict[str, Any], dict[str, Any]] = models.JSONField(
        default=dict, help_text="Digest of each schema object as last seen."
    )
    left: models.JSONField[dict[str, Any], dict[str, Any]] = models.JSONField(
        default=dict, help_text="The same as our last run left it: a difference is drift."
    )
    left_by = models.ForeignKey(
        MigrationRun, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    def __str__(self) -> str:
        return f"Report on {self.target}"


class Backup(models.Model):
    """A dump that we took of a target, or a person's word that a provider took one."""

    State = BackupState

    target = models.ForeignKey(TargetDatabase, on_delete=models.PROTECT, related_name="backups")
    run = models.ForeignKey(
        MigrationRun, on_delete=models.SET_NULL, null=True, blank=True, related_name="backups"
    )
    state = models.CharField(max_length=10, choices=BackupState, default=BackupState.QUEUED)
    requested_by = models.CharField(max_length=150)
    created_at = models.DateTimeField(auto_now_add=True)
    token = models.UUIDField(null=True, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    restore_too = models.BooleanField(default=False)
    path = models.CharField(max_length=500, blank=True)
    bytes = models.BigIntegerField(null=True)
    sha256 = models.CharField(max_length=64, blank=True)
    milliseconds = models.FloatField(null=True)
    tool_version = models.CharField(max_length=60, blank=True)
    server_version = models.CharField(max_length=60, blank=True)
    entries = models.PositiveIntegerField(null=True, help_text="Objects in the dump's listing.")
    restored_ok = models.BooleanField(null=True)
    attested_by = models.CharField(max_length=150, blank=True)
    note = models.CharField(max_length=500, blank=True)
    error = models.TextField(blank=True)
    taken_at = models.DateTimeField(null=True, blank=True, help_text="What it holds is as of then.")
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        permissions: ClassVar = [
            ("take_backup", "Can take a backup of a target"),
            ("attest_backup", "Can attest a provider's own backup"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["target"],
                condition=models.Q(state__in=["queued", "running"]),
                name="backup_once_at_a_time",
            ),
        ]

    def __str__(self) -> str:
        return f"Backup {self.pk} of {self.target}"

    @property
    def tone(self) -> str:
        return BACKUP_TONES[BackupState(self.state)]
