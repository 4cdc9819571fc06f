"""Importing the real plan, where it lies beside the checkout, else our own example plan."""

from __future__ import annotations

from pathlib import Path

from django.db import transaction

from releasecontrol.plan.apply import apply
from releasecontrol.plan.parse import parse_plan
from releases.timeline import Actor
from tests.bench.frame import Result, median_seconds

ROOT = Path(__file__).resolve().parents[2]
REAL = ROOT.parent / "shared" / "plans" / "phase-12-cutover.md"
OWN = ROOT / "releasecontrol" / "examples" / "plan.md"
GOAL = 1.0


def run() -> list[Result]:
    plan = REAL if REAL.is_file() else OWN
    source = plan.read_bytes()
    seconds = median_seconds(lambda: import_once(source))
    return [
        Result(
            bench="import of a plan into rows",
            value=round(seconds, 3),
            unit="s",
            versus=f"{plan.name}, {len(source.splitlines())} lines",
            ratio=round(seconds / GOAL, 3),
            goal=f"< {GOAL} s",
            holds=seconds < GOAL,
        )
    ]


def import_once(source: bytes) -> None:
    """Parse and store as a new release, then take it back, so each round does the same work."""
    with transaction.atomic():
        apply(
            parse_plan(source),
            slug="bench-import",
            title="Bench",
            actor=Actor.command("bench"),
            filename="plan.md",
            source_bytes=source,
            scripts={},
        )
        transaction.set_rollback(True)
