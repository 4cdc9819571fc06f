"""OFREP over HTTP against a callable that answers fixed JSON: same server, same client, same run.

One flag is asked for, and fifty at once, each time for another user. The floor reads the body and
answers the bytes and headers of the one flag, but knows nothing, so its speed is what granian and
wrk leave to anybody who answers a POST. A callable that does not even read is told beside it.
All are asked in turns, and the ratio is the median of the turns: the machine's speed drifts.
"""

from __future__ import annotations

import os
import statistics
from dataclasses import dataclass

from django.db import transaction

from flags.changing.publishing import publish
from flags.models import Flag, FlagState, Variant
from flags.serving import ruleset
from releases import tokens
from releases.models import Environment
from releases.timeline import Actor
from tests.bench import wrk
from tests.bench.frame import Result
from tests.bench.wrk import Load

FLAGS = 50
ROUNDS = int(os.environ.get("ROUNDS", "9"))
SECONDS = int(os.environ.get("SECONDS_EACH", "2"))
WEB = ("--interface", "wsgi", "--blocking-threads", "4")
SINGLE = "/ofrep/v1/evaluate/flags/flag-7"
BULK = "/ofrep/v1/evaluate/flags"
ONE_ANSWER = 77
"""Bytes of the answer that most of these users get: off, by the dial."""
GOAL_OF_FLOOR = 0.6
GOAL_BULK = 2.0
GOAL_P99_MS = 10.0


@dataclass(frozen=True)
class Round:
    """One after the other, so the machine is about the same."""

    unread: Load
    floor: Load
    single: Load
    bulk: Load


def run() -> list[Result]:
    if not wrk.found():
        print("wrk is not here, so serving is not measured (apt-get install wrk).")
        return []
    token = flags_and_token()
    ruleset.stop()
    answered = {"FLOOR_BYTES": str(ONE_ANSWER)}
    unread = {**answered, "FLOOR_READS": "0"}
    with (
        wrk.granian(*WEB, "releasecontrol.wsgi:application") as ours,
        wrk.granian(*WEB, "tests.bench.raw_floor:application", env=answered) as floor,
        wrk.granian(*WEB, "tests.bench.raw_floor:application", env=unread) as unread_floor,
    ):
        rounds = [one_round(ours, floor, unread_floor, token) for _ in range(ROUNDS)]
    return told(rounds)


def one_round(ours: str, floor: str, unread: str, token: str) -> Round:
    return Round(
        unread=wrk.ask(unread + SINGLE, token, seconds=SECONDS),
        floor=wrk.ask(floor + SINGLE, token, seconds=SECONDS),
        single=wrk.ask(ours + SINGLE, token, seconds=SECONDS),
        bulk=wrk.ask(ours + BULK, token, seconds=SECONDS),
    )


@transaction.atomic
def flags_and_token() -> str:
    """Fifty boolean flags at 25 % in one environment, and a token that may evaluate them."""
    environment = Environment.objects.create(slug="bench", name="Bench", position=9)
    for number in range(FLAGS):
        flag = Flag.objects.create(key=f"flag-{number}", name=f"Flag {number}")
        Variant.objects.create(flag=flag, name="on", value=True, weight=1000)
        Variant.objects.create(flag=flag, name="off", value=False, is_off=True, position=1)
        FlagState.objects.create(flag=flag, environment=environment, dial=25_000, enabled=True)
    publish(environment)
    actor = Actor.command("bench")
    return tokens.issue(environment=environment, scope="evaluate", name="bench", actor=actor)[1]


def told(rounds: list[Round]) -> list[Result]:
    whole = not any(load.failed for one in rounds for load in (one.single, one.bulk))
    of_floor = statistics.median(one.single.per_second / one.floor.per_second for one in rounds)
    cost = statistics.median(one.single.per_second / one.bulk.per_second for one in rounds)
    slow = statistics.median(one.single.p99_ms for one in rounds)
    floor = round(statistics.median(one.floor.per_second for one in rounds))
    unread = round(statistics.median(one.unread.per_second for one in rounds))
    floor_slow = statistics.median(one.floor.p99_ms for one in rounds)
    return [
        Result(
            bench="HTTP, one flag",
            value=round(statistics.median(one.single.per_second for one in rounds)),
            unit="requests/s on one core",
            versus=(
                f"a callable with fixed JSON at {floor}/s ({unread}/s with the body unread);"
                f" of the processor {_cpu(rounds, 'single')} against {_cpu(rounds, 'floor')}"
                f" ({_cpu(rounds, 'unread')})"
            ),
            ratio=round(of_floor, 3),
            goal=f">= {GOAL_OF_FLOOR} of the floor, no error",
            holds=whole and of_floor >= GOAL_OF_FLOOR,
        ),
        Result(
            bench="HTTP, one flag, 99th percentile at 32 connections",
            value=round(slow, 2),
            unit="ms",
            versus=f"the floor's {floor_slow:.2f} ms",
            ratio=round(slow / floor_slow, 2),
            goal=f"< {GOAL_P99_MS} ms",
            holds=slow < GOAL_P99_MS,
        ),
        Result(
            bench=f"HTTP, all of {FLAGS} flags",
            value=round(statistics.median(one.bulk.per_second for one in rounds)),
            unit="requests/s on one core",
            versus=f"one flag; of the processor {_cpu(rounds, 'bulk')}",
            ratio=round(cost, 3),
            goal=f"<= {GOAL_BULK} x the time of one flag, no error",
            holds=whole and cost <= GOAL_BULK,
        ),
    ]


def _cpu(rounds: list[Round], what: str) -> str:
    """What one request takes of the processor, in words."""
    return f"{statistics.median(getattr(one, what).cpu_us for one in rounds):.1f} us"
