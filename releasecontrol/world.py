"""The two environments and target databases that every installation begins with."""

from __future__ import annotations

from django.db import transaction

from releases.models import Environment, TargetDatabase

#: slug, name, position, production?, the variable that holds the target's URL
_WORLD = (
    ("staging", "Staging", 1, False, "TARGET_STAGING_URL"),
    ("production", "Production", 2, True, "TARGET_PRODUCTION_URL"),
)


@transaction.atomic
def ensure_environments() -> dict[str, Environment]:
    """Make staging and production with a target each, where they are missing; by slug.

    What a person changed about them (names, timeouts, the variable) is left as it is. Targets are
    made only together with their environment, so a target that somebody deleted stays away.
    """
    found = {}
    for slug, name, position, is_production, variable in _WORLD:
        environment, made = Environment.objects.get_or_create(
            slug=slug,
            defaults={"name": name, "position": position, "is_production": is_production},
        )
        found[slug] = environment
        if made:
            TargetDatabase.objects.get_or_create(
                name=slug, defaults={"environment": environment, "url_variable": variable}
            )
    return found
