"""The example scripts through a running worker against one `psql -1 -f` call.

Both do the same work on fresh copies of the production world. Ours is measured from the queueing
to the final row, with a real `manage.py worker` already up: poke, claim, lock, ledger, progress
rows, evidence and timeline included.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from django.db import connection
from psycopg import sql

from migrations_runner import runs
from migrations_runner.models import MigrationRun, MigrationScript
from migrations_runner.states import RUN, RunState
from releasecontrol.embedded_home import candidates
from releasecontrol.examples import world
from releases.models import Environment, Release, TargetDatabase
from releases.timeline import Actor
from tests import databases
from tests.bench.frame import Result, paired

GOAL = 1.15
ROUNDS = 7
ROOT = Path(__file__).resolve().parents[2]
NAMES = (
    "001_create_universes.sql",
    "002_add_universe_links.sql",
    "003_backfill_universes.sql",
    "004_validate_links.sql",
)
PSQL = str(next(iter(candidates())) / "psql")
BASE, OURS, THEIRS = "rc_bench_base", "rc_bench_ours", "rc_bench_theirs"
SLOWEST_SECONDS = 120


def run() -> list[Result]:
    copy(BASE, None)
    world.build(databases.url_of(BASE), **world.SIZES["production"])
    scripts, target = rows()
    with worker():
        mine, theirs, ratio = paired(
            lambda: through_a_worker(scripts, target), through_psql, rounds=ROUNDS
        )
    return [
        Result(
            bench="example scripts, worker already up",
            value=round(mine, 3),
            unit="s",
            versus=f"psql -1 -f in {theirs:.3f} s",
            ratio=round(ratio, 3),
            goal=f"<= {GOAL} x psql -1 -f",
            holds=ratio <= GOAL,
        )
    ]


def through_a_worker(scripts: list[MigrationScript], target: TargetDatabase) -> float:
    copy(OURS, BASE)
    TargetDatabase.objects.update(identity={})  # a new copy is another database, rightly refused
    began = time.perf_counter()
    queued = runs.queue(scripts=scripts, target=target, variables={}, actor=Actor.command("bench"))
    while (state := _state(queued)) not in RUN.final:
        if time.perf_counter() - began > SLOWEST_SECONDS:
            raise TimeoutError(f"{queued} is still {state}")
    took = time.perf_counter() - began
    queued.refresh_from_db()
    if queued.state != RunState.SUCCEEDED:
        raise RuntimeError(queued.error)
    return took


def _state(run: MigrationRun) -> RunState:
    """A moment later; asking without a pause would eat a core."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(0.01)")
        cursor.execute("SELECT state FROM migrations_runner_migrationrun WHERE id = %s", [run.pk])
        return RunState(cursor.fetchone()[0])


def through_psql() -> float:
    copy(THEIRS, BASE)
    files = [word for name in NAMES for word in ("-f", str(world.SCRIPTS / name))]
    began = time.perf_counter()
    subprocess.run(
        [PSQL, "-X", "-q", "-1", "-v", "ON_ERROR_STOP=1", *files, databases.url_of(THEIRS)],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return time.perf_counter() - began


def copy(name: str, template: str | None) -> None:
    """A fresh database, outside the time that is measured."""
    with psycopg.connect(databases.url_of("postgres"), autocommit=True) as server:
        server.execute(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        )
        made = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
        if template:
            made += sql.SQL(" TEMPLATE {}").format(sql.Identifier(template))
        server.execute(made)
        server.execute("CHECKPOINT")  # so that neither side pays for the copy's dirty pages


def rows() -> tuple[list[MigrationScript], TargetDatabase]:
    environment = Environment.objects.create(slug="bench", name="Bench")
    target = TargetDatabase.objects.create(
        name="bench", environment=environment, url_variable="TARGET_BENCH_URL"
    )
    release = Release.objects.create(slug="bench", title="Bench")
    scripts = [
        MigrationScript.objects.create(
            release=release, name=name, position=place, text=(world.SCRIPTS / name).read_text()
        )
        for place, name in enumerate(NAMES)
    ]
    return scripts, target


@contextmanager
def worker() -> Iterator[subprocess.Popen[bytes]]:
    """A real `manage.py worker`; killed already when the caller did that."""
    process = subprocess.Popen(
        [sys.executable, "manage.py", "worker"],
        cwd=ROOT,
        env={**os.environ, "TARGET_BENCH_URL": databases.url_of(OURS)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(timeout=60)
