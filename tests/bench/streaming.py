"""From the call that kills a flag to the last of many connected clients that hear of it.

The stream process is started as `make up` starts it, on one core; the clients are one process on
the other, and so is this one, which commits the change. The clock starts before the verb is called,
so a kill's own transaction is part of what is measured.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.db import transaction

from flags.api import stream_token
from flags.changing import rollout
from flags.changing.publishing import publish
from flags.models import Flag, FlagState, RulesetRevision, Variant
from flags.serving import ruleset
from releases import tokens
from releases.models import Environment
from releases.timeline import Actor
from tests.bench import wrk
from tests.bench.frame import Result

ACTOR = Actor.command("bench")
STREAM = ("--interface", "asgi", "--backlog", "4096", "--backpressure", "20000")
GOALS_MS = {500: 100.0, 2000: 200.0}
ROUNDS = int(os.environ.get("ROUNDS", "7"))
PATIENCE_SECONDS = 20
FILES = 8192


@dataclass(frozen=True)
class Told:
    """One kill: milliseconds until each client heard of it, how many never did, its own time."""

    waits: list[float]
    lost: int
    verb: float

    def at(self, share: float) -> float:
        return sorted(self.waits)[min(int(len(self.waits) * share), len(self.waits) - 1)]


def run() -> list[Result]:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(FILES, most), most))
    flag, environment, path = flag_and_address()
    return [measured(count, flag, environment, path) for count in GOALS_MS]


def measured(count: int, flag: Flag, environment: Environment, path: str) -> Result:
    app = (*STREAM, "releasecontrol.asgi:application")
    with wrk.granian(*app) as base, crowd() as clients:
        ask(clients, connect=count, port=urlsplit(base).port, path=path)
        rounds = [one_change(clients, flag, environment, count) for _ in range(ROUNDS)]
    p99 = statistics.median(told.at(0.99) for told in rounds)
    p50 = statistics.median(told.at(0.5) for told in rounds)
    worst = max(told.at(1.0) for told in rounds)
    lost = sum(told.lost for told in rounds)
    verb = statistics.median(told.verb for told in rounds)
    after = statistics.median(told.at(0.99) - told.verb for told in rounds)
    return Result(
        bench=f"kill to {count} connected clients, 99th percentile",
        value=round(p99, 1),
        unit="ms",
        versus=(
            f"half of them {p50:.1f} ms, worst of {ROUNDS} rounds {worst:.1f} ms, {lost} lost;"
            f" the verb's own transaction {verb:.1f} ms, from its COMMIT {after:.1f} ms"
        ),
        ratio=None,
        goal=f"< {GOALS_MS[count]} ms, none lost",
        holds=p99 < GOALS_MS[count] and lost == 0,
    )


def one_change(clients: Any, flag: Flag, environment: Environment, count: int) -> Told:
    """Open the dial, then kill: the kill is what is measured."""
    _settle(clients, environment, flag)
    began = time.monotonic()
    rollout.kill(flag=flag, environment=environment, reason="bench", actor=ACTOR)
    verb = (time.monotonic() - began) * 1000
    heard = ask(clients, wait=_revision(environment), seconds=PATIENCE_SECONDS)
    return Told([(moment - began) * 1000 for moment in heard], count - len(heard), verb)


def _settle(clients: Any, environment: Environment, flag: Flag) -> None:
    FlagState.objects.filter(flag=flag).update(killed_at=None, dial=50_000)
    rollout.turn_dial(flag=flag, environment=environment, to=100_000, reason="b", actor=ACTOR)
    ask(clients, wait=_revision(environment), seconds=PATIENCE_SECONDS)


def _revision(environment: Environment) -> int:
    return RulesetRevision.objects.get(environment=environment).revision


@contextmanager
def crowd() -> Iterator[subprocess.Popen[str]]:
    """The process that holds all clients, on the second core."""
    command = wrk.pinned(1, sys.executable, "-m", "tests.bench.stream_clients")
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def ask(clients: subprocess.Popen[str], **order: object) -> Any:
    """Give the clients an order and wait for their answer, which has a deadline of its own."""
    assert clients.stdin is not None
    assert clients.stdout is not None
    clients.stdin.write(json.dumps(order) + "\n")
    clients.stdin.flush()
    return json.loads(clients.stdout.readline())


def flag_and_address() -> tuple[Flag, Environment, str]:
    """A flag, its environment, and the path of the event stream with a key that opens it."""
    flag, environment, text = _rows()
    facts = ruleset.token(text)
    assert facts is not None
    address = urlsplit(stream_token.stream_address(facts, stream_token.period()))
    ruleset.stop()
    return flag, environment, f"{address.path}?{address.query}"


@transaction.atomic
def _rows() -> tuple[Flag, Environment, str]:
    environment = Environment.objects.create(slug="streams", name="Streams", position=8)
    flag = Flag.objects.create(key="streamed", name="Streamed")
    Variant.objects.create(flag=flag, name="on", value=True, weight=1000)
    Variant.objects.create(flag=flag, name="off", value=False, is_off=True, position=1)
    FlagState.objects.create(flag=flag, environment=environment, enabled=True)
    publish(environment)
    _, text = tokens.issue(environment=environment, scope="evaluate", name="b", actor=ACTOR)
    return flag, environment, text
