"""What a worker does when it is asked for a preview."""

from __future__ import annotations

from migrations_runner.models import MigrationRun
from migrations_runner.undo import previewing


def preview(run_id: int) -> None:
    run = MigrationRun.objects.select_related("target", "release").filter(pk=run_id).first()
    if run is not None:
        previewing.look(run)
