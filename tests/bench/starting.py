"""`make up` as a stranger meets it: a fresh clone until ready, then a second start."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.frame import Result
from tests.stories.conftest import free_port

ROOT = Path(__file__).resolve().parents[2]
FRESH_GOAL, AGAIN_GOAL = 120.0, 10.0


def run() -> list[Result]:
    with clone() as place:
        fresh = seconds_until_ready(place)
        again = seconds_until_ready(place)
    return [
        _result("make up on a fresh clone, to ready", fresh, FRESH_GOAL),
        _result("make up a second time, to ready", again, AGAIN_GOAL),
    ]


@contextmanager
def clone() -> Iterator[Path]:
    """What is committed, in a folder that any account can enter."""
    place = Path(tempfile.mkdtemp(prefix="rc-bench-"))
    place.chmod(0o755)
    try:
        subprocess.run(["git", "clone", "-q", str(ROOT), str(place / "clone")], check=True)
        yield place / "clone"
    finally:
        shutil.rmtree(place, ignore_errors=True)


def seconds_until_ready(place: Path) -> float:
    env = {key: value for key, value in os.environ.items() if key not in _OURS}
    env |= {"PORT": str(free_port()), "STREAM_PORT": str(free_port()), "APP_PORT": str(free_port())}
    began = time.perf_counter()
    process = subprocess.Popen(
        ["make", "up"],
        cwd=place,
        env=env,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if "is ready" in line:
                return time.perf_counter() - began
        raise RuntimeError("make up ended before it was ready")
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=60)


_OURS = {"DATABASE_URL", "EMBEDDED_DIR", "VAR_DIR", "MAKEFLAGS", "MAKELEVEL", "LOG_LEVEL"}


def _result(name: str, seconds: float, goal: float) -> Result:
    return Result(
        bench=name,
        value=round(seconds, 1),
        unit="s",
        versus="the goal",
        ratio=round(seconds / goal, 3),
        goal=f"< {goal:g} s",
        holds=seconds < goal,
    )
