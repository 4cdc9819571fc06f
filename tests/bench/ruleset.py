"""10,000 flags and 1,000 segments as rows: read and compiled whole, one change taken in, memory.

Beside `many_flags`, which has no database: this is what the keeper's thread does, off the path of
any request. Building is reading all rows and compiling them. Times are the thread's own, so that
what else runs on the machine does not count. Then any of the flags is asked for over HTTP, and any
of ten, in turns.
"""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from statistics import median

from django.utils import timezone

from flags.core.compiling import compile_ruleset
from flags.core.specs import flag_document, segment_document
from flags.models import RulesetEntry, RulesetRevision
from flags.serving import snapshot
from flags.serving.snapshot import Entry, Snapshot
from releases import tokens
from releases.models import Environment
from releases.timeline import Actor
from tests.bench import wrk
from tests.bench.frame import Result
from tests.bench.many_flags import FEW, FLAGS, SEGMENTS, flag, ruleset
from tests.bench.serving import BULK, WEB
from tests.bench.wrk import Load

ROUNDS = 9
FIRST_SECONDS = 5
MOST_FOR_MANY = 1.2


def run() -> list[Result]:
    environment = rows()
    held = snapshot.load()
    rules = held.rulesets[environment.slug]
    build = _median(lambda: compile_ruleset(rules.specs, rules.segments))
    whole = _median(snapshot.load)
    return [
        told("build", whole, f"{build:.2f} s of them compiling", "< 1 s", holds=whole < 1),
        one_change(environment, held),
        memory(),
        *over_http(environment),
    ]


def _median(work: Callable[[], object]) -> float:
    return median(_seconds(work) for _ in range(5))


def _seconds(work: Callable[[], object]) -> float:
    began = time.thread_time()
    work()
    return time.thread_time() - began


def rows() -> Environment:
    """An environment at revision 1 with everything published."""
    environment = Environment.objects.create(slug="many", name="Many", position=7)
    now = timezone.now()
    RulesetRevision.objects.create(environment=environment, revision=1, changed_at=now)
    specs, segments = ruleset(FLAGS, SEGMENTS)
    entries: list[Entry] = [("flag", key, flag_document(spec)) for key, spec in specs.items()]
    entries += [("segment", key, segment_document(spec)) for key, spec in segments.items()]
    RulesetEntry.objects.bulk_create(
        (
            RulesetEntry(
                environment=environment, kind=kind, key=key, document=document, revision=1, at=now
            )
            for kind, key, document in entries
        ),
        batch_size=1000,
    )
    return environment


def one_change(environment: Environment, held: Snapshot) -> Result:
    """A flag's new document, from its row to the new ruleset."""
    times = []
    for number in range(ROUNDS):
        change(environment, number)
        began = time.thread_time()
        held = snapshot.load(held)
        times.append(time.thread_time() - began)
        if held.rulesets[environment.slug].specs["flag-3"].dial != number:
            raise RuntimeError("The change is not in the ruleset.")
    taken = median(times)
    return told(
        "one change", taken, f"worst of {ROUNDS} {max(times) * 1000:.1f} ms", "< 10 ms",
        holds=taken < 0.01,
    )  # fmt: skip


def change(environment: Environment, dial: int) -> None:
    mine = RulesetEntry.objects.filter(environment=environment, key="flag-3")
    mine.update(current=False)
    row = RulesetRevision.objects.get(environment=environment)
    row.revision += 1
    row.save()
    RulesetEntry.objects.create(
        environment=environment,
        kind=RulesetEntry.Kind.FLAG,
        key="flag-3",
        document=flag_document(replace(flag(3), dial=dial)),
        revision=row.revision,
        at=timezone.now(),
    )


def memory() -> Result:
    """What reading and compiling takes at most, by the allocator."""
    tracemalloc.start()
    held = snapshot.load()
    kept, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return Result(
        bench=f"ruleset of {FLAGS} flags and {SEGMENTS} segments from rows, memory",
        value=round(most / 2**20, 1),
        unit="MB at most",
        versus=f"{kept / 2**20:.1f} MB kept for {len(held.rulesets)} environments",
        ratio=None,
        goal="< 200 MB",
        holds=most < 200 << 20,
    )


def over_http(environment: Environment) -> list[Result]:
    """One flag at a time, any of all against any of ten, on the same server."""
    if not wrk.found():
        print("wrk is not here, so asking over HTTP is not measured (apt-get install wrk).")
        return []
    actor = Actor.command("bench")
    token = tokens.issue(environment=environment, scope="evaluate", name="many", actor=actor)[1]
    with wrk.granian(*WEB, "releasecontrol.wsgi:application") as base:
        _asked(base, token, FLAGS, seconds=FIRST_SECONDS)  # it reads its ruleset meanwhile
        turns = [[_asked(base, token, flags) for flags in (FLAGS, FEW)] for _ in range(ROUNDS)]
    ratio = median(few.per_second / many.per_second for many, few in turns)
    whole = not any(load.failed for turn in turns for load in turn)
    return [
        Result(
            bench=f"HTTP, any of {FLAGS} flags",
            value=round(median(many.per_second for many, _ in turns)),
            unit="requests/s on one core",
            versus=f"any of {FEW} at {median(few.per_second for _, few in turns):.0f}/s",
            ratio=round(ratio, 3),
            goal="<= 1.2 x the time of one of ten, no error",
            holds=whole and ratio <= MOST_FOR_MANY,
        )
    ]


def _asked(base: str, token: str, flags: int, seconds: int = 1) -> Load:
    return wrk.ask(f"{base}{BULK}/flag-", token, seconds=seconds, flags=flags)


def told(what: str, seconds: float, versus: str, goal: str, *, holds: bool) -> Result:
    return Result(
        bench=f"ruleset of {FLAGS} flags and {SEGMENTS} segments, {what}",
        value=round(seconds * 1000, 1),
        unit="ms",
        versus=versus,
        ratio=None,
        goal=goal,
        holds=holds,
    )
