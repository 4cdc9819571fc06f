"""Who takes part in a run, and when: the one list of every room that `execution` calls.

A run is: claim, session, PREFLIGHT, each script, POSTFLIGHT, finish. A script is: BEFORE_SCRIPT,
its transaction with the GUARDS around its statements, AFTER_SCRIPT. A step that raises a Refused
ends the run as failed; before the first script nothing has been run then.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from migrations_runner import approving, lint_gate, postflight, preflight, safety, target_looks
from migrations_runner.backfill import carry_out as backfill
from migrations_runner.backup import needing
from migrations_runner.fan_out import carry_out as fan_out
from migrations_runner.models import MigrationScript
from migrations_runner.undo import capturing
from migrations_runner.work import Guard, RunAtWork, Work

#: Cheap questions to our own database first, those to the target behind.
PREFLIGHT: tuple[Callable[[RunAtWork], None], ...] = (
    approving.require,
    needing.require,
    lint_gate.refuse_blocking,
    preflight.ask,
)

#: An undo is approved like a run; its own rows are its safety.
BEFORE_UNDO: tuple[Callable[[RunAtWork], None], ...] = (approving.require,)

BEFORE_SCRIPT: tuple[Callable[[Work], None], ...] = (approving.check_point,)

#: Entered inside the script's transaction right behind its ledger row, left right before COMMIT.
#: The first is left last: what undo keeps includes whatever the others did.
GUARDS: tuple[Guard, ...] = (
    capturing.capturing,
    safety.guard,
    postflight.guard,
)

AFTER_SCRIPT: tuple[Callable[[Work], None], ...] = ()

POSTFLIGHT: tuple[Callable[[RunAtWork], None], ...] = (
    target_looks.note_left,
    postflight.ask,
)

#: How a script is carried out, by its mode; what is missing here is sent as it is.
MODES: dict[MigrationScript.Mode, Callable[[Work], None]] = {
    MigrationScript.Mode.BACKFILL: partial(backfill.carry_out, guards=(safety.check_batch,)),
    MigrationScript.Mode.FAN_OUT: partial(
        fan_out.carry_out, guards=(capturing.capturing, safety.guard_key)
    ),
}
