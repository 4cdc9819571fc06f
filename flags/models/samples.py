"""Users to try a change on before it is confirmed."""

from __future__ import annotations

from typing import ClassVar

from django.core.validators import RegexValidator
from django.db import models

name_validator = RegexValidator(
    r"^[^\x00-\x1f]{1,100}$", "One line of at most 100 characters, without control characters."
)


class UserSample(models.Model):
    """Targeting keys, with attributes or without, that a blast radius is counted over.

    Uploaded, or asked of a target by a query that a worker runs. Holds keys of real users, so it
    is forgotten after a while.
    """

    name = models.CharField(max_length=100, unique=True, validators=[name_validator])
    text = models.TextField(blank=True, help_text="A key a line, or a table with headings.")
    users = models.PositiveIntegerField(default=0)
    target = models.CharField(max_length=63, blank=True, help_text="Asked of this target.")
    query = models.TextField(blank=True)
    asked_at = models.DateTimeField(null=True, blank=True)
    made_at = models.DateTimeField(null=True, blank=True)
    made_by = models.CharField(max_length=200, blank=True)
    error = models.TextField(blank=True)

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def is_awaited(self) -> bool:
        """Is a worker still to answer?"""
        if self.asked_at is None or self.error:
            return False
        return self.made_at is None or self.made_at < self.asked_at
