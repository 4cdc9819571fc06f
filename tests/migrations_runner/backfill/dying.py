"""A worker that kills itself with SIGKILL around the nth call of a function.

``python -m tests.migrations_runner.backfill.dying MODULE:FUNCTION before|after NTH RUN``
"""

from __future__ import annotations

import importlib
import itertools
import os
import signal
import sys
from functools import partial
from typing import Any

import django


def die_at(point: str, when: str, nth: int) -> None:
    module, _, name = point.partition(":")
    holder: Any = importlib.import_module(module)
    original, calls = getattr(holder, name), itertools.count(1)  # safe among threads

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        call = next(calls)
        if call == nth and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = original(*args, **kwargs)
        if call == nth:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(holder, name, wrapped)


def main() -> None:
    django.setup()
    point, when, nth, run = sys.argv[1:]
    from migrations_runner import execution, hooks
    from migrations_runner.backfill import carry_out as backfill
    from migrations_runner.fan_out import carry_out as fan_out
    from migrations_runner.models import MigrationScript

    mode = MigrationScript.Mode
    hooks.MODES[mode.BACKFILL] = partial(backfill.carry_out, sessions=2)
    hooks.MODES[mode.FAN_OUT] = fan_out.carry_out
    die_at(point, when, int(nth))
    execution.execute(int(run))


if __name__ == "__main__":
    main()
