"""What a worker does on a poke. A bug is reported and ends the task; the row tells the rest."""

from __future__ import annotations

import sentry_sdk

from migrations_runner.backup import taking


def take_backup(backup_id: int) -> None:
    """Look at the backup; whoever claims it takes it, everybody else does nothing."""
    try:
        taking.take(backup_id)
    except Exception:
        sentry_sdk.capture_exception()
        raise
