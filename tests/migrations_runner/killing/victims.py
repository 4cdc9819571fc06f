"""Real worker processes that kill themselves with SIGKILL at a named point of the code.

``python -m tests.migrations_runner.killing.victims`` loads Django once, keeps no connection, and
forks a worker for each order (a line of JSON) that it reads; its answer is the exit code. So a kill
costs some hundredths of a second, not the start of an interpreter. The victim opens its own
connections and is ended by the kernel; nothing of the product is replaced.
"""

from __future__ import annotations

import gc
import importlib
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import django
from django.db import connections

from tests.migrations_runner.killing.points import Point

ROOT = Path(__file__).resolve().parents[3]
ANY_MOMENT = "any moment"
ACTS = {
    "execute": "migrations_runner.execution:execute",
    "reap": "migrations_runner.resolving:reap",
    "rehearse": "migrations_runner.rehearsal.rehearse:rehearse",
    "back_up": "migrations_runner.backup.taking:take",
}


class Victims:
    """The process that forks workers. `folder` is where they and their survivors keep dumps."""

    def __init__(self, database_url: str, folder: Path) -> None:
        self.folder = folder
        self._warm: set[tuple[str, str]] = set()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.migrations_runner.killing.victims"],
            cwd=ROOT,
            env={**os.environ, "DATABASE_URL": database_url, "BACKUP_DIR": str(folder)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def work(self, point: Point, at: int, *, after: float = 0.01) -> int:
        """Run one worker to its end; the answer is its exit code, negative for a signal.

        `at` is the id of the run, rehearsal or backup; `after` says, in seconds, when to die where
        the point is in the middle of something.
        """
        return self._answer({"alive": False, "point": asdict(point), "at": at, "after": after})

    def is_cold(self, point: Point) -> bool:
        """Has no work of this kind been done yet?"""
        return (point.act, point.scene) not in self._warm

    def warm_up(self, point: Point, at: int) -> None:
        """Have the process that forks do such a work itself: then victims find all in place.

        What a first run loads, compiles and caches costs as much as the rest of it.
        """
        self._warm.add((point.act, point.scene))
        assert self._answer({"alive": True, "point": asdict(point), "at": at, "after": 0.0}) == 0

    def close(self) -> None:
        self._process.communicate(timeout=30)

    def _answer(self, order: dict[str, Any]) -> int:
        targets = {name: url for name, url in os.environ.items() if name.startswith("TARGET_")}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({**order, "environment": targets}) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


def die_at(point: Point, after: float) -> None:
    """Wrap the function so that its nth call never returns, never begins, or is not ended."""
    holder, name = _found(point.function)
    original: Callable[..., Any] = getattr(holder, name)
    calls = itertools.count(1)  # safe among threads

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        now = next(calls) == point.nth
        if now and point.when == "before":
            die()
        if now and point.when == "during":
            threading.Timer(after, die).start()
        result = original(*args, **kwargs)
        if now and point.when == "after":
            die()
        return _dying_when_left(result) if now and point.when == "when leaving" else result

    setattr(holder, name, wrapped)


@contextmanager
def _dying_when_left(inner: AbstractContextManager[Any]) -> Iterator[Any]:
    with inner as value:
        yield value
    die()


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _found(path: str) -> tuple[Any, str]:
    """What holds the thing that ``module:Class.name`` names, and its name there."""
    module, _, inner = path.partition(":")
    holder: Any = importlib.import_module(module)
    *owners, name = inner.split(".")
    for owner in owners:
        holder = getattr(holder, owner)
    return holder, name


def act(order: dict[str, Any]) -> None:
    """What an order says, with the point armed unless it is to live."""
    point, at, after = Point(**order["point"]), order["at"], order["after"]
    os.environ.update(order["environment"])
    if order["alive"]:
        pass
    elif point.function == ANY_MOMENT:
        threading.Timer(after, die).start()
    elif point.function:
        die_at(point, after)
    holder, name = _found(ACTS[point.act])
    getattr(holder, name)(*([] if point.act == "reap" else [at]))


def work_yourself(order: dict[str, Any]) -> int:
    """Warm up: no thread and no connection is left for those who are forked."""
    act(order)
    connections.close_all()
    gc.collect()
    gc.freeze()  # else the victims' collector copies what they share with us
    return 0


def have_worked(order: dict[str, Any]) -> int:
    """Fork a worker and wait for its end; the answer is its exit code."""
    child = os.fork()
    if child == 0:
        try:
            act(order)
        except BaseException:  # noqa: BLE001  (the child must never fall out of here)
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def main() -> None:
    django.setup()
    for line in sys.stdin:
        order = json.loads(line)
        print((work_yourself if order["alive"] else have_worked)(order), flush=True)


if __name__ == "__main__":
    main()
