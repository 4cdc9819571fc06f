"""kill -9 in the middle of the data script, for us and for the peers, again and again.

The client is killed while the server updates; then the same command is started again, as any
supervisor would. Counted afterwards: effects that stand and are not recorded, effects that stand
twice, and how often nobody but a person with SQL could go on.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from collections import Counter
from pathlib import Path

import psycopg
from django.db import connection

from migrations_runner import runs
from migrations_runner.models import MigrationRun
from migrations_runner.states import RUN, RunState
from releases.models import TargetDatabase
from releases.timeline import Actor
from tests import databases
from tests.bench.frame import Result
from tests.bench.peers import scripts
from tests.bench.peers.runners import RUNNERS, Runner, start
from tests.bench.scripts import copy, worker
from tests.bench.whole import BASE, OURS, THEIRS, rows

TIMES_OURS = int(os.environ.get("KILLS", "10"))
TIMES_THEIRS = 3
PATIENCE_SECONDS = 60
_AT_WORK = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND state = 'active'"
    " AND query ILIKE '%%UPDATE projects%%' AND pid <> pg_backend_pid()"
)


def run() -> list[Result]:
    copy(BASE, None)
    scripts.build(databases.url_of(BASE))
    results = [told("ours", ours(), TIMES_OURS)]
    for runner in RUNNERS:
        if runner.found() and runner.name != "psql -1 -f":
            counted = Counter(theirs(runner) for _ in range(TIMES_THEIRS))
            results.append(told(runner.name, counted, TIMES_THEIRS))
    return results


def told(name: str, counted: Counter[str], tried: int) -> Result:
    bad = tried - counted["whole and recorded"]
    return Result(
        bench=f"kill -9 in the data script: {name}",
        value=bad,
        unit=f"of {tried} that ended wrong",
        versus=", ".join(f"{count} x {ending}" for ending, count in counted.items()),
        ratio=None,
        goal="0" if name == "ours" else "none: shown beside ours",
        holds=bad == 0 or name != "ours",
    )


def ours() -> Counter[str]:
    """Kill a real worker with all its children; start another; wait for the run's end."""
    chosen, target = rows()
    endings: Counter[str] = Counter()
    for _ in range(TIMES_OURS):
        copy(OURS, BASE)
        TargetDatabase.objects.update(identity={})
        run = runs.queue(scripts=chosen, target=target, variables={}, actor=Actor.command("bench"))
        with worker() as process:
            wait_until_at_work(OURS)
            kill_family(process.pid)
        with worker():
            endings[ended(run)] += 1
    return endings


def ended(run: MigrationRun) -> str:
    deadline = time.monotonic() + 2 * PATIENCE_SECONDS
    while run.state not in RUN.final:
        if time.monotonic() > deadline:
            return f"still {run.state}: a person has to look"
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(0.1)")
        run = MigrationRun.objects.get(pk=run.pk)
    if run.state != RunState.SUCCEEDED:
        return f"{run.state}: {run.error[:80]}"
    scripts.require_all_done(databases.url_of(OURS))
    return "whole and recorded"


def theirs(runner: Runner) -> str:
    copy(THEIRS, BASE)
    url = databases.url_of(THEIRS)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        runner.prepare(home)
        process = start(runner, home, url)
        wait_until_at_work(THEIRS)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        wait_until_idle(THEIRS)
        again = start(runner, home, url)
        try:
            code = again.wait(timeout=PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(again.pid, signal.SIGKILL)
            again.wait()
            return "locked out by its own dead lock"
    if code:
        return "the retry fails: a person has to mend it with SQL"
    scripts.require_all_done(url)
    return "whole and recorded"


def wait_until_at_work(database: str) -> None:
    _wait(database, lambda count: count > 0)


def wait_until_idle(database: str) -> None:
    _wait(database, lambda count: count == 0)


def _wait(database: str, enough: object) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    with psycopg.connect(databases.url_of("postgres"), autocommit=True) as server:
        while True:
            row = server.execute(_AT_WORK, [database]).fetchone()
            if row is not None and callable(enough) and enough(row[0]):
                return
            if time.monotonic() > deadline:
                raise TimeoutError(f"Nothing seen at work on {database}.")
            server.execute("SELECT pg_sleep(0.01)")


def kill_family(pid: int) -> None:
    """SIGKILL to a process and all its descendants, children first seen."""
    for child in _children(pid):
        kill_family(child)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found += [int(word) for word in task.read_text().split()]
    return found
