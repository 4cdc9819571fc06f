"""Flags made before entries existed are published as they stand, at the revision that stands."""

from __future__ import annotations

from typing import Any

from django.db import migrations
from django.db.models.functions import Now


def publish(apps: Any, _schema_editor: Any) -> None:
    revision = dict(
        apps.get_model("flags", "RulesetRevision")
        .objects.values_list("environment_id", "revision")
    )
    states = apps.get_model("flags", "FlagState").objects.filter(flag__archived_at=None)
    apps.get_model("flags", "RulesetEntry").objects.bulk_create(
        [
            apps.get_model("flags", "RulesetEntry")(
                environment_id=state.environment_id,
                kind="flag",
                key=state.flag.key,
                revision=revision.get(state.environment_id, 0),
                document=document(state),
                at=Now(),
            )
            for state in states.select_related("flag").prefetch_related("flag__variants")
        ],
        batch_size=500,
    )


def document(state: Any) -> dict[str, Any]:
    """Format 1, written out: a migration keeps its meaning when the code moves on."""
    variants = sorted(state.flag.variants.all(), key=lambda one: (one.position, one.pk))
    return {
        "format": 1,
        "key": state.flag.key,
        "kind": state.flag.kind,
        "salt": state.salt or state.flag.key,
        "bucket_by": "targetingKey",
        "enabled": state.enabled,
        "killed": state.killed_at is not None,
        "dial": state.dial,
        "off": next((one.name for one in variants if one.is_off), ""),
        "variants": [
            {"name": one.name, "value": one.value, "weight": one.weight} for one in variants
        ],
        "requires": [],
        "overrides": [],
        "rules": [],
    }


class Migration(migrations.Migration):
    dependencies = [("flags", "0002_targeting")]  # noqa: RUF012  (Django's own form)

    operations = [migrations.RunPython(publish, migrations.RunPython.noop)]  # noqa: RUF012
