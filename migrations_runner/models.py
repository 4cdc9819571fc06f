"""Scripts, runs, and what happened statement by statement."""

from __future__ import annotations

import hashlib
from typing import ClassVar

from django.conf import settings
from django.db import models

from migrations_runner.states import RUN_TONES, STEP_TONES, RunState, StepState
from releases.models import Release, TargetDatabase


def content_hash(text: str) -> str:
    """SHA-256 of a script's text as UTF-8: what the ledger remembers of it."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class MigrationScript(models.Model):
    """One SQL script of a release. Without text it awaits its file."""

    class Role(models.TextChoices):
        SCHEMA = "schema", "Schema"
        DATA = "data", "Data"
        ROLLBACK = "rollback", "Rollback"
        DRAFT = "draft", "Draft from the plan"

    release = models.ForeignKey(Release, on_delete=models.CASCADE, related_name="scripts")
    name = models.CharField(max_length=200, help_text="The file's name, unique in the release.")
    path = models.CharField(max_length=500, blank=True, help_text="As the plan names it.")
    title = models.CharField(max_length=200, blank=True)
    role = models.CharField(max_length=10, choices=Role, default=Role.SCHEMA)
    position = models.PositiveIntegerField(default=0)
    text = models.TextField(blank=True)
    sha256 = models.CharField(max_length=64, blank=True, editable=False)
    source_line = models.PositiveIntegerField(null=True, blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering: ClassVar = ["release", "position", "name"]
        verbose_name = "migration script"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["release", "name"], name="script_once"),
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: object, **kwargs: object) -> None:
        self.sha256 = content_hash(self.text) if self.text else ""
        fields = kwargs.get("update_fields")
        if isinstance(fields, list | tuple | set | frozenset) and "text" in fields:
            kwargs["update_fields"] = {*fields, "sha256", "updated_at"}
        super().save(*args, **kwargs)  # type: ignore[arg-type]

    @property
    def awaits_file(self) -> bool:
        return not self.text


class MigrationRun(models.Model):
    """One ordered batch of scripts on one target. This row, not the queue, says what happens."""

    State = RunState

    release = models.ForeignKey(
        Release, on_delete=models.PROTECT, null=True, blank=True, related_name="runs"
    )
    target = models.ForeignKey(TargetDatabase, on_delete=models.PROTECT, related_name="runs")
    state = models.CharField(max_length=20, choices=RunState, default=RunState.DRAFT)
    variables = models.JSONField(default=dict, blank=True)
    batch_hash = models.CharField(max_length=64, help_text="Scripts, variables and target.")
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    requested_by_name = models.CharField(max_length=150)
    created_at = models.DateTimeField(auto_now_add=True)
    poked_at = models.DateTimeField(null=True, blank=True)
    token = models.UUIDField(null=True, blank=True, help_text="The claim of the worker at work.")
    claims = models.PositiveSmallIntegerField(default=0)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    cancel_requested_by = models.CharField(max_length=150, blank=True)
    error = models.TextField(blank=True)
    next_step = models.TextField(blank=True, help_text="What was not done and what to do now.")

    class Meta:
        ordering: ClassVar = ["-id"]
        verbose_name = "migration run"
        permissions: ClassVar = [
            ("queue_run", "Can queue a run of scripts on a target"),
            ("approve_run", "Can approve another person's run"),
            ("cancel_run", "Can cancel a run"),
        ]
        constraints: ClassVar = [
            # A double click: the same batch cannot wait or run twice on one target.
            models.UniqueConstraint(
                fields=["target", "batch_hash"],
                condition=models.Q(
                    state__in=["awaiting_approval", "queued", "running", "paused", "lost"]
                ),
                name="same_batch_waits_once",
            ),
        ]

    def __str__(self) -> str:
        return f"Run {self.pk} on {self.target}"

    @property
    def tone(self) -> str:
        return RUN_TONES[RunState(self.state)]


class RunScript(models.Model):
    """One script of a run, with the exact text that was queued."""

    run = models.ForeignKey(MigrationRun, on_delete=models.CASCADE, related_name="scripts")
    script = models.ForeignKey(
        MigrationScript, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    name = models.CharField(max_length=200)
    position = models.PositiveIntegerField()
    role = models.CharField(max_length=10, choices=MigrationScript.Role)
    text = models.TextField()
    sha256 = models.CharField(max_length=64)
    state = models.CharField(max_length=10, choices=StepState, default=StepState.PENDING)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    error = models.TextField(blank=True)

    class Meta:
        ordering: ClassVar = ["run", "position"]
        verbose_name = "script of a run"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["run", "position"], name="run_script_once"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def tone(self) -> str:
        return STEP_TONES[StepState(self.state)]


class Statement(models.Model):
    """One statement of a script in a run: where it stands in the text, and how it went."""

    run_script = models.ForeignKey(RunScript, on_delete=models.CASCADE, related_name="statements")
    index = models.PositiveIntegerField()
    line = models.PositiveIntegerField()
    kind = models.CharField(max_length=60)
    preview = models.CharField(max_length=200)
    state = models.CharField(max_length=10, choices=StepState, default=StepState.PENDING)
    rows = models.BigIntegerField(null=True, blank=True)
    milliseconds = models.FloatField(null=True, blank=True)
    output = models.TextField(blank=True)

    class Meta:
        ordering: ClassVar = ["run_script", "index"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["run_script", "index"], name="statement_once"),
        ]

    def __str__(self) -> str:
        return f"{self.index}. {self.preview}"

    @property
    def tone(self) -> str:
        return STEP_TONES[StepState(self.state)]


class AppliedScript(models.Model):
    """What the ledger of a target says, as last read: which content stands there."""

    target = models.ForeignKey(TargetDatabase, on_delete=models.CASCADE, related_name="applied")
    release = models.ForeignKey(Release, on_delete=models.SET_NULL, null=True, related_name="+")
    name = models.CharField(max_length=300)
    sha256 = models.CharField(max_length=64)
    run = models.ForeignKey(MigrationRun, on_delete=models.SET_NULL, null=True, related_name="+")
    applied_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["-applied_at"]
        verbose_name = "applied script"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["target", "name"], name="applied_once"),
        ]

    def __str__(self) -> str:
        return f"{self.name} on {self.target}"
