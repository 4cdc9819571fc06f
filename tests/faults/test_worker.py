"""`manage.py worker` with real clusters: parts of it are killed, and work goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from django.conf import settings
from psycopg import sql

ROOT = Path(__file__).resolve().parent.parent.parent
DATABASE = f"rc_worker_faults_{os.getpid()}"  # so that two test runs do not meet
PATIENCE = 90.0
pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks at processes through /proc"),
]


def eventually(holds: Callable[[], bool], what: str) -> None:
    """Look until it holds; fail, saying what was missing, when patience is over."""
    deadline, pause = time.monotonic() + PATIENCE, threading.Event()
    while not holds():
        assert time.monotonic() < deadline, f"not within {PATIENCE} s: {what}"
        pause.wait(0.1)


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    """A migrated database of its own, which other processes can see too; its URL."""
    here = settings.DATABASES["default"]
    server = f"postgresql://{here['USER']}:{here['PASSWORD']}@{here['HOST']}:{here['PORT']}"
    again = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(DATABASE))
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(again)
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
        url = f"{server}/{DATABASE}"
        manage(url, "migrate", "--verbosity=0").communicate(timeout=PATIENCE)
        yield url
        connection.execute(again)


def manage(url: str, *words: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "manage.py", *words],
        cwd=ROOT,
        env=os.environ
        | {"DATABASE_URL": url, "WORKER_STALE_SECONDS": "5", "RUN_STALE_SECONDS": "2"},
        start_new_session=True,
    )


class Worker:
    """A running `manage.py worker` and what can be seen of it from outside."""

    def __init__(self, url: str) -> None:
        self._connection = psycopg.connect(url, autocommit=True)
        self._connection.execute("TRUNCATE releases_heartbeat, django_q_ormq")
        self.process = manage(url, "worker", "--grace=10")

    def restarts(self) -> int | None:
        """How often the cluster was started again, as the worker's own heartbeat tells."""
        row = self._connection.execute(
            "SELECT (detail->>'restarts')::int FROM releases_heartbeat WHERE name LIKE 'worker%'"
        ).fetchone()
        return None if row is None else int(row[0])

    def songs(self) -> str:
        row = self._connection.execute(
            "SELECT max(at)::text FROM releases_heartbeat WHERE name LIKE 'cluster%'"
        ).fetchone()
        assert row is not None
        return str(row[0])

    def works_again(self) -> None:
        before = self.songs()
        eventually(lambda: self.songs() != before, "a task done by the new cluster")

    def main(self) -> int:
        """The process `manage.py qcluster`, below the leash, below the worker."""
        (leash,) = children(self.process.pid)
        (main,) = children(leash)
        return main

    def sentinel(self) -> int:
        (sentinel,) = children(self.main())
        return sentinel

    def idle_workers(self) -> list[int]:
        """The sentinel starts its two workers first, then monitor and pusher."""
        eventually(lambda: len(children(self.sentinel())) == 4, "a whole cluster")
        return children(self.sentinel())[:2]

    def family(self) -> list[int]:
        """The worker's process and all below it."""
        found = [self.process.pid]
        for pid in found:
            found.extend(children(pid))
        return found

    def end(self) -> None:
        self._connection.close()
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(timeout=PATIENCE)


def children(parent: int) -> list[int]:
    """Living children, oldest first."""
    numbers = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return sorted(pid for pid in numbers if _parent_of(pid) == parent)


def _parent_of(pid: int) -> int:
    """0 for a process that is gone, or a zombie. Source of the fields: proc(5)."""
    try:
        state, parent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:2]
    except OSError:
        return 0
    return 0 if state in "ZX" else int(parent)


@pytest.fixture
def worker(database: str) -> Iterator[Worker]:
    started = Worker(database)
    try:
        eventually(lambda: started.restarts() == 0, "the first sign of life")
        yield started
    finally:
        started.end()


def test_killed_idle_workers_wedge_the_cluster_and_it_is_replaced(worker: Worker) -> None:
    for pid in worker.idle_workers():
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: worker.restarts() == 1, "a new cluster after the canary fell silent")
    worker.works_again()


@pytest.mark.parametrize("part", ["sentinel", "main"])
def test_a_killed_part_leaves_no_orphans_and_the_cluster_is_replaced(
    worker: Worker, part: str
) -> None:
    old = worker.family()[1:]
    os.kill(getattr(worker, part)(), signal.SIGKILL)
    eventually(lambda: worker.restarts() == 1, "a new cluster")
    assert not [pid for pid in old if _parent_of(pid)]
    worker.works_again()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_ends_every_process_and_signs_off(worker: Worker, number: signal.Signals) -> None:
    family = worker.family()
    assert len(family) == 8  # worker, leash, main, sentinel, two workers, monitor, pusher
    worker.process.send_signal(number)
    assert worker.process.wait(timeout=PATIENCE) == 0
    assert not [pid for pid in family if _parent_of(pid)]
    assert worker.restarts() is None


def test_a_killed_supervisor_takes_its_cluster_along(worker: Worker) -> None:
    family = worker.family()
    worker.process.kill()
    eventually(lambda: not [pid for pid in family if _parent_of(pid)], "no process left behind")
