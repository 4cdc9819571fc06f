"""While a release is live: do the rows of its targets still agree, by the foreign keys alone?

A rule is looked at over whole tables, within a budget; where it does not suffice nothing is
claimed, and the next look begins with another rule. What is there at the first look is the
baseline. More than that is a finding: the target is held until a person lifts that.
"""

from __future__ import annotations

import logging
import random
from dataclasses import dataclass

import psycopg
from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from migrations_runner import holds
from migrations_runner.ledger import Connection
from migrations_runner.models import Hold, IntegrityBaseline, IntegrityFinding, MigrationRun
from migrations_runner.safety import facts, results
from migrations_runner.safety.budget import Budget, CannotTell, aside, ask
from migrations_runner.safety.graph import pairs
from migrations_runner.safety.rules import Orphans, Rule, TwoPaths, broken_keys, totals
from migrations_runner.states import AT_WORK
from releases import evidence, targets
from releases.models import Release, TargetDatabase, Verdict
from releases.refusals import Refused
from releases.states import ReleaseState
from releases.timeline import Actor

log = logging.getLogger(__name__)

_LIVE = (ReleaseState.IN_PROGRESS, ReleaseState.ROLLING_OUT)


@dataclass(frozen=True, slots=True)
class Seen:
    """How many rows break a rule now. `samples` are masked keys."""

    rule: Rule
    rows: int
    samples: list[str]


def look() -> int:
    """The job: every target with a run of a live release; how many findings came or went.

    A target that is worked on is left alone: the run's own guard looks there.
    """
    found = 0
    busy = MigrationRun.objects.filter(state__in=AT_WORK).values("target")
    live = MigrationRun.objects.filter(release__state__in=_LIVE).exclude(target__in=busy)
    for run in (
        live.order_by("target_id", "-pk")
        .distinct("target_id")
        .select_related("target__environment", "release")
    ):
        try:
            found += sum(_compare(run.target, run.release, seen) for seen in _seen(run.target))
        except (Refused, psycopg.Error) as away:
            log.warning("%s could not be looked at: %s", run.target, type(away).__name__)
    return found


def _seen(target: TargetDatabase) -> list[Seen]:
    """What was answered within the budget. Raises TargetUnreachable, NotTheExpectedDatabase."""
    budget, found = Budget(settings.SAFETY_BUDGET_MS), []
    name = "rc-integrity"
    with targets.connect(target, application_name=name, autocommit=True) as connection:
        targets.check_identity(target, targets.identify(connection))
        with aside(connection):
            connection.execute("SET LOCAL transaction_read_only = on")
            rules = _rules(connection)
            for rule in random.sample(rules, len(rules)):
                try:
                    found.append(_count(connection, budget, rule))
                except CannotTell as reason:
                    log.info("%s: cannot tell about %s: %s", target, rule.key, reason)
    return [each for each in found if each is not None]


def _rules(connection: Connection) -> list[Rule]:
    keys = facts.read(connection)
    loose: list[Rule] = [Orphans(key) for key in keys if not key.held]
    return [*loose, *(TwoPaths(pair) for pair in pairs(keys))]


def _count(connection: Connection, budget: Budget, rule: Rule) -> Seen | None:
    """None where the rule is none: most rows break it."""
    broken, rows = (int(str(n)) for n in ask(connection, budget, totals(rule))[0])
    if rule.learnt and 2 * broken > rows:
        return None
    keys = ask(connection, budget, broken_keys(rule)) if broken else []
    return Seen(rule, broken, results.samples(rule.child.key, [str(row[0]) for row in keys]))


@transaction.atomic
def _compare(target: TargetDatabase, release: Release | None, seen: Seen) -> int:
    """Write down what is new, or gone; 1 where anything was."""
    key = seen.rule.key
    baseline, first = IntegrityBaseline.objects.select_for_update(no_key=True).get_or_create(
        target=target, key=key, defaults={"rows": seen.rows, "at": Now()}
    )
    if first:
        return 0
    open_ones = IntegrityFinding.objects.filter(target=target, key=key, resolved_at=None)
    if seen.rows > baseline.rows:
        return _found(target, release, seen, baseline.rows)
    if seen.rows < baseline.rows:
        IntegrityBaseline.objects.filter(pk=baseline.pk).update(rows=seen.rows, at=Now())
    return open_ones.update(resolved_at=Now(), last_seen=Now())


def _found(target: TargetDatabase, release: Release | None, seen: Seen, before: int) -> int:
    """A finding; the target is held when it is new or has grown, not again after it was lifted."""
    rows = seen.rows - before
    words = seen.rule.words(rows, stands=True)
    known = IntegrityFinding.objects.filter(
        target=target, key=seen.rule.key, resolved_at=None
    ).first()
    if known is not None and known.rows >= rows:
        known.rows, known.last_seen = rows, Now()
        known.save(update_fields=["rows", "last_seen"])
        return 0
    facts_of = {"summary": words[:500], "rows": rows, "samples": seen.samples, "last_seen": Now()}
    IntegrityFinding.objects.update_or_create(
        target=target,
        key=seen.rule.key,
        resolved_at=None,
        defaults=facts_of,
        create_defaults={
            **facts_of,
            "release": release,
            "kind": seen.rule.kind,
            "first_seen": Now(),
        },
    )
    evidence.record(
        subject=target,
        release=release,
        verdict=Verdict.FAIL,
        summary=f"{target}: {words}",
        numbers={"rows": rows, "samples": seen.samples},
    )
    _hold(target, release, words)
    return 1


def _hold(target: TargetDatabase, release: Release | None, words: str) -> None:
    try:
        holds.hold(
            target=target,
            reason=f"New since the release is live: {words}.",
            actor=Actor.machine("integrity"),
            cause=Hold.Cause.INTEGRITY,
            release=release,
        )
    except holds.AlreadyHeld:
        return
