"""A thousand scripts are read for hazards within ten seconds."""

from __future__ import annotations

from itertools import cycle, islice

from migrations_runner.linting import lint
from tests.bench.frame import Result, median_seconds
from tests.migrations_runner.linting.catalogs import BOOKS
from tests.migrations_runner.linting.labelled_set import scripts

_COUNT, _GOAL = 1000, 10.0


def run() -> list[Result]:
    """The labelled scripts again and again, against a catalog, in one process."""
    texts = list(islice(cycle([each.text for each in scripts()]), _COUNT))
    seconds = median_seconds(lambda: [lint(text, catalog=BOOKS) for text in texts], rounds=3)
    return [
        Result("lint_1000_scripts", seconds, "s", "-", None, f"< {_GOAL:.0f} s", seconds < _GOAL)
    ]
