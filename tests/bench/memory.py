"""How much memory a script with a gigabyte of COPY data takes: attached, then run by a worker.

Both are the processes that people start, `manage.py attach_script` and `manage.py worker`; the
goal is the whole peak of each process (VmHWM), not its growth.
"""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from django.db import connection

from migrations_runner import runs
from migrations_runner.models import MigrationRun, MigrationScript
from migrations_runner.states import RUN, RunState
from releases.models import Environment, Release, TargetDatabase
from releases.timeline import Actor
from tests.bench.frame import Result
from tests.bench.scripts import OURS, ROOT, copy, worker
from tests.migrations_runner.carries_much_data import write_file

_GOAL = 150 << 20


def run(size: int = 1 << 30) -> list[Result]:
    """Needs about three times `size` (bytes) of free disk."""
    environment = Environment.objects.create(slug="bench-memory", name="Memory")
    target = TargetDatabase.objects.create(
        name="bench-memory", environment=environment, url_variable="TARGET_BENCH_URL"
    )
    release = Release.objects.create(slug="bench-memory", title="Memory")
    attaching = attach(release, size)
    copy(OURS, None)
    script = MigrationScript.objects.get(release=release)
    run_ = runs.queue(scripts=[script], target=target, variables={}, actor=Actor.command("bench"))
    with worker() as process:
        working = peak_until_ended(run_, process.pid)
    return [result("attach_script", attaching, size), result("the worker's task", working, size)]


def attach(release: Release, size: int) -> int:
    """The peak of `manage.py attach_script`, in bytes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "large.sql"
        write_file(file, size)
        command = [sys.executable, "manage.py", "attach_script", release.slug, str(file)]
        subprocess.run(command, cwd=ROOT, env=os.environ, check=True, stdout=subprocess.DEVNULL)
    # The largest child so far: an upper bound, should another have been larger.
    return max(before, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) << 10


def peak_until_ended(queued: MigrationRun, pid: int) -> int:
    """The highest peak of any process of the worker's family while it runs, in bytes."""
    peak = 0
    while queued.state not in RUN.final:
        peak = max([peak, *(peak_of(each) for each in family(pid))])
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(0.2)")
        queued = MigrationRun.objects.get(pk=queued.pk)
    if queued.state != RunState.SUCCEEDED:
        raise RuntimeError(queued.error)
    return max([peak, *(peak_of(each) for each in family(pid))])


def peak_of(pid: int) -> int:
    """The most that a process has had resident, in bytes; 0 if it has gone."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) << 10
    return 0


def family(pid: int) -> Iterator[int]:
    """A process and all that it started."""
    yield pid
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in task.read_text().split():
                yield from family(int(child))


def result(who: str, peak: int, size: int) -> Result:
    return Result(
        bench=f"memory of {who}",
        value=peak >> 20,
        unit="MB resident at most",
        versus=f"{size >> 20} MB of COPY data",
        ratio=round(peak / size, 3),
        goal="< 150 MB",
        holds=peak < _GOAL,
    )
