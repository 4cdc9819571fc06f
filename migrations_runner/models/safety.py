"""What is checked around a run and while a release is live, and what was found."""

from __future__ import annotations

from typing import ClassVar

from django.core.exceptions import ValidationError
from django.db import models

from migrations_runner.checks_sql import NotASelect, refuse_unless_select
from migrations_runner.models.runs import MigrationRun
from migrations_runner.models.scripts import MigrationScript
from releases.models import Release, TargetDatabase, Verdict


class ScriptCheck(models.Model):
    """A question in SQL that people put to a target around a run, and the answer they expect."""

    class Phase(models.TextChoices):
        PRE = "pre", "Before the run"
        POST = "post", "After the run"

    class Expectation(models.TextChoices):
        ZERO = "zero", "is 0"
        BASELINE = "baseline", "is what it was before the run"
        AT_LEAST = "at_least", "is at least"
        ANY = "any", "is noted, nothing more"

    release = models.ForeignKey(Release, on_delete=models.CASCADE, related_name="script_checks")
    script = models.ForeignKey(
        MigrationScript,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="checks",
        help_text="Only around runs of this script; empty: around every run of the release.",
    )
    phase = models.CharField(max_length=4, choices=Phase)
    name = models.CharField(max_length=200)
    sql = models.TextField(help_text="One SELECT that answers one number.")
    expectation = models.CharField(max_length=10, choices=Expectation, default=Expectation.ZERO)
    number = models.BigIntegerField(null=True, blank=True, help_text="For “is at least”.")
    position = models.PositiveIntegerField(default=0)

    class Meta:
        ordering: ClassVar = ["release", "phase", "position", "name"]
        verbose_name = "pre- or post-migration check"
        verbose_name_plural = "pre- and post-migration checks"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["release", "phase", "name"], name="script_check_once"),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Raises ValidationError for what could not be asked, or could not be answered."""
        try:
            refuse_unless_select(self.sql)
        except NotASelect as refused:
            raise ValidationError({"sql": refused.message}) from None
        if self.expectation == self.Expectation.AT_LEAST and self.number is None:
            raise ValidationError({"number": "Say which number it has to reach."})
        if self.expectation == self.Expectation.BASELINE and self.phase == self.Phase.PRE:
            raise ValidationError({"expectation": "Before the run there is nothing to compare."})


class CheckResult(models.Model):
    """What a target answered to a check, or why it could not be asked."""

    run = models.ForeignKey(MigrationRun, on_delete=models.CASCADE, related_name="check_results")
    check_asked = models.ForeignKey(
        ScriptCheck, on_delete=models.SET_NULL, null=True, related_name="results"
    )
    name = models.CharField(max_length=200)
    phase = models.CharField(max_length=4, choices=ScriptCheck.Phase)
    value = models.BigIntegerField(null=True)
    baseline = models.BigIntegerField(null=True)
    verdict = models.CharField(max_length=12, choices=Verdict)
    summary = models.CharField(max_length=500, blank=True)
    milliseconds = models.FloatField(null=True)
    query_hash = models.CharField(max_length=64)
    at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["run", "id"]

    def __str__(self) -> str:
        return f"{self.name}: {self.get_verdict_display()}"


class IntegrityFinding(models.Model):
    """Rows of a target that contradict each other, as a data-safety check saw them."""

    target = models.ForeignKey(TargetDatabase, on_delete=models.CASCADE, related_name="findings")
    release = models.ForeignKey(
        Release, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    run = models.ForeignKey(
        MigrationRun, on_delete=models.SET_NULL, null=True, blank=True, related_name="findings"
    )
    kind = models.CharField(max_length=30)
    key = models.CharField(max_length=300, help_text="Which rule over which tables: stable.")
    summary = models.CharField(max_length=500)
    rows = models.BigIntegerField()
    samples = models.JSONField(default=list, help_text="A few keys, masked.")
    first_seen = models.DateTimeField()
    last_seen = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-last_seen"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["target", "key"],
                condition=models.Q(resolved_at__isnull=True),
                name="finding_open_once",
            ),
        ]

    def __str__(self) -> str:
        return self.summary


class IntegrityBaseline(models.Model):
    """What a data-safety rule counted on a target when all was as it should be."""

    target = models.ForeignKey(TargetDatabase, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=300)
    rows = models.BigIntegerField()
    at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["target", "key"], name="integrity_baseline_once"),
        ]

    def __str__(self) -> str:
        return self.key


class Hold(models.Model):
    """While one stands, no queued run begins on its target and backfills pause."""

    class Cause(models.TextChoices):
        PERSON = "person", "Set by a person"
        INTEGRITY = "integrity", "A data-safety check found a new violation"
        HEALTH = "health", "The database asked for rest"

    target = models.ForeignKey(TargetDatabase, on_delete=models.CASCADE, related_name="holds")
    cause = models.CharField(max_length=10, choices=Cause, default=Cause.PERSON)
    reason = models.CharField(max_length=500)
    set_by = models.CharField(max_length=150)
    set_at = models.DateTimeField(auto_now_add=True)
    lifted_by = models.CharField(max_length=150, blank=True)
    lifted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        permissions: ClassVar = [("hold_target", "Can hold a target and lift a hold")]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["target", "cause"],
                condition=models.Q(lifted_at__isnull=True),
                name="hold_once_a_cause",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.target} held: {self.reason}"
