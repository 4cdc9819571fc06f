"""A real worker process that kills itself with SIGKILL at a named point of a rehearsal.

Its arguments: MODULE:FUNCTION, before or after, and the rehearsal's id.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
from typing import Any

import django


def die_at(point: str, when: str) -> None:
    """Wrap the function so that its first call never begins, or never returns."""
    module_name, _, path = point.partition(":")
    holder: Any = importlib.import_module(module_name)
    *owners, name = path.split(".")
    for owner in owners:
        holder = getattr(holder, owner)
    original = getattr(holder, name)

    def wrapped(*args: Any, **kwargs: Any) -> None:
        if when == "after":
            original(*args, **kwargs)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(holder, name, wrapped)


def main() -> None:
    django.setup()
    point, when, rehearsal = sys.argv[1:]
    from migrations_runner.rehearsal import rehearse

    die_at(point, when)
    rehearse.rehearse(int(rehearsal))


if __name__ == "__main__":
    main()
