"""How long the statements of a script took in its rehearsal, and so how long they may take."""

from __future__ import annotations

from django.conf import settings

from migrations_runner.models import MigrationRun, Rehearsal, RehearsedStatement, RunScript
from migrations_runner.states import RehearsalState

LEAST_MS = 5000.0


def limits(run: MigrationRun, script: RunScript) -> dict[int, float]:
    """Milliseconds that each statement may take, by its index; empty without a rehearsal.

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
    found = RehearsedStatement.objects.filter(
        script__rehearsal=rehearsal, script__name=script.name, script__sha256=script.sha256
    ).values_list("index", "milliseconds")
    return {index: max(LEAST_MS, ms * settings.RUN_REHEARSAL_FACTOR) for index, ms in found}
