"""The words that every other room shares: environment, target, release, timeline, evidence."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models

from releases.states import RELEASE_TONES, ReleaseState

slug_validator = RegexValidator(
    r"^[a-z0-9][a-z0-9-]{0,62}$",
    "Use lower-case letters, digits and hyphens, beginning with a letter or digit.",
)
variable_validator = RegexValidator(
    r"^[A-Z][A-Z0-9_]{1,99}$",
    "Give the NAME of an environment variable (such as TARGET_STAGING_URL), never the URL itself.",
)


class Environment(models.Model):
    """Where things run: staging, production."""

    slug = models.CharField(max_length=63, unique=True, validators=[slug_validator])
    name = models.CharField(max_length=80)
    position = models.PositiveSmallIntegerField(default=0)
    is_production = models.BooleanField(
        default=False, help_text="Acts here are confirmed with their blast radius."
    )
    approvals_needed = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        help_text="How many other people approve a run here. Empty: 1 in production, 0 elsewhere.",
    )
    flag_approvals_needed = models.PositiveSmallIntegerField(
        default=0,
        help_text="How many other people approve a change of a flag here. Killing asks nobody.",
    )

    class Meta:
        ordering: ClassVar = ["position", "slug"]

    def __str__(self) -> str:
        return self.name

    @property
    def quorum(self) -> int:
        """How many people other than its author have to approve a run here."""
        if self.approvals_needed is None:
            return int(self.is_production)
        return self.approvals_needed


class TargetDatabase(models.Model):
    """A database that scripts run on. Holds the *name* of the variable with its URL, no secret."""

    class BackupNeed(models.TextChoices):
        NONE = "none", "No backup is asked for"
        DUMP = "dump", "A verified dump of ours"
        ATTESTED = "attested", "A dump of ours, or a provider's attested by a person"

    name = models.CharField(max_length=63, unique=True, validators=[slug_validator])
    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="targets")
    url_variable = models.CharField(max_length=100, validators=[variable_validator])
    stall_budget_ms = models.PositiveIntegerField(
        default=200, help_text="No request waits longer than this behind a run, in milliseconds."
    )
    statement_timeout_ms = models.PositiveIntegerField(default=900_000)
    clone_variable = models.CharField(
        max_length=100,
        blank=True,
        validators=[variable_validator],
        help_text="The variable with the URL of a server for throw-away clones (rehearsals,"
        " restores). Empty: the target's own server.",
    )
    backup = models.CharField(
        max_length=8,
        choices=BackupNeed,
        blank=True,
        help_text="What has to be there before a run. Empty: a dump in production, else nothing.",
    )
    identity = models.JSONField(
        default=dict,
        blank=True,
        editable=False,
        help_text="Which database answered last: system identifier, name, version.",
    )
    checked_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering: ClassVar = ["environment__position", "name"]
        verbose_name = "target database"

    def __str__(self) -> str:
        return self.name

    @property
    def backup_needed(self) -> str:
        """One of BackupNeed."""
        if self.backup:
            return self.backup
        return self.BackupNeed.DUMP if self.environment.is_production else self.BackupNeed.NONE


class Release(models.Model):
    """One cutover: what is released, from which plan, and how far it is."""

    State = ReleaseState

    slug = models.CharField(max_length=63, unique=True, validators=[slug_validator])
    title = models.CharField(max_length=200)
    state = models.CharField(max_length=20, choices=ReleaseState, default=ReleaseState.DRAFT)
    summary = models.TextField(blank=True)
    git_ref = models.CharField(max_length=200, blank=True)
    version = models.CharField(max_length=60, blank=True)
    planned_for = models.DateField(null=True, blank=True)
    driver = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        help_text="Who is driving.",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-created_at", "-id"]
        permissions: ClassVar = [
            ("import_plan", "Can import a plan"),
            ("move_release", "Can start, complete, close and cancel a release"),
            ("view_status", "Can see status pages"),
            ("invite_person", "Can invite a colleague"),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def tone(self) -> str:
        return RELEASE_TONES[ReleaseState(self.state)]


class PlanDocument(models.Model):
    """One imported version of a plan: the bytes as they came, and what each line became."""

    release = models.ForeignKey(Release, on_delete=models.CASCADE, related_name="plans")
    version = models.PositiveIntegerField()
    filename = models.CharField(max_length=200, blank=True)
    source = models.BinaryField(help_text="The bytes exactly as they were given.")
    text = models.TextField(help_text="The text after its encoding was repaired.")
    sha256 = models.CharField(max_length=64)
    repaired_lines = models.JSONField(default=list)
    lines = models.JSONField(default=list, help_text="For each line: what it became.")
    counts = models.JSONField(default=dict)
    imported_at = models.DateTimeField(auto_now_add=True)
    imported_by = models.CharField(max_length=150)

    class Meta:
        ordering: ClassVar = ["release", "-version"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["release", "version"], name="plan_version_once"),
        ]

    def __str__(self) -> str:
        return f"{self.release} plan, version {self.version}"


class PlanEntry(models.Model):
    """A fact of the plan that has no machine behind it yet: objective, variable, date, contact."""

    class Kind(models.TextChoices):
        OBJECTIVE = "objective", "Objective"
        PHASE = "phase", "Phase"
        STRATEGY = "strategy", "Strategy step"
        VALIDATION = "validation", "Pre- or post-migration check"
        VARIABLE = "variable", "Environment variable"
        TIMELINE = "timeline", "Timeline entry"
        TOOL = "tool", "Tool"
        SECURITY = "security", "Security statement"
        CONTACT = "contact", "Contact"
        COMMUNICATION = "communication", "Communication"
        ESCALATION = "escalation", "Escalation step"
        COMMAND = "command", "Command"
        CODE = "code", "Flag code"
        HEADER = "header", "Header field"
        FINDING = "finding", "Finding"

    release = models.ForeignKey(Release, on_delete=models.CASCADE, related_name="entries")
    kind = models.CharField(max_length=20, choices=Kind)
    key = models.CharField(max_length=200)
    position = models.PositiveIntegerField(default=0)
    text = models.TextField()
    data = models.JSONField(default=dict)
    source_line = models.PositiveIntegerField(null=True)

    class Meta:
        ordering: ClassVar = ["release", "kind", "position"]
        verbose_name_plural = "plan entries"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["release", "kind", "key"], name="plan_entry_once"),
        ]

    def __str__(self) -> str:
        return self.text[:80]


class Event(models.Model):
    """One line of the timeline: who did what, when. Append-only, chained by hash."""

    release = models.ForeignKey(
        Release, on_delete=models.PROTECT, null=True, blank=True, related_name="events"
    )
    environment = models.ForeignKey(
        Environment, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    at = models.DateTimeField()
    actor_kind = models.CharField(max_length=10)
    actor_name = models.CharField(max_length=150)
    actor_user_id = models.BigIntegerField(null=True)
    verb = models.CharField(max_length=60)
    subject = models.CharField(max_length=80, help_text="kind:id, such as item:12")
    subject_label = models.CharField(max_length=250)
    data = models.JSONField(default=dict)
    previous_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

    class Meta:
        ordering: ClassVar = ["-id"]
        verbose_name = "timeline event"
        indexes: ClassVar = [
            models.Index(fields=["release", "-id"], name="event_by_release"),
            models.Index(fields=["subject", "-id"], name="event_by_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.actor_name} {self.verb} {self.subject_label}"


class Verdict(models.TextChoices):
    """Three-valued truth: no data is never a pass."""

    PASS = "pass", "Pass"
    FAIL = "fail", "Fail"
    INCONCLUSIVE = "inconclusive", "Cannot tell"


class Evidence(models.Model):
    """What a machine saw: about what, the verdict, the numbers, when."""

    release = models.ForeignKey(
        Release, on_delete=models.CASCADE, null=True, blank=True, related_name="evidence"
    )
    subject = models.CharField(max_length=120, help_text="kind:id, such as run:7 or smoke:3")
    verdict = models.CharField(max_length=12, choices=Verdict)
    summary = models.CharField(max_length=500)
    numbers = models.JSONField(default=dict)
    at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["-id"]
        verbose_name_plural = "evidence"
        indexes: ClassVar = [models.Index(fields=["subject", "-id"], name="evidence_latest")]

    def __str__(self) -> str:
        return f"{self.subject}: {self.get_verdict_display()}"


class ApiToken(models.Model):
    """A key for an application or a script. Only its digest is stored."""

    class Scope(models.TextChoices):
        EVALUATE = "evaluate", "Evaluate flags"
        MANAGE = "manage", "Use the API as its user"

    name = models.CharField(max_length=100)
    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="tokens")
    scope = models.CharField(max_length=12, choices=Scope)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    hint = models.CharField(max_length=20, editable=False, help_text="The first characters.")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        verbose_name = "API token"

    def __str__(self) -> str:
        return f"{self.name} ({self.hint}…)"


class Heartbeat(models.Model):
    """A sign of life of one of our own processes; times are the database's."""

    name = models.CharField(max_length=100, unique=True)
    at = models.DateTimeField()
    detail: models.JSONField[dict[str, Any], dict[str, Any]] = models.JSONField(default=dict)

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name
