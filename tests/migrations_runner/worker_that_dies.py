"""A real worker process that kills itself with SIGKILL at a named point of the code.

``python -m tests.migrations_runner.worker_that_dies MODULE.FUNCTION before|after NTH RUN``
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import django


def die_at(point: str, when: str, nth: int) -> None:
    """Wrap the function so that its nth call never returns (or never begins)."""
    module_name, _, path = point.partition(":")
    holder: Any = importlib.import_module(module_name)
    *owners, name = path.split(".")
    for owner in owners:
        holder = getattr(holder, owner)
    calls = 0
    original: Callable[..., Any] = getattr(holder, name)

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == nth and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = original(*args, **kwargs)
        if calls == nth:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(holder, name, wrapped)


def main() -> None:
    django.setup()
    point, when, nth, run = sys.argv[1:]
    from migrations_runner import execution

    if point != "nowhere":
        die_at(point, when, int(nth))
    execution.execute(int(run))


if __name__ == "__main__":
    main()
