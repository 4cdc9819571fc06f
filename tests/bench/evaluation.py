"""Deciding a flag in-process against a closure that somebody wrote by hand for just that flag."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mmh3 import mmh3_32_uintdigest

from flags.evaluation import compile_flag
from flags.specs import FlagSpec, VariantSpec
from tests.bench.frame import Result, paired

GOAL = 0.5
KEYS = [{"targetingKey": f"user-{number}"} for number in range(20_000)]
DIAL = 25_000


def by_hand() -> Callable[[Mapping[str, Any]], tuple[bool, str, str]]:
    """The floor: hash, compare, answer; no other flag could be decided by it."""
    on, off = (True, "on", "SPLIT"), (False, "off", "SPLIT")

    def decide(context: Mapping[str, Any]) -> tuple[bool, str, str]:
        h = mmh3_32_uintdigest(b"universe-v2:" + context["targetingKey"].encode())
        return on if (h % 100) * 1000 + (h // 100) % 1000 < DIAL else off

    return decide


def compiled() -> Callable[[Mapping[str, Any]], Any]:
    return compile_flag(
        FlagSpec(
            key="universe-v2",
            salt="universe-v2",
            enabled=True,
            killed=False,
            dial=DIAL,
            off_variant="off",
            variants=(VariantSpec("on", True, 1000), VariantSpec("off", False, 0)),  # noqa: FBT003
        )
    )


def run() -> list[Result]:
    ours, floor = compiled(), by_hand()
    agree = all(ours(key).value == floor(key)[0] for key in KEYS)
    mine, theirs, ratio = paired(
        lambda: [ours(key) for key in KEYS], lambda: [floor(key) for key in KEYS]
    )
    speed = 1 / ratio
    return [
        Result(
            bench="flag evaluation, in-process",
            value=round(len(KEYS) / mine),
            unit="evaluations/s",
            versus=f"hand-written closure at {round(len(KEYS) / theirs)}/s",
            ratio=round(speed, 3),
            goal=f">= {GOAL} of the closure's speed, same answers",
            holds=agree and speed >= GOAL,
        )
    ]
