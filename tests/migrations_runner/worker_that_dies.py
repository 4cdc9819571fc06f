"""Real worker processes that kill themselves with SIGKILL at a named point of the code.

``python -m tests.migrations_runner.worker_that_dies`` loads Django once, opens no connection, and
then forks a worker for each order (a line of JSON) that it reads; its answer is the exit code. So a
kill costs some milliseconds, not the start of an interpreter.

The product knows nothing of this: a point is a function of it that is wrapped in the forked child.
Another room adds its points to POINTS, under a scene of its own in `test_kills`.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import django

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Point:
    """Where to die: before, after or during the nth call of a function, in a scene's run."""

    name: str
    function: str
    when: str = "after"
    nth: int = 1
    scene: str = "plain"
    act: str = "execute"
    """What the worker does: `execute` a run, or `reap` after another worker died in it."""


_COMMIT = "psycopg.transaction:Transaction.__exit__"
POINTS = [
    Point("after the claim", "migrations_runner.claims:claim"),
    Point("after the session is open", "migrations_runner.session:require_lock"),
    Point("after the script is marked running", "migrations_runner.execution:mark"),
    Point("before the ledger row", "migrations_runner.ledger:record_applied", "before"),
    Point("after the ledger row", "migrations_runner.ledger:record_applied"),
    Point("between two statements", "migrations_runner.steps:do", "after", 1),
    Point("in the middle of a statement", "migrations_runner.steps:do", "during", 1, "slow"),
    Point("before COMMIT", _COMMIT, "before"),
    Point("after COMMIT", _COMMIT),
    Point("between two scripts", "migrations_runner.claims:remember_applied"),
    Point("before the run is finished", "migrations_runner.claims:finish", "before"),
    Point("after the run is finished", "migrations_runner.claims:finish"),
    Point(
        "apart: after it is noted as begun",
        "migrations_runner.ledger:record_started",
        scene="apart",
    ),
    Point("apart: after a statement and its note", _COMMIT, scene="apart"),
    Point(
        "apart: after the intent", "migrations_runner.ledger:note_progress", nth=2, scene="apart"
    ),
    Point(
        "apart: during CREATE INDEX CONCURRENTLY",
        "migrations_runner.steps:do",
        "during",
        2,
        "blocked",
    ),
    Point(
        "apart: after the effect, before its note",
        "migrations_runner.steps:do",
        nth=2,
        scene="apart",
    ),
    Point(
        "apart: after the invalid index is dropped",
        "migrations_runner.index_probes:_drop",
        scene="trap",
    ),
    Point(
        "apart: before it is noted as done",
        "migrations_runner.ledger:record_finished",
        "before",
        scene="apart",
    ),
    Point(
        "apart: after it is noted as done",
        "migrations_runner.ledger:record_finished",
        scene="apart",
    ),
    Point("reaper: after the fence", "migrations_runner.resolving:_fence", act="reap"),
    Point("reaper: before its verdict", "migrations_runner.claims:end_lost", "before", act="reap"),
]


class Workers:
    """The process that forks workers; a context manager."""

    def __init__(self, database_url: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.migrations_runner.worker_that_dies"],
            cwd=ROOT,
            env={**os.environ, "DATABASE_URL": database_url},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def work(self, point: Point, run: int, *, after: float = 0.02, **environment: str) -> int:
        """Run one worker to its end; the answer is its exit code, negative for a signal."""
        order = {**asdict(point), "run": run, "after": after, "environment": environment}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def close(self) -> None:
        self._process.communicate(timeout=30)


def die_at(point: Point, after: float) -> None:
    """Wrap the function so that its nth call never returns, never begins, or is not ended."""
    module_name, _, path = point.function.partition(":")
    holder: Any = importlib.import_module(module_name)
    *owners, name = path.split(".")
    for owner in owners:
        holder = getattr(holder, owner)
    calls = 0
    original: Callable[..., Any] = getattr(holder, name)

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == point.nth and point.when == "before":
            die()
        if calls == point.nth and point.when == "during":
            threading.Timer(after, die).start()
        result = original(*args, **kwargs)
        if calls == point.nth and point.when == "after":
            die()
        return result

    setattr(holder, name, wrapped)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def act(order: dict[str, Any]) -> None:
    """What the forked child does."""
    from migrations_runner import execution, resolving

    run, after = order.pop("run"), order.pop("after")
    os.environ.update(order.pop("environment"))
    point = Point(**order)
    if point.function == "any moment":
        threading.Timer(after, die).start()
    elif point.function:
        die_at(point, after)
    if point.act == "reap":
        resolving.reap()
    else:
        execution.execute(run)


def main() -> None:
    django.setup()
    importlib.import_module("migrations_runner.execution")
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            try:
                act(json.loads(line))
            except BaseException:  # noqa: BLE001  (the child must never fall out of here)
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
