"""Down scripts: the way back that people wrote, as a run of its own."""

from __future__ import annotations

from migrations_runner import runs
from migrations_runner.models import MigrationRun, MigrationScript
from migrations_runner.states import StepState
from migrations_runner.variables import find
from releases.refusals import Refused
from releases.timeline import Actor


class NoWayBack(Refused):
    """Not every applied script has a down script, so nothing was queued."""


class NotARollback(Refused):
    """A down script has to have the role “Rollback”, so nothing was queued."""


def downs(run: MigrationRun) -> list[tuple[str, MigrationScript | None]]:
    """For each script that the run applied, the last first: its name and its down script."""
    applied = run.scripts.filter(state=StepState.APPLIED).order_by("-position")
    return [
        (script.name, script.script.down_scripts.order_by("pk").last() if script.script else None)
        for script in applied.select_related("script")
    ]


def queue_downs(*, run: MigrationRun, actor: Actor) -> MigrationRun:
    """Queue the down scripts of a run in reverse order, with the run's own values.

    All or none of what this run applied; on the target's ledger each takes back the script that it
    reverts, so what other runs applied stands. Raises NoWayBack, NotARollback and what `runs.queue`
    raises.
    """
    found = downs(run)
    missing = [name for name, down in found if down is None]
    scripts = [down for _, down in found if down is not None]
    if missing or not scripts:
        raise NoWayBack(f"Without one: {', '.join(missing) or 'the run applied nothing'}.")
    for script in scripts:
        if script.role != MigrationScript.Role.ROLLBACK:
            raise NotARollback(f"{script.name} has the role {script.get_role_display()}.")
    used = {use.name for script in scripts for use in find(script.text)}
    values = {name: value for name, value in run.variables.items() if name in used}
    return runs.queue(
        scripts=scripts, target=run.target, variables=values, actor=actor, release=run.release
    )
