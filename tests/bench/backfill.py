"""A backfill of 1,000,000 rows beside the single UPDATE, with people writing to the same table.

Both change every row of a fresh copy of one table while a writer updates random rows of it, one
after another, and remembers how long each took. Ours is a whole run: claim, lock, proof, cursor
rows, progress, evidence; the other side is one UPDATE on one connection.
"""

from __future__ import annotations

import os
import random
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg

from migrations_runner import execution, hooks, runs
from migrations_runner.backfill.carry_out import carry_out
from migrations_runner.models import MigrationScript, RunScript
from migrations_runner.states import RunState
from releases.models import Environment, Release, TargetDatabase
from releases.timeline import Actor
from tests import databases
from tests.bench.frame import Result
from tests.bench.scripts import copy

ROWS = 1_000_000
ROUNDS = 3
BUDGET_MS = 200
TOTAL_GOAL, STALL_GOAL = 1.15, 1 / 50
BASE, OURS, THEIRS = "rc_bench_rows", "rc_bench_batches", "rc_bench_single"
VARIABLE = "TARGET_BENCH_BACKFILL_URL"
UPDATE = "UPDATE books SET slug = lower(replace(title, ' ', '-')) WHERE slug IS NULL"
_WORLD = f"""
CREATE TABLE books (id bigint PRIMARY KEY, owner uuid NOT NULL, title text NOT NULL, slug text,
    seen integer NOT NULL DEFAULT 0, note text NOT NULL);
INSERT INTO books SELECT i, gen_random_uuid(), 'Book Number ' || i, NULL, 0, repeat('x', 80)
    FROM generate_series(1, {ROWS}) i;
CREATE INDEX ON books (owner);
"""


@dataclass
class Round:
    """`seconds` of the whole change, `worst` the longest that the writer waited meanwhile."""

    seconds: float
    worst: float


@dataclass
class Writer:
    """Somebody who uses the table: one row after another, each update timed."""

    url: str
    waited: list[float] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)

    def write(self) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            while not self._stop.wait(0.002):
                began = time.perf_counter()
                connection.execute(
                    "UPDATE books SET seen = seen + 1 WHERE id = %s",
                    [random.randint(1, ROWS)],  # noqa: S311  (no secret)
                )
                self.waited.append(time.perf_counter() - began)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        thread = threading.Thread(target=self.write)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()


def run() -> list[Result]:
    world()
    target, script = rows()
    ours, theirs = [], []
    for _ in range(ROUNDS):
        theirs.append(one_round(THEIRS, single))
        ours.append(one_round(OURS, lambda url: batches(url, target, script)))
    return results(ours, theirs)


def world() -> None:
    copy(BASE, None)
    with psycopg.connect(databases.url_of(BASE), autocommit=True) as connection:
        connection.execute(_WORLD.encode())
        connection.execute("VACUUM (ANALYZE, FREEZE) books")


def one_round(database: str, change: Callable[[str], None]) -> Round:
    copy(database, BASE)
    url = databases.url_of(database)
    writer = Writer(url)
    with writer.at_work():
        began = time.perf_counter()
        change(url)
        seconds = time.perf_counter() - began
    require_done(url)
    return Round(seconds, max(writer.waited))


def single(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(UPDATE)


def batches(url: str, target: TargetDatabase, script: MigrationScript) -> None:
    os.environ[VARIABLE] = url
    TargetDatabase.objects.update(identity={})  # a new copy is another database, rightly refused
    queued = runs.queue(scripts=[script], target=target, variables={}, actor=Actor.command("bench"))
    RunScript.objects.filter(run=queued).update(mode=MigrationScript.Mode.BACKFILL)
    execution.execute(queued.pk)
    queued.refresh_from_db()
    if queued.state != RunState.SUCCEEDED:
        raise RuntimeError(queued.error)


def require_done(url: str) -> None:
    with psycopg.connect(url) as connection:
        left = connection.execute("SELECT count(*) FROM books WHERE slug IS NULL").fetchone()
    if left != (0,):
        raise RuntimeError(f"{left} rows were not changed")


def rows() -> tuple[TargetDatabase, MigrationScript]:
    hooks.MODES.setdefault(MigrationScript.Mode.BACKFILL, carry_out)
    environment = Environment.objects.create(slug="bench-rows", name="Bench")
    target = TargetDatabase.objects.create(
        name="bench-rows",
        environment=environment,
        url_variable=VARIABLE,
        stall_budget_ms=BUDGET_MS,
    )
    release = Release.objects.create(slug="bench-rows", title="Bench")
    script = MigrationScript.objects.create(
        release=release, name="slugs.sql", mode=MigrationScript.Mode.BACKFILL, text=UPDATE
    )
    return target, script


def results(ours: list[Round], theirs: list[Round]) -> list[Result]:
    pairs = list(zip(ours, theirs, strict=True))
    total = statistics.median(a.seconds / b.seconds for a, b in pairs)
    stall = statistics.median(a.worst / b.worst for a, b in pairs)
    worst = statistics.median(each.worst for each in ours) * 1000
    single_worst = statistics.median(each.worst for each in theirs)
    load = f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    return [
        Result(
            bench="backfill of 1,000,000 rows",
            value=round(statistics.median(each.seconds for each in ours), 2),
            unit="s",
            versus=f"single UPDATE {statistics.median(e.seconds for e in theirs):.2f} s; {load}",
            ratio=round(total, 3),
            goal=f"<= {TOTAL_GOAL} x the single UPDATE",
            holds=total <= TOTAL_GOAL,
        ),
        Result(
            bench="worst stall of a writer beside a backfill",
            value=round(worst, 1),
            unit="ms",
            versus=f"single UPDATE {single_worst:.2f} s; {load}",
            ratio=round(stall, 4),
            goal=f"<= 1/50 of the single UPDATE's, <= {BUDGET_MS * 1.1:.0f} ms",
            holds=stall <= STALL_GOAL and worst <= BUDGET_MS * 1.1,
        ),
    ]
