"""The tables that a plan fills: how a row is found again, and when one that is gone is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import models
from django.db.models import Count

from checklists.models import Checklist, ChecklistItem
from flags.models import Stage
from migrations_runner.models import MigrationScript
from monitoring.models import Guardrail, Metric, SmokeTest
from releasecontrol.plan.row import Row
from releases.models import PlanEntry, Release


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One table. `stored` reads what stands, `key` finds a row's place among the plan's rows."""

    name: str
    title: str
    model: type[Any]
    #: Fields whose words tell that a row is the same one under another heading; empty: never.
    words: tuple[str, ...]
    stored: Callable[[Release], Iterable[Any]]
    key: Callable[[Any], str]
    #: May a row that the plan no longer has be deleted? (stored row, what the last plan said of it)
    may_go: Callable[[Any, Row | None], bool]

    def read(self, stored: Any, field: str) -> Any:
        """A field's stored value in the words of a `Row`."""
        if self.name == "items" and field == "checklist":
            return stored.checklist.key
        return getattr(stored, field)


def always(_stored: Any, _before: Row | None) -> bool:
    return True


def never(_stored: Any, _before: Row | None) -> bool:
    return False


def _is_unused_script(stored: Any, before: Row | None) -> bool:
    """A file nobody has attached, or a draft exactly as the plan wrote it."""
    return not stored.text or (before is not None and before.fields.get("text") == stored.text)


def _own(manager: models.Manager[Any]) -> Callable[[Release], Iterable[Any]]:
    return lambda release: manager.filter(release=release)


def _by_field_key(stored: Any) -> str:
    return str(stored.key)


KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            name="checklists",
            title="Checklists",
            words=("title", "gate"),
            model=Checklist,
            stored=_own(Checklist.objects),
            key=_by_field_key,
            may_go=always,  # as soon as its last item moved elsewhere
        ),
        Kind(
            name="items",
            title="Checklist items",
            words=("text",),
            model=ChecklistItem,
            stored=lambda release: ChecklistItem.objects.filter(
                checklist__release=release
            ).select_related("checklist"),
            key=_by_field_key,
            may_go=never,  # marked as removed instead: its ticks are people's words
        ),
        Kind(
            name="stages",
            title="Rollout stages",
            words=(),
            model=Stage,
            stored=lambda release: Stage.objects.filter(
                rollout__state_of__flag__release=release,
                rollout__state_of__environment__is_production=True,
            ),
            key=lambda stored: str(stored.position),
            may_go=always,
        ),
        Kind(
            name="metrics",
            title="Metrics",
            words=("name",),
            model=Metric,
            stored=_own(Metric.objects),
            key=_by_field_key,
            may_go=always,
        ),
        Kind(
            name="guardrails",
            title="Rollback triggers and alert rules",
            words=("origin", "text"),
            model=Guardrail,
            stored=_own(Guardrail.objects),
            key=lambda stored: f"{stored.origin}|{stored.key}",
            may_go=lambda stored, _before: not stored.armed,
        ),
        Kind(
            name="scripts",
            title="Migration scripts",
            words=("path", "title"),
            model=MigrationScript,
            stored=_own(MigrationScript.objects),
            key=lambda stored: str(stored.name),
            may_go=_is_unused_script,
        ),
        Kind(
            name="smoke_tests",
            title="Smoke tests",
            words=("name",),
            model=SmokeTest,
            stored=lambda release: SmokeTest.objects.filter(release=release).annotate(
                times_run=Count("runs")
            ),
            key=_by_field_key,
            may_go=lambda stored, _before: stored.times_run == 0,
        ),
        Kind(
            name="entries",
            title="Other facts",
            words=("kind", "text"),
            model=PlanEntry,
            stored=_own(PlanEntry.objects),
            key=lambda stored: f"{stored.kind}|{stored.key}",
            may_go=always,
        ),
    )
}
