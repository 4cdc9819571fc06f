"""Who asks for flags, at which revision they stand, and what they were told how often."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from releases.models import ApiToken, Environment


class FlagClient(models.Model):
    """One running client, as far as its protocol names it, and the revision it surely has."""

    class Protocol(models.TextChoices):
        OFREP = "ofrep", "OFREP"
        OFREP_STREAM = "ofrep_stream", "OFREP event stream"
        UNLEASH = "unleash", "Unleash, polling"
        UNLEASH_STREAM = "unleash_stream", "Unleash, streaming"

    environment = models.ForeignKey(Environment, on_delete=models.CASCADE, related_name="+")
    token = models.ForeignKey(ApiToken, on_delete=models.CASCADE, related_name="+")
    protocol = models.CharField(max_length=14, choices=Protocol)
    instance = models.CharField(max_length=200, help_text="How the client names itself.")
    application = models.CharField(max_length=200, blank=True)
    sdk = models.CharField(max_length=200, blank=True)
    revision = models.BigIntegerField(null=True, help_text="Null: connected, nothing known yet.")
    reached_at = models.DateTimeField(
        null=True, blank=True, help_text="When it was first heard of at this revision."
    )
    connected = models.BooleanField(default=False, help_text="An event stream is open now.")
    first_seen = models.DateTimeField()
    last_seen = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["environment", "protocol", "instance"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["environment", "token", "protocol", "instance"], name="client_once"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["environment", "last_seen"], name="client_by_last_seen"),
        ]

    def __str__(self) -> str:
        return f"{self.application or self.instance} ({self.get_protocol_display()})"


class FlagUsage(models.Model):
    """How often a flag gave a variant within an hour, at one stand of its dial."""

    class Source(models.TextChoices):
        OFREP = "ofrep", "OFREP"
        UNLEASH = "unleash", "Unleash metrics"

    environment = models.ForeignKey(Environment, on_delete=models.CASCADE, related_name="+")
    flag_key = models.CharField(max_length=100)
    variant = models.CharField(max_length=60)
    dial = models.PositiveIntegerField(help_text="Where the dial stood: the stage it counts for.")
    source = models.CharField(max_length=7, choices=Source)
    hour = models.DateTimeField()
    count = models.PositiveBigIntegerField(default=0)

    class Meta:
        ordering: ClassVar = ["environment", "flag_key", "hour"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["environment", "flag_key", "hour", "variant", "dial", "source"],
                name="usage_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.flag_key} {self.variant} {self.hour:%Y-%m-%d %H}: {self.count}"
