"""What SDKs of Unleash can't decide as we do, told on a flag's page."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import template
from django.db.models import Count
from django.utils import timezone

from flags.changing import targeting
from flags.changing.reading import segment_specs
from flags.core.percent import format_percent
from flags.models import FlagClient, FlagState
from flags.unleash.exporting import export

register = template.Library()

_RECENT = timedelta(hours=24)
_SHOWN = 10
_PROTOCOLS = (FlagClient.Protocol.UNLEASH, FlagClient.Protocol.UNLEASH_STREAM)


@register.inclusion_tag("flags/_unleash_differences.html")
def unleash_differences(state: FlagState) -> dict[str, Any]:
    """Where SDKs that decide themselves decide otherwise, and which of them were seen of late."""
    spec = targeting.spec(state.flag, state.environment)
    segments = {segment.key: segment for segment in segment_specs()}
    found = export(spec, segments, timezone.now()).differences
    shares = [None if one.users is None else format_percent(one.users) for one in found]
    return {
        "state": state,
        "found": [
            {"text": one.text, "share": share, "more": one.more}
            for one, share in zip(found, shares, strict=True)
        ],
        "clients": _clients(state) if found else [],
    }


def _clients(state: FlagState) -> list[dict[str, Any]]:
    """Applications that asked as SDKs of Unleash do, with how many instances each."""
    seen = FlagClient.objects.filter(
        environment=state.environment,
        protocol__in=_PROTOCOLS,
        last_seen__gt=timezone.now() - _RECENT,
    )
    counted = seen.values("application").annotate(instances=Count("instance", distinct=True))
    return [dict(one) for one in counted.order_by("application")[:_SHOWN]]
