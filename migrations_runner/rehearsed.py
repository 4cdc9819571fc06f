"""How long the statements of a script took in its rehearsal, and so how long they may take."""

from __future__ import annotations

from django.conf import settings

from migrations_runner.models import MigrationRun, Rehearsal, RehearsedStatement
from migrations_runner.states import RehearsalState

LEAST_MS = 5000.0


#: Of each script, by name and SHA-256: milliseconds that a statement, by its index, may take.
Limits = dict[tuple[str, str], dict[int, float]]


def limits(run: MigrationRun) -> Limits:
    """Those of a whole run, read once; empty without a rehearsal.

    Only a copy of the whole database tells a duration; a sample of its rows does not.
    """
    rehearsal = (
        Rehearsal.objects.filter(
            run__batch_hash=run.batch_hash,
            run__target=run.target_id,
            state=RehearsalState.PASSED,
            clone_kind=Rehearsal.Clone.TEMPLATE,
        )
        .order_by("-pk")
        .first()
    )
    if rehearsal is None:
        return {}
    found = RehearsedStatement.objects.filter(script__rehearsal=rehearsal)
    told: Limits = {}
    for name, sha256, index, ms in found.values_list(
        "script__name", "script__sha256", "index", "milliseconds"
    ):
        allowed = max(LEAST_MS, ms * settings.RUN_REHEARSAL_FACTOR)
        told.setdefault((name, sha256), {})[index] = allowed
    return told
