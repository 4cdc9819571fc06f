"""Metrics, guardrails and smoke tests: what is watched. Judging and acting live elsewhere."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from releases.models import Release


class Comparison(models.TextChoices):
    BELOW = "<", "below"
    AT_MOST = "<=", "at most"
    ABOVE = ">", "above"
    AT_LEAST = ">=", "at least"


class Metric(models.Model):
    """Something measurable of a release; a goal where the plan names one."""

    release = models.ForeignKey(Release, on_delete=models.CASCADE, related_name="metrics")
    key = models.CharField(max_length=200)
    name = models.CharField(max_length=200)
    group = models.CharField(max_length=100, blank=True)
    comparison = models.CharField(max_length=2, choices=Comparison, blank=True)
    goal = models.FloatField(null=True, blank=True)
    unit = models.CharField(max_length=20, blank=True)
    position = models.PositiveIntegerField(default=0)
    source_line = models.PositiveIntegerField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["release", "position"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["release", "key"], name="metric_once"),
        ]

    def __str__(self) -> str:
        return self.name


class Guardrail(models.Model):
    """A limit from the plan and its consequence. Not armed until a person arms it."""

    class Origin(models.TextChoices):
        TRIGGER = "trigger", "Rollback trigger"
        ALERT = "alert", "Alert rule"

    class Consequence(models.TextChoices):
        WARN = "warn", "Warn"
        PAGE = "page", "Page the on-call engineer"
        ROLL_BACK = "roll_back", "Roll back"
        PROPOSE = "propose", "Propose a rollback to a person"

    release = models.ForeignKey(Release, on_delete=models.CASCADE, related_name="guardrails")
    key = models.CharField(max_length=200)
    origin = models.CharField(max_length=8, choices=Origin)
    text = models.CharField(max_length=300)
    metric_name = models.CharField(max_length=200, blank=True)
    comparison = models.CharField(max_length=2, choices=Comparison, blank=True)
    limit = models.FloatField(null=True, blank=True)
    unit = models.CharField(max_length=20, blank=True)
    consequence = models.CharField(max_length=10, choices=Consequence)
    consequence_text = models.CharField(max_length=300, blank=True)
    armed = models.BooleanField(default=False)
    position = models.PositiveIntegerField(default=0)
    source_line = models.PositiveIntegerField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["release", "position"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["release", "origin", "key"], name="guardrail_once"),
        ]

    def __str__(self) -> str:
        return self.text


class SmokeTest(models.Model):
    """One HTTP request with what must come back. Secrets stay variable names: ``$TOKEN``."""

    release = models.ForeignKey(Release, on_delete=models.CASCADE, related_name="smoke_tests")
    key = models.CharField(max_length=200)
    name = models.CharField(max_length=200)
    position = models.PositiveIntegerField(default=0)
    method = models.CharField(max_length=8, default="GET")
    url = models.CharField(max_length=1000)
    headers = models.JSONField(default=dict, blank=True)
    body = models.TextField(blank=True)
    expected_status = models.CharField(
        max_length=20, default="2xx", help_text="Such as 200, 2xx, 401."
    )
    expected_text = models.CharField(max_length=300, blank=True, help_text="Must be in the body.")
    notes = models.JSONField(default=list, blank=True, help_text="What the importer assumed.")
    source_line = models.PositiveIntegerField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["release", "position"]
        verbose_name = "smoke test"
        permissions: ClassVar = [("run_smoketest", "Can run smoke tests")]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["release", "key"], name="smoke_test_once"),
        ]

    def __str__(self) -> str:
        return self.name


class SmokeRun(models.Model):
    """One execution of one smoke test."""

    smoke_test = models.ForeignKey(SmokeTest, on_delete=models.CASCADE, related_name="runs")
    at = models.DateTimeField()
    by_name = models.CharField(max_length=150)
    verdict = models.CharField(max_length=12)
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    milliseconds = models.FloatField(null=True, blank=True)
    summary = models.CharField(max_length=500)
    response_start = models.TextField(blank=True, help_text="Masked, first 2,000 characters.")

    class Meta:
        ordering: ClassVar = ["-id"]

    def __str__(self) -> str:
        return f"{self.smoke_test}: {self.verdict}"
