"""Changes that wait: for other people's yes, or for their time."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models

from flags.models.dials import FlagState
from flags.states import CHANGE_TONES, ChangeState


class WaitingChange(models.Model):
    """What is to be done to a flag in one environment, by whom and why.

    ``change`` is a verb's name with its arguments, as `flags.changing.scheduling` reads it.
    """

    state = models.CharField(max_length=10, choices=ChangeState, default=ChangeState.WAITING)
    change = models.JSONField()
    reason = models.CharField(max_length=2000)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    outcome = models.TextField(blank=True, help_text="What happened, or why it was refused.")

    class Meta:
        abstract = True

    @property
    def tone(self) -> str:
        return CHANGE_TONES[ChangeState(self.state)]


class ProposedChange(WaitingChange):
    """A change that others must approve: bound to the exact difference, void after any edit.

    ``change`` may hold what else it reaches: ``environments`` (slugs of others that ask as well),
    ``elsewhere`` (before and after there, by slug), and ``segment``, the key of the segment that
    the documents are of; ``of`` is then one of the flags that use it.
    """

    of = models.ForeignKey(FlagState, on_delete=models.CASCADE, related_name="proposals")
    before = models.JSONField(help_text="The published document that it was proposed on.")
    after = models.JSONField(help_text="The document that it leads to.")
    content_hash = models.CharField(max_length=64)

    class Meta:
        ordering: ClassVar = ["-created_at"]

    def __str__(self) -> str:
        return f"Change of {self.what} proposed at {self.created_at:%Y-%m-%d %H:%M}"

    @property
    def segment(self) -> str:
        """The key of the segment that it changes; empty: it changes a flag."""
        return str(self.change.get("segment", ""))

    @property
    def what(self) -> str:
        return f"segment {self.segment}" if self.segment else str(self.of)


class ScheduledChange(WaitingChange):
    """A change that happens at its time, once, through the same verb that a person would use."""

    of = models.ForeignKey(FlagState, on_delete=models.CASCADE, related_name="scheduled")
    due_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["due_at"]
        indexes: ClassVar = [
            models.Index(
                fields=["due_at"], condition=models.Q(state="waiting"), name="change_waiting_by_due"
            )
        ]

    def __str__(self) -> str:
        return f"Change of {self.of} due at {self.due_at:%Y-%m-%d %H:%M}"
