"""A whole run beside psql and four other runners: six DDL scripts and 250,000 rows.

All in turn, round after round, on fresh copies of one database. Ours is measured from the queueing
to the final row with a real `manage.py worker` up, as it always is; the others as their users
start them, program start included.
"""

from __future__ import annotations

import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from migrations_runner.models import MigrationScript
from releases.models import Environment, Release, TargetDatabase
from tests import databases
from tests.bench.frame import Result
from tests.bench.peers import scripts
from tests.bench.peers.runners import RUNNERS, Runner, start
from tests.bench.scripts import copy, through_a_worker, worker

GOAL = 1.05
ROUNDS = 9
BASE, OURS, THEIRS = "rc_bench_base", "rc_bench_ours", "rc_bench_theirs"


def run() -> list[Result]:
    copy(BASE, None)
    scripts.build(databases.url_of(BASE))
    chosen, target = rows()
    peers = [runner for runner in RUNNERS if runner.found()]
    seconds: dict[str, list[float]] = {name: [] for name in ["ours", *(p.name for p in peers)]}
    with worker():
        for round_ in range(ROUNDS + 1):  # the first one warms up and does not count
            mine = through_a_worker(chosen, target)
            scripts.require_all_done(databases.url_of(OURS))
            theirs = {peer.name: once(peer) for peer in peers}
            if round_:
                seconds["ours"].append(mine)
                for name, took in theirs.items():
                    seconds[name].append(took)
    return [against(name, seconds["ours"], seconds[name]) for name in theirs]


def against(name: str, ours: list[float], theirs: list[float]) -> Result:
    """Ours over one peer's: the median of the ratios of neighbours."""
    ratio = statistics.median(a / b for a, b in zip(ours, theirs, strict=True))
    goal = GOAL if name == "psql -1 -f" else 1.0
    return Result(
        bench=f"6 DDL and 250,000 rows, against {name}",
        value=round(statistics.median(ours), 3),
        unit="s",
        versus=f"{name} in {statistics.median(theirs):.3f} s",
        ratio=round(ratio, 3),
        goal=f"<= {goal} x {name}",
        holds=ratio <= goal,
    )


def once(runner: Runner) -> float:
    copy(THEIRS, BASE)
    with tempfile.TemporaryDirectory() as home:
        runner.prepare(Path(home))
        began = time.perf_counter()
        code = start(runner, Path(home), databases.url_of(THEIRS)).wait()
        took = time.perf_counter() - began
    if code:
        raise subprocess.CalledProcessError(code, runner.name)
    scripts.require_all_done(databases.url_of(THEIRS))
    return took


def rows() -> tuple[list[MigrationScript], TargetDatabase]:
    environment = Environment.objects.create(slug="whole", name="Whole")
    target = TargetDatabase.objects.create(
        name="whole", environment=environment, url_variable="TARGET_BENCH_URL"
    )
    release = Release.objects.create(slug="whole", title="Whole")
    made = [
        MigrationScript.objects.create(
            release=release, name=f"{name}.sql", position=place, text=text
        )
        for place, (name, text) in enumerate(scripts.SCRIPTS.items())
    ]
    return made, target
