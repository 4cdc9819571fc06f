"""Checklists: items, the words of people about them, and the gates that read both."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from checklists.states import ITEM_TONES, SETTLED, GateName, ItemState
from releases.models import Release


class Checklist(models.Model):
    """One phase of a release: a list of items that a gate may wait for."""

    release = models.ForeignKey(Release, on_delete=models.CASCADE, related_name="checklists")
    key = models.CharField(max_length=200)
    title = models.CharField(max_length=200)
    group = models.CharField(max_length=200, blank=True, help_text="The heading above the phase.")
    position = models.PositiveIntegerField(default=0)
    gate = models.CharField(max_length=16, choices=GateName, default=GateName.COMPLETE)

    class Meta:
        ordering: ClassVar = ["release", "position"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["release", "key"], name="checklist_once"),
        ]

    def __str__(self) -> str:
        return self.title


class ChecklistItem(models.Model):
    """One line to settle. `number` is set where the plan numbers its steps: strict order."""

    State = ItemState

    checklist = models.ForeignKey(Checklist, on_delete=models.CASCADE, related_name="items")
    key = models.CharField(max_length=250, help_text="Survives edits elsewhere in the plan.")
    section = models.CharField(max_length=200, blank=True)
    position = models.PositiveIntegerField(default=0)
    number = models.PositiveIntegerField(null=True, blank=True)
    text = models.CharField(max_length=500)
    required = models.BooleanField(default=True)
    state = models.CharField(max_length=12, choices=ItemState, default=ItemState.OPEN)
    reason = models.CharField(max_length=500, blank=True, help_text="Why it is blocked.")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    note = models.TextField(blank=True)
    evidence_url = models.URLField(blank=True, max_length=500)
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    source_line = models.PositiveIntegerField(null=True, blank=True)
    removed_at = models.DateTimeField(
        null=True, blank=True, help_text="When a newer plan no longer had this line."
    )

    class Meta:
        ordering: ClassVar = ["checklist__position", "position"]
        verbose_name = "checklist item"
        permissions: ClassVar = [
            ("tick_item", "Can tick, untick and annotate items"),
            ("waive_item", "Can ask to waive an item and confirm another person's waiver"),
            ("sign_off", "Can sign off a gate"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["checklist", "key"], name="item_once"),
        ]

    def __str__(self) -> str:
        return self.text

    @property
    def is_settled(self) -> bool:
        return self.state in SETTLED

    @property
    def tone(self) -> str:
        return ITEM_TONES[ItemState(self.state)]


class Tick(models.Model):
    """A person's word that an item is done. Taken back by a second stamp, never erased."""

    item = models.ForeignKey(ChecklistItem, on_delete=models.CASCADE, related_name="ticks")
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True
    )
    by_name = models.CharField(max_length=150)
    at = models.DateTimeField()
    note = models.CharField(max_length=500, blank=True)
    undone_at = models.DateTimeField(null=True, blank=True)
    undone_by_name = models.CharField(max_length=150, blank=True)
    undone_reason = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["item"], condition=Q(undone_at=None), name="one_standing_tick"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.by_name}: {self.item}"


class Waiver(models.Model):
    """An item skipped with a reason, by one person who asks and a second who confirms."""

    item = models.ForeignKey(ChecklistItem, on_delete=models.CASCADE, related_name="waivers")
    reason = models.CharField(max_length=500)
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    asked_by_name = models.CharField(max_length=150)
    asked_at = models.DateTimeField()
    confirmed_by_name = models.CharField(max_length=150, blank=True)
    confirmed_at = models.DateTimeField(null=True, blank=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["item"], condition=Q(withdrawn_at=None), name="one_standing_waiver"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.item}: {self.reason}"


class Gate(models.Model):
    """What must hold before a verb; its conditions are rows, so a person can read them."""

    Name = GateName

    release = models.ForeignKey(Release, on_delete=models.CASCADE, related_name="gates")
    name = models.CharField(max_length=16, choices=GateName)

    class Meta:
        ordering: ClassVar = ["release", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["release", "name"], name="gate_once"),
        ]

    def __str__(self) -> str:
        return self.get_name_display()


class Condition(models.Model):
    """One thing that a gate asks for."""

    class Kind(models.TextChoices):
        ITEMS = "items", "All required items of its checklists are settled"
        SIGNOFF = "signoff", "A role has said yes"

    gate = models.ForeignKey(Gate, on_delete=models.CASCADE, related_name="conditions")
    kind = models.CharField(max_length=10, choices=Kind)
    role = models.CharField(max_length=60, blank=True, help_text="For a sign-off: whose.")

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["gate", "kind", "role"], name="condition_once"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.role}".strip()


class Signoff(models.Model):
    """A role's yes at a gate, or its no."""

    gate = models.ForeignKey(Gate, on_delete=models.CASCADE, related_name="signoffs")
    role = models.CharField(max_length=60)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    go = models.BooleanField()
    reason = models.CharField(max_length=500, blank=True)
    at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["gate", "role"], name="one_signoff_a_role"),
        ]

    def __str__(self) -> str:
        return f"{self.role}: {'go' if self.go else 'no go'}"


class Approval(models.Model):
    """A person's yes to exactly one content of something: any edit leaves it behind.

    `subject` is kind:id, such as run:7; `content_hash` is whatever the room of the subject hashes.
    """

    subject = models.CharField(max_length=120)
    content_hash = models.CharField(max_length=64)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    note = models.CharField(max_length=500, blank=True)
    at = models.DateTimeField(auto_now_add=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["subject", "at"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["subject", "content_hash", "person"],
                condition=Q(withdrawn_at__isnull=True),
                name="approval_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.person} approves {self.subject}"
