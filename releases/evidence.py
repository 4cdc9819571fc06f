"""Evidence: what machines saw. Runs and smoke tests write it; items and gates read it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import models
from django.db.models.functions import Now

from releases.models import Evidence, Release, Verdict
from releases.redaction import redact, redact_tree
from releases.timeline import subject_of


def record(
    *,
    subject: models.Model,
    verdict: Verdict,
    summary: str,
    release: Release | None = None,
    numbers: dict[str, Any] | None = None,
) -> Evidence:
    """Store one observation about `subject`, at the database's clock, masked."""
    return Evidence.objects.create(
        release=release,
        subject=subject_of(subject),
        verdict=verdict,
        summary=redact(summary)[:500],
        numbers=redact_tree(numbers or {}),
        at=Now(),
    )


def latest(subject: models.Model, *, max_age: timedelta | None = None) -> Evidence | None:
    """The newest observation about `subject`; None where there is none, or none fresh enough."""
    found = Evidence.objects.filter(subject=subject_of(subject))
    if max_age is not None:
        found = found.filter(at__gte=Now() - max_age)
    return found.order_by("-id").first()
