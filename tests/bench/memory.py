"""How much memory a script with a gigabyte of COPY data takes, attached and sent.

One process with everything of Release Control loaded; the goal is its whole peak, not its growth.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from releases.models import Release
from tests import databases
from tests.bench.frame import Result
from tests.migrations_runner.carries_much_data import write_file

_GOAL = 150 << 20


def run(size: int = 1 << 30) -> list[Result]:
    """Needs about three times `size` (bytes) of free disk."""
    Release.objects.get_or_create(slug="bench-memory", defaults={"title": "Memory"})
    with tempfile.TemporaryDirectory() as folder, databases.scratch() as url:
        small, large = Path(folder) / "small.sql", Path(folder) / "large.sql"
        write_file(small, 3 << 20)
        write_file(large, size)
        module = "tests.migrations_runner.carries_much_data"
        done = subprocess.run(
            [sys.executable, "-m", module, "bench-memory", str(small), str(large), url],
            env={**os.environ, "DATABASE_URL": databases.control_url()},
            capture_output=True,
            text=True,
            check=True,
        )
    told = json.loads(done.stdout)
    peak = told["peak"]
    grown = (peak - told["before"]) >> 20
    return [
        Result(
            bench="memory",
            value=peak >> 20,
            unit="MB resident at most",
            versus=f"{size >> 20} MB of data; grown by {grown} MB over a script of 3 MB",
            ratio=peak / size,
            goal="< 150 MB",
            holds=peak < _GOAL,
        )
    ]
