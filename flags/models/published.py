"""What every process answers from, at each revision: the ruleset's source and its history."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from releases.models import Environment


class RulesetRevision(models.Model):
    """The revision counter of one environment's ruleset; raised in each verb's transaction."""

    environment = models.OneToOneField(
        Environment, on_delete=models.CASCADE, related_name="ruleset_revision"
    )
    revision = models.BigIntegerField(default=0)
    changed_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.environment}: {self.revision}"


class RulesetEntry(models.Model):
    """A flag or a segment as it was published at a revision. Never changed, only followed.

    ``document`` is the form that `specs` reads; null means that it was taken away. The newest
    of each key is ``current``: together they are the ruleset. All of them are its history.
    """

    class Kind(models.TextChoices):
        FLAG = "flag", "Flag"
        SEGMENT = "segment", "Segment"

    environment = models.ForeignKey(Environment, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=7, choices=Kind)
    key = models.CharField(max_length=100)
    revision = models.BigIntegerField()
    document = models.JSONField(null=True)
    current = models.BooleanField(default=True)
    at = models.DateTimeField()
    actor_name = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering: ClassVar = ["environment", "revision", "kind", "key"]
        indexes: ClassVar = [
            models.Index(fields=["environment", "revision"], name="entry_by_revision"),
            models.Index(fields=["environment", "kind", "key", "-at"], name="entry_history"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["environment", "kind", "key", "revision"], name="entry_once"
            ),
            models.UniqueConstraint(
                fields=["environment", "kind", "key"],
                condition=Q(current=True),
                name="entry_current_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.key} on {self.environment} at {self.revision}"
