"""Deciding a flag in-process: beside every peer that is there, a closure written by hand, and many.

Peers run in a Python of their own (``PEERS_DIR/flags-venv``, which ``make peers`` fills), in one
process with our compiled flags and the hand-written floor, round by round.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.bench.frame import Result
from tests.bench.peers.runners import PEERS

ROOT = Path(__file__).resolve().parents[2]
FASTEST = "Eppo"
GOALS = {"by hand": 0.6, FASTEST: 1.5}
GOAL_OTHERS = 10.0
WORDS = {"b": "a boolean flag at 25 %", "v": "a rule, then three variants"}


def run() -> list[Result]:
    python = PEERS / "flags-venv" / "bin" / "python"
    told = _told(python if python.exists() else Path(sys.executable), "tests.bench.peers.racing")
    if told["absent"]:
        print(f"Left out, because they are not there: {', '.join(told['absent'])}.")
    raced = [
        _beside(flag, name, figures[name], figures["ours"]["speed"], agree=told["agree"])
        for flag, figures in told["figures"].items()
        for name in figures
        if name != "ours"
    ]
    return [*raced, *_many(_told(Path(sys.executable), "tests.bench.many_flags"))]


def _told(python: Path, module: str) -> dict[str, Any]:
    done = subprocess.run(
        [python, "-m", module], cwd=ROOT, stdout=subprocess.PIPE, check=True, timeout=300
    )
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def _beside(flag: str, name: str, figures: dict[str, float], ours: float, *, agree: bool) -> Result:
    goal = GOALS.get(name, GOAL_OTHERS)
    return Result(
        bench=f"flag evaluation, in-process: {WORDS[flag]}",
        value=ours,
        unit="evaluations/s",
        versus=f"{name} at {figures['speed']:.0f}/s",
        ratio=figures["ours_over_it"],
        goal=f">= {goal} of its speed, context built for each call",
        holds=agree and figures["ours_over_it"] >= goal,
    )


def _many(told: dict[str, Any]) -> list[Result]:
    anywhere = f"{told['anywhere_over_few']} times where any of them is asked in any order"
    figures = (
        ("evaluation", "many_over_few", "times that of 10 flags", 1.2, anywhere),
        ("build", "build_seconds", "s", 1.0, "the goal"),
        ("one flag changed", "update_seconds", "s", 0.1, "the goal"),
        ("memory", "memory_mb", "MB", 200.0, "the goal"),
    )
    return [
        Result(
            bench=f"10,000 flags and 1,000 segments: {what}",
            value=told[name],
            unit=unit,
            versus=beside,
            ratio=None,
            goal=f"<= {goal} {unit}",
            holds=told[name] <= goal and not told["broken"],
        )
        for what, name, unit, goal, beside in figures
    ]
