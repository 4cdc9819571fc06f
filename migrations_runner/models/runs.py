"""Runs, and what happened statement by statement."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models

from migrations_runner.models.scripts import MigrationScript
from migrations_runner.states import RUN_TONES, STEP_TONES, RunState, StepState
from releases.models import Release, TargetDatabase


class MigrationRun(models.Model):
    """One ordered batch of scripts on one target. This row, not the queue, says what happens."""

    State = RunState

    class Kind(models.TextChoices):
        APPLY = "apply", "Apply"
        UNDO = "undo", "Undo"

    kind = models.CharField(max_length=6, choices=Kind, default=Kind.APPLY)
    undoes = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="undone_by",
        help_text="The run whose row changes this one takes back.",
    )
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
    worker = models.CharField(max_length=100, blank=True, help_text="Which worker has the claim.")
    claims = models.PositiveSmallIntegerField(default=0)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    cancel_requested_by = models.CharField(max_length=150, blank=True)
    pause_requested_at = models.DateTimeField(null=True, blank=True)
    pause_requested_by = models.CharField(max_length=150, blank=True)
    waiting_on = models.JSONField(
        default=list, blank=True, help_text="Whom it waits for right now: sessions on the target."
    )
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
    mode = models.CharField(
        max_length=10, choices=MigrationScript.Mode, default=MigrationScript.Mode.SCRIPT
    )
    driver_query = models.TextField(blank=True)
    undo = models.BooleanField(default=False)
    reverts = models.CharField(
        max_length=200, blank=True, help_text="A rollback takes back this one script; empty: all."
    )
    text = models.TextField()
    sha256 = models.CharField(max_length=64)
    includes = models.JSONField(
        default=dict, blank=True, help_text="Texts of the scripts that this one includes, by path."
    )
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
