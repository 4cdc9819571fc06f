"""How far the newest revision of an environment's flags has come, over the API."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from ninja import Router, Schema

from flags.changing.lookup import find_environment
from flags.serving import propagation
from releasecontrol.api.auth import caller

router = Router(tags=["flags"])


class StragglerOut(Schema):
    name: str
    protocol: str
    revision: int | None
    last_seen: datetime


class PropagationOut(Schema):
    revision: int
    changed_at: datetime | None
    total: int
    reached: int
    after_seconds: float | None
    says: str
    stragglers: list[StragglerOut]


@router.get("/environments/{slug}/propagation", response=PropagationOut)
def standing(request: HttpRequest, slug: str) -> Any:
    """Which clients have the newest revision, after how long, and who does not."""
    caller(request).require("flags.view_flag")
    found = propagation.standing(find_environment(slug))
    return PropagationOut(
        revision=found.revision,
        changed_at=found.changed_at,
        total=found.total,
        reached=found.reached,
        after_seconds=found.after.total_seconds() if found.after is not None else None,
        says=found.words,
        stragglers=[
            StragglerOut(
                name=one.name,
                protocol=one.protocol,
                revision=one.revision,
                last_seen=one.last_seen,
            )
            for one in found.stragglers
        ],
    )
