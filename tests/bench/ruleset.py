"""10,000 flags and 1,000 segments as rows: read and compiled whole, one change taken in, memory.

Beside `many_flags`, which has no database: this is what the keeper's thread does, off the path of
any request. The goal for the build is its compiling; reading 11,000 documents comes on top. Times
are the thread's own, so that what else runs on the machine does not count.
"""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from statistics import median

from django.utils import timezone

from flags import snapshot
from flags.compiling import compile_ruleset
from flags.models import RulesetEntry, RulesetRevision
from flags.snapshot import Entry, Snapshot
from flags.specs import flag_document, segment_document
from releases.models import Environment
from tests.bench.frame import Result
from tests.bench.many_flags import FLAGS, SEGMENTS, flag, ruleset

ROUNDS = 9


def run() -> list[Result]:
    environment = rows()
    held = snapshot.load()
    rules = held.rulesets[environment.slug]
    build = _median(lambda: compile_ruleset(rules.specs, rules.segments))
    whole = _median(snapshot.load)
    return [
        told("build", build, f"with reading all rows {whole:.2f} s", "< 1 s", holds=build < 1),
        one_change(environment, held),
        memory(),
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
