"""Scripts as people write them: their texts, versions and the findings that were allowed."""

from __future__ import annotations

import hashlib
from typing import ClassVar

from django.core.exceptions import ValidationError
from django.db import models

from releases.models import Release


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

    class Mode(models.TextChoices):
        SCRIPT = "script", "As it is: one transaction where it can be"
        BACKFILL = "backfill", "Backfill: in small batches"
        FAN_OUT = "fan_out", "Fan-out: once for each row of a query"

    release = models.ForeignKey(Release, on_delete=models.CASCADE, related_name="scripts")
    name = models.CharField(max_length=200, help_text="The file's name, unique in the release.")
    path = models.CharField(max_length=500, blank=True, help_text="As the plan names it.")
    title = models.CharField(max_length=200, blank=True)
    role = models.CharField(max_length=10, choices=Role, default=Role.SCHEMA)
    mode = models.CharField(max_length=10, choices=Mode, default=Mode.SCRIPT)
    driver_query = models.TextField(
        blank=True, help_text="For a fan-out: each row of this query is one set of variables."
    )
    undo = models.BooleanField(
        default=False,
        help_text="Keep each changed row's old value on the target, for a row-exact undo.",
    )
    reverts = models.ForeignKey(
        "self",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="down_scripts",
        help_text="The script that this one takes back.",
    )
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

    def clean(self) -> None:
        """A fan-out has its query; a script takes back another one of its release."""
        fans_out = self.mode == self.Mode.FAN_OUT
        if fans_out != bool(self.driver_query.strip()):
            words = "A fan-out needs its query." if fans_out else "Only a fan-out has a query."
            raise ValidationError({"driver_query": words})
        if self.reverts is not None and self.reverts.pk == self.pk:
            raise ValidationError({"reverts": "A script can’t take back itself."})
        if self.reverts is not None and self.reverts.release_id != self.release_id:
            raise ValidationError({"reverts": "Choose a script of the same release."})

    @property
    def awaits_file(self) -> bool:
        return not self.text


class ScriptVersion(models.Model):
    """One text that a script once had; written with every save, never changed."""

    script = models.ForeignKey(MigrationScript, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    text = models.TextField(blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    saved_at = models.DateTimeField(auto_now_add=True)
    saved_by = models.CharField(max_length=150)

    class Meta:
        ordering: ClassVar = ["script", "-number"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["script", "number"], name="script_version_once"),
        ]

    def __str__(self) -> str:
        return f"{self.script}, version {self.number}"


class LintSuppression(models.Model):
    """A rule that a person allowed for one script, and why."""

    script = models.ForeignKey(
        MigrationScript, on_delete=models.CASCADE, related_name="suppressions"
    )
    rule = models.CharField(max_length=60)
    reason = models.CharField(max_length=500)
    by = models.CharField(max_length=150)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["script", "rule"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["script", "rule"], name="suppression_once"),
        ]

    def __str__(self) -> str:
        return f"{self.rule} allowed in {self.script}"
