"""The garbage collector holds still while a ruleset is built. Pure.

Building ten thousand flags makes some hundred thousand objects, none of them garbage. The collector
looks through all that is there each time their number has grown by a quarter, and takes longer than
the building does, while it lets no other thread run.
"""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.Lock()
_pauses = 0
_was_on = False


@contextmanager
def collector_paused() -> Iterator[None]:
    """Collect nothing in this process until the last of those who asked for it is through."""
    global _pauses, _was_on  # noqa: PLW0603  (there is one collector in a process)
    with _lock:
        if _pauses == 0:
            _was_on = gc.isenabled()
            gc.disable()
        _pauses += 1
    try:
        yield
    finally:
        with _lock:
            _pauses -= 1
            if _pauses == 0 and _was_on:
                gc.enable()


def _after_fork() -> None:
    # Who paused it in the parent does not run in the child, and may have held the lock.
    global _lock, _pauses  # noqa: PLW0603
    _lock = threading.Lock()
    if _pauses and _was_on:
        gc.enable()
    _pauses = 0


os.register_at_fork(after_in_child=_after_fork)
