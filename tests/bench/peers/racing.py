"""All flag engines in one process, in turn, round by round; prints one JSON object.

Run by a Python that has the peers (``make peers``); it needs of this project only the pure modules.
One that isn't there, or cannot be asked, is named under ``absent``.
"""

from __future__ import annotations

import json
import logging
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

from mmh3 import mmh3_32_uintdigest

from flags.core.evaluation import compile_flag
from flags.core.specs import ConditionSpec, FlagSpec, Operator, RuleSpec, VariantSpec
from tests.bench.peers.evaluators import PEERS
from tests.bench.peers.race import COUNTRIES, SPLIT, Users, Work

ROUNDS = 9
SECONDS = 0.04
"""What one engine works on one flag in one round."""

USERS: Users = [
    (f"user-{n}", ("DE", "FR", "AT", "US", "CH")[n % 5], ("pro", "free", "pro")[n % 3])
    for n in range(20_000)
]
Decide = Callable[[Mapping[str, Any]], Any]

B = FlagSpec(
    key="b",
    salt="b",
    enabled=True,
    killed=False,
    dial=25_000,
    off_variant="off",
    variants=(VariantSpec("on", value=True, weight=1000), VariantSpec("off", value=False)),
)
V = FlagSpec(
    key="v",
    salt="v",
    enabled=True,
    killed=False,
    dial=0,
    off_variant="off",
    variants=(
        *(VariantSpec(name, name, weight) for name, weight in SPLIT),
        VariantSpec("off", "off"),
    ),
    rules=(
        RuleSpec(
            "pro",
            (
                ConditionSpec("country", Operator.IN, COUNTRIES),
                ConditionSpec("plan", Operator.IN, ("pro",)),
            ),
        ),
    ),
    kind="string",
)


def ours() -> tuple[Work, Work]:
    return _over(compile_flag(B)), _over(compile_flag(V))


def by_hand() -> tuple[Work, Work]:
    """The floor: closures that somebody wrote for just these two flags and this context."""
    on, off = (True, "on", "SPLIT"), (False, "off", "SPLIT")
    red, green, blue, none = ((name, name, "SPLIT") for name in ("red", "green", "blue", "off"))
    countries = frozenset(COUNTRIES)

    def decide_b(context: Mapping[str, Any]) -> tuple[bool, str, str]:
        return (
            on if mmh3_32_uintdigest(b"b:" + context["targetingKey"].encode()) % 100 < 25 else off
        )

    def decide_v(context: Mapping[str, Any]) -> tuple[str, str, str]:
        if context["country"] not in countries or context["plan"] != "pro":
            return none
        share = mmh3_32_uintdigest(b"v:" + context["targetingKey"].encode(), 86028157) % 1000
        return red if share < 333 else green if share < 666 else blue

    return _over(decide_b), _over(decide_v)


def _over(decide: Decide) -> Work:
    return lambda users: [
        decide({"targetingKey": user, "country": country, "plan": plan})
        for user, country, plan in users
    ]


def race() -> dict[str, Any]:
    """Per engine and flag: evaluations a second, and our speed over theirs, as medians."""
    engines, absent = {"ours": ours(), "by hand": by_hand()}, []
    for name, begin in PEERS.items():
        try:
            engines[name] = begin()
            _sane(engines[name])
        except Exception as failed:  # noqa: BLE001  (whatever a peer does, the others are measured)
            engines.pop(name, None)
            absent.append(f"{name}: {type(failed).__name__}")
    figures = {flag: _measured(engines, place) for place, flag in enumerate(("b", "v"))}
    return {"figures": figures, "absent": absent, "agree": _agree(engines)}


def _measured(engines: Mapping[str, tuple[Work, Work]], flag: int) -> dict[str, dict[str, float]]:
    crowds = {name: _crowd(works[flag]) for name, works in engines.items()}
    speeds: dict[str, list[float]] = {name: [] for name in engines}
    for _ in range(ROUNDS):
        for name, works in engines.items():
            users = crowds[name]
            speeds[name].append(len(users) / _seconds(works[flag], users))
    return {
        name: {
            "speed": round(statistics.median(own)),
            "ours_over_it": round(
                statistics.median(
                    mine / theirs for mine, theirs in zip(speeds["ours"], own, strict=True)
                ),
                3,
            ),
        }
        for name, own in speeds.items()
    }


def _crowd(work: Work) -> Users:
    """As many users as an engine gets through in its time."""
    _seconds(work, USERS[:500])
    number = int(SECONDS * 500 / _seconds(work, USERS[:500]))
    return (USERS * (number // len(USERS) + 1))[: max(number, 500)]


def _seconds(work: Work, users: Users) -> float:
    # The thread's own time: others on this machine, and a peer's idle threads, don't count.
    began = time.thread_time()
    work(users)
    return time.thread_time() - began


def _sane(works: tuple[Work, Work]) -> None:
    """Raise unless an engine lets in about a quarter, and shares out just those of the rule."""
    b, v = works[0](USERS[:4000]), works[1](USERS[:4000])
    pro = sum(country in COUNTRIES and plan == "pro" for _, country, plan in USERS[:4000])
    let_in = sum(answer in {name for name, _ in SPLIT} for answer in v)
    if not 0.22 < sum(map(bool, b)) / 4000 < 0.28 or let_in != pro:
        raise ValueError("it decides something else")


def _agree(engines: Mapping[str, tuple[Work, Work]]) -> bool:
    return all(
        [answer.value for answer in mine(USERS)] == [answer[0] for answer in theirs(USERS)]
        for mine, theirs in zip(engines["ours"], engines["by hand"], strict=True)
    )


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    print(json.dumps(race()))
