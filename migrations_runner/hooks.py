"""Who takes part in a run, and when: the one list of every room that `execution` calls.

A run is: claim, session, PREFLIGHT, each script, POSTFLIGHT, finish. A script is: BEFORE_SCRIPT,
its transaction with the GUARDS around its statements, AFTER_SCRIPT. A step that raises a Refused
ends the run as failed; before the first script nothing has been run then.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from migrations_runner.models import MigrationScript
from migrations_runner.work import RunAtWork, Work

PREFLIGHT: tuple[Callable[[RunAtWork], None], ...] = ()

BEFORE_SCRIPT: tuple[Callable[[Work], None], ...] = ()

#: Entered inside the script's transaction right behind its ledger row, left right before COMMIT.
GUARDS: tuple[Callable[[Work], AbstractContextManager[None]], ...] = ()

AFTER_SCRIPT: tuple[Callable[[Work], None], ...] = ()

POSTFLIGHT: tuple[Callable[[RunAtWork], None], ...] = ()

#: How a script is carried out, by its mode; what is missing here is sent as it is.
MODES: dict[MigrationScript.Mode, Callable[[Work], None]] = {}
