"""OFREP over HTTP against a callable that answers fixed JSON: same server, same client, same run.

One flag is asked for, and fifty at once, each time for another user. The floor answers as many
bytes as the one flag does, reads nothing and knows nothing, so its speed is what granian and wrk
leave to anybody.
"""

from __future__ import annotations

import os
import statistics
from dataclasses import dataclass

from django.db import transaction

from flags import ruleset
from flags.models import Flag, FlagState, Variant
from flags.publishing import publish
from releases import tokens
from releases.models import Environment
from releases.timeline import Actor
from tests.bench import wrk
from tests.bench.frame import Result
from tests.bench.wrk import Load

FLAGS = 50
ROUNDS = int(os.environ.get("ROUNDS", "5"))
SECONDS = int(os.environ.get("SECONDS_EACH", "3"))
WEB = ("--interface", "wsgi", "--blocking-threads", "4")
SINGLE = "/ofrep/v1/evaluate/flags/flag-7"
BULK = "/ofrep/v1/evaluate/flags"
GOAL_OF_FLOOR = 0.6
GOAL_BULK = 2.0
GOAL_P99_MS = 10.0


@dataclass(frozen=True)
class Round:
    """Floor, one flag, fifty flags: one after the other, so the machine is about the same."""

    floor: Load
    single: Load
    bulk: Load


def run() -> list[Result]:
    if not wrk.found():
        print("wrk is not here, so serving is not measured (apt-get install wrk).")
        return []
    token = flags_and_token()
    ruleset.stop()
    bare = {"FLOOR_BYTES": "103"}
    with (
        wrk.granian(*WEB, "releasecontrol.wsgi:application") as ours,
        wrk.granian(*WEB, "tests.bench.raw_floor:application", env=bare) as floor,
    ):
        rounds = [one_round(ours, floor, token) for _ in range(ROUNDS)]
    return told(rounds)


def one_round(ours: str, floor: str, token: str) -> Round:
    return Round(
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
    floor_slow = statistics.median(one.floor.p99_ms for one in rounds)
    return [
        Result(
            bench="HTTP, one flag",
            value=round(statistics.median(one.single.per_second for one in rounds)),
            unit="requests/s on one core",
            versus=f"a callable with fixed JSON at {floor}/s",
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
            versus="one flag",
            ratio=round(cost, 3),
            goal=f"<= {GOAL_BULK} x the time of one flag, no error",
            holds=whole and cost <= GOAL_BULK,
        ),
    ]
