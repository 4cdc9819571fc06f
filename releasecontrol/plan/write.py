"""Changes to rows: the only place of an import that writes the plan's tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.functions import Now

from checklists.models import Checklist, ChecklistItem
from flags.models import Rollout
from migrations_runner.models import content_hash
from releasecontrol.plan.compare import Change, Changes
from releasecontrol.plan.encoding import PlanRefused
from releasecontrol.plan.row import Row
from releases.models import Release

_BATCH = 500


class PlanDoesNotFit(PlanRefused):
    """A line of the plan can't be stored as it is; nothing was stored."""


def write(changes: list[Changes], release: Release, rollout: Rollout | None) -> None:
    """Store the changes of every table, in order; call it inside the import's transaction.

    Raises PlanDoesNotFit with the line that a table refuses.
    """
    for table in changes:
        homes = _homes(release) if table.kind.name == "items" else {}
        scope: dict[str, Any] = {"release": release}
        if table.kind.name == "items":
            scope = {}
        elif table.kind.name == "stages":
            scope = {"rollout": rollout}
        _add(table, scope, homes)
        for change in table.changed:
            _change(change, homes)
    for table in reversed(changes):
        _remove(table)


def _homes(release: Release) -> dict[str, Checklist]:
    return {home.key: home for home in Checklist.objects.filter(release=release)}


def _add(table: Changes, scope: Mapping[str, Any], homes: Mapping[str, Checklist]) -> None:
    made = []
    for row in table.added:
        values = _resolved({**row.fields, **row.first}, homes)
        one = table.kind.model(**scope, **values)
        if "text" in values and hasattr(one, "sha256"):
            one.sha256 = content_hash(values["text"])
        _clean(one, row, set(row.fields) | set(row.first))
        made.append(one)
    table.kind.model.objects.bulk_create(made, batch_size=_BATCH)


def _change(change: Change, homes: Mapping[str, Checklist]) -> None:
    for name, value in _resolved(change.values, homes).items():
        setattr(change.stored, name, value)
    _clean(change.stored, change.row, set(change.values))
    change.stored.save(update_fields=list(change.values))


def _remove(table: Changes) -> None:
    gone = table.kind.model.objects.filter(pk__in=[one.pk for one in table.removed])
    if table.kind.name == "items":
        gone.update(removed_at=Now())
    elif table.kind.name == "checklists":
        # A phase whose heading is gone stays as long as an item of it stays on record.
        empty = gone.exclude(pk__in=ChecklistItem.objects.values("checklist"))
        empty.delete()
    else:
        gone.delete()


def _resolved(values: Mapping[str, Any], homes: Mapping[str, Checklist]) -> dict[str, Any]:
    return {name: homes[value] if name == "checklist" else value for name, value in values.items()}


def _clean(one: models.Model, row: Row, names: set[str]) -> None:
    """Ask the model about the fields that the plan sets; relations and JSON are ours to know."""
    fields = one._meta.concrete_fields
    passed = {
        field.name
        for field in fields
        if field.name not in names or field.is_relation or isinstance(field, models.JSONField)
    }
    try:
        one.clean_fields(exclude=passed)
    except ValidationError as wrong:
        told = "; ".join(f"{name}: {' '.join(texts)}" for name, texts in wrong.message_dict.items())
        raise PlanDoesNotFit(f"Line {row.line}, “{row.label[:80]}”: {told}") from None
