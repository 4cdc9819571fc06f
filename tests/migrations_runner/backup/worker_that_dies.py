"""A real worker that takes a backup and kills itself before or after a function of the room."""

from __future__ import annotations

import importlib
import os
import signal
import sys
from typing import Any

import django


def die_at(function: str, when: str) -> None:
    module, _, name = function.partition(":")
    holder: Any = importlib.import_module(module)
    original = getattr(holder, name)

    def wrapped(*args: Any, **facts: Any) -> None:
        if when == "after":
            original(*args, **facts)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(holder, name, wrapped)


if __name__ == "__main__":
    django.setup()
    from migrations_runner.backup import taking

    die_at(sys.argv[1], sys.argv[2])
    taking.take(int(sys.argv[3]))
