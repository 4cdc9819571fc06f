"""Runs as rows of a list, each with how far it is. One query."""

from __future__ import annotations

from django.db.models import Count, Q, QuerySet

from migrations_runner.models import MigrationRun
from migrations_runner.states import StepState
from releases.models import Release

PASSED_BY = frozenset({StepState.APPLIED, StepState.SKIPPED})


def runs_of(release: Release) -> QuerySet[MigrationRun]:
    """The newest first; `done` of `total` scripts stand on the target."""
    return (
        MigrationRun.objects.filter(release=release)
        .select_related("target__environment")
        .annotate(
            total=Count("scripts"), done=Count("scripts", filter=Q(scripts__state__in=PASSED_BY))
        )
        .order_by("-id")
    )
