"""Waiting for a run to end, and telling how it stands to machines."""

from __future__ import annotations

import threading
import time
from typing import Any

from django.conf import settings
from django.db.models import Count

from migrations_runner.models import MigrationRun
from migrations_runner.states import RUN, RunState

_EVERY_SECONDS = 0.2
#: A lost run is looked into every few seconds; one that stays lost so long needs a person.
_LOST_PATIENCE = 6


def wait(run: MigrationRun, *, seconds: float) -> bool:
    """Look at the row until it is final; False when the time is over or nobody can tell."""
    pause, deadline = threading.Event(), time.monotonic() + seconds
    patience = _LOST_PATIENCE * settings.RUN_STALE_SECONDS
    lost_since: float | None = None
    while True:
        run.refresh_from_db()
        now = time.monotonic()
        if run.state in RUN.final:
            return True
        lost_since = (lost_since or now) if run.state == RunState.LOST else None
        if now > deadline or (lost_since is not None and now - lost_since > patience):
            return False
        pause.wait(min(_EVERY_SECONDS, max(deadline - now, 0.0)))


def report(run: MigrationRun) -> dict[str, Any]:
    """A run as one JSON object."""
    scripts = run.scripts.defer("text").annotate(total=Count("statements"))
    return {
        "run": run.pk,
        "state": run.state,
        "target": run.target.name,
        "scripts": [
            {
                "name": script.name,
                "state": script.state,
                "statements": script.total,
                "error": script.error,
            }
            for script in scripts
        ],
        "error": run.error,
        "next_step": run.next_step,
    }


def refusal(message: str, target: str) -> dict[str, Any]:
    """The same object for a run that was never queued."""
    return {
        "run": None,
        "state": "refused",
        "target": target,
        "scripts": [],
        "error": message,
        "next_step": "Nothing was queued.",
    }
