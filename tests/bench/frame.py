"""What a benchmark is: one number against a floor or a goal, measured in the same run."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

RESULTS = Path(__file__).resolve().parents[2] / "var" / "bench" / "results.jsonl"


@dataclass(frozen=True)
class Result:
    """One line of the results: `ratio` is value over versus, `goal` says it in words."""

    bench: str
    value: float
    unit: str
    versus: str
    ratio: float | None
    goal: str
    holds: bool


def write(results: list[Result]) -> None:
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    with RESULTS.open("a") as file:
        for result in results:
            line = json.dumps(asdict(result))
            file.write(line + "\n")
            print(line)


def median_seconds(work: Callable[[], object], *, rounds: int = 5) -> float:
    """The median wall time of `work`, after one round that is not counted."""
    work()
    return statistics.median(_seconds(work) for _ in range(rounds))


def paired(
    first: Callable[[], object], second: Callable[[], object], *, rounds: int = 7
) -> tuple[float, float, float]:
    """Both in turn, A B A B: (median A, median B, median of the ratios A/B).

    The machine's speed drifts, so only a ratio of neighbours is worth anything. Work that answers
    with a float has measured itself (its preparation does not count).
    """
    first()
    second()
    pairs = [(_seconds(first), _seconds(second)) for _ in range(rounds)]
    return (
        statistics.median(a for a, _ in pairs),
        statistics.median(b for _, b in pairs),
        statistics.median(a / b for a, b in pairs),
    )


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    answer = work()
    return answer if isinstance(answer, float) else time.perf_counter() - began
