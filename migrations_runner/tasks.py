"""What a worker does on a poke. A bug is reported and ends the task; the row tells the rest."""

from __future__ import annotations

import sentry_sdk

from migrations_runner import execution, integrity, target_looks
from migrations_runner.rehearsal import rehearse


def run_migration(run_id: int) -> None:
    """Look at the run; whoever claims it works on it, everybody else does nothing."""
    try:
        execution.execute(run_id)
    except Exception:
        sentry_sdk.capture_exception()
        raise


def look_at_target(target_id: int) -> None:
    """Look at the target and keep what was seen."""
    try:
        target_looks.look(target_id)
    except Exception:
        sentry_sdk.capture_exception()
        raise


def rehearse_run(rehearsal_id: int) -> None:
    """Look at the rehearsal; as above, whoever claims it works on it."""
    try:
        rehearse.rehearse(rehearsal_id)
    except Exception:
        sentry_sdk.capture_exception()
        raise


def check_integrity(target_id: int) -> None:
    """Ask whether the target's rows agree with each other; the newest answer stands."""
    try:
        integrity.check(target_id)
    except Exception:
        sentry_sdk.capture_exception()
        raise
