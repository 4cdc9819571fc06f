"""A ruleset of 10,000 flags and 1,000 segments in a process of its own; prints one JSON object."""

from __future__ import annotations

import gc
import json
import random
import statistics
import time
import tracemalloc
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from flags.core.compiling import Compiled, compile_ruleset
from flags.core.specs import (
    ConditionSpec,
    FlagSpec,
    Operator,
    OverrideSpec,
    PrerequisiteSpec,
    RuleSpec,
    SegmentSpec,
    VariantSpec,
)

FLAGS, SEGMENTS, FEW = 10_000, 1_000, 10
ASKED = 20_000
ROUNDS = 9


def flag(number: int) -> FlagSpec:
    """One of ten kinds: dials, fine dials, splits, rules, segments, overrides, prerequisites."""
    key, kind = f"flag-{number}", number % 10
    split = (VariantSpec("a", "a", 300), VariantSpec("b", "b", 700), VariantSpec("off", "off"))
    on = (VariantSpec("on", value=True, weight=1000), VariantSpec("off", value=False))
    country = ConditionSpec("country", Operator.IN, ("DE", "AT", f"X{number}"))
    version = ConditionSpec("app", Operator.SEMVER_GT, ("2.1.0",))
    segment = f"segment-{number % SEGMENTS}"
    made = FlagSpec(
        key,
        key,
        enabled=True,
        killed=False,
        dial=(number * 37) % 100_001 if kind == 1 else 25_000,
        off_variant="off",
        variants=split if kind in {2, 5} else on,
        kind="string" if kind in {2, 5} else "boolean",
    )
    changes: dict[int, dict[str, Any]] = {
        3: {"rules": (RuleSpec("r", (country, version), percentage=50_000),)},
        4: {"rules": (RuleSpec("s", (), (segment,)), RuleSpec("r", (country,)))},
        5: {"rules": (RuleSpec("s", (country,), (segment,), 10_000, "a"),)},
        6: {"overrides": tuple(OverrideSpec(f"user-{n}", "on") for n in range(10))},
        7: {"requires": (PrerequisiteSpec(f"flag-{number - 7}"),)},
    }
    return replace(made, **changes.get(kind, {}))


def segment(number: int) -> SegmentSpec:
    plan = ConditionSpec("plan", Operator.IN, ("pro", f"plan-{number}"))
    return SegmentSpec(f"segment-{number}", (plan, ConditionSpec("age", Operator.NUM_GTE, ("18",))))


def ruleset(flags: int, segments: int) -> tuple[dict[str, FlagSpec], dict[str, SegmentSpec]]:
    specs = {made.key: made for made in map(flag, range(flags))}
    return specs, {made.key: made for made in map(segment, range(segments))}


def main() -> dict[str, float]:
    specs, segments = ruleset(FLAGS, SEGMENTS)
    gc.collect()
    build = statistics.median(_seconds(lambda: compile_ruleset(specs, segments)) for _ in range(5))
    many = compile_ruleset(specs, segments)
    changed = {**specs, "flag-3": replace(specs["flag-3"], dial=1)}
    update = statistics.median(
        _seconds(lambda: compile_ruleset(changed, segments, before=many)) for _ in range(5)
    )
    few = compile_ruleset(*ruleset(FEW, SEGMENTS))
    gc.collect()
    gc.freeze()
    ratios, spread, speeds = [], [], []
    all_over, the_few = _anywhere(many, FLAGS), _anywhere(few, FEW)
    for _ in range(ROUNDS):
        slow, fast = _seconds(_asking(many)), _seconds(_asking(few))
        ratios.append(slow / fast)
        spread.append(_seconds(all_over) / _seconds(the_few))
        speeds.append(ASKED / slow)
    return {
        "build_seconds": round(build, 3),
        "update_seconds": round(update, 4),
        "memory_mb": round(_memory() / 1024**2, 1),
        "speed": round(statistics.median(speeds)),
        "many_over_few": round(statistics.median(ratios), 3),
        "anywhere_over_few": round(statistics.median(spread), 2),
        "broken": len(many.broken) + len(many.warnings),
    }


def _memory() -> int:
    """Bytes that specs and compiled flags take together, while they are built, at most."""
    tracemalloc.start()
    held = compile_ruleset(*ruleset(FLAGS, SEGMENTS))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most if held.flags else 0


def _asking(rules: Compiled) -> Callable[[], None]:
    """The same ten flags of either ruleset, looked up by key, by users whose facts vary."""
    keys = [f"flag-{number}" for number in range(FEW)]
    contexts, flags = _contexts(), rules.flags

    def ask() -> None:
        for context in contexts:
            for key in keys:
                flags[key](context)

    return ask


def _anywhere(rules: Compiled, flags: int) -> Callable[[], None]:
    """As many questions as `_asking` has, by the same users, for any of the flags in any order.

    No flag is asked again soon, so with many of them each comes from memory that the processor has
    forgotten. That costs the same whatever else is asked, so it weighs most where nothing else is.
    """
    draw = random.Random(4)  # noqa: S311  (the same order in each run)
    numbers = [number % flags for number in range(ASKED)]
    draw.shuffle(numbers)
    contexts, resolvers = _contexts(), rules.flags
    pairs = [(f"flag-{number}", contexts[n % len(contexts)]) for n, number in enumerate(numbers)]

    def ask() -> None:
        for key, context in pairs:
            resolvers[key](context)

    return ask


def _contexts() -> list[Mapping[str, Any]]:
    return [
        {
            "targetingKey": f"user-{n}",
            "country": ("DE", "FR")[n % 2],
            "plan": ("pro", "free")[n % 2],
            "age": n % 60,
            "app": "2.3.0",
        }
        for n in range(ASKED // FEW)
    ]


def _seconds(work: Callable[[], object]) -> float:
    began = time.thread_time()
    work()
    return time.thread_time() - began


if __name__ == "__main__":
    print(json.dumps(main()))
