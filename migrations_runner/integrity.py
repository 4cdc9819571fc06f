"""While a release is live: do the rows of its targets still agree with each other?

The rules of the data-safety checks are asked of whole tables, and what is found is compared with
what was found before. A contradiction that is new holds the target, so that queued runs wait for a
person; one that was there all along is none of the release's business. Where nobody could look,
nothing is claimed.

Refused
├── ReasonMissing
└── NotOpen
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Final

import psycopg
from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from migrations_runner import pokes, poolers
from migrations_runner.ledger import Connection
from migrations_runner.models import IntegrityBaseline, IntegrityFinding, MigrationRun
from migrations_runner.safety import baselines, news, whole
from migrations_runner.safety.baselines import Known
from migrations_runner.safety.budget import Budget, CannotTell
from migrations_runner.safety.whole import Count
from migrations_runner.states import AT_WORK
from releases import targets
from releases.models import Release, TargetDatabase
from releases.redaction import redact
from releases.refusals import Refused
from releases.states import ReleaseState
from releases.timeline import Actor

logger = logging.getLogger(__name__)

#: So often a target is looked at, at most: a little less than the timetable's minute.
EVERY: Final = timedelta(seconds=50)
APPLICATION: Final = "rc-integrity"
_LIVE: Final = (ReleaseState.IN_PROGRESS, ReleaseState.ROLLING_OUT)


class ReasonMissing(Refused):
    """Say why these rows may stay as they are; nothing was changed."""


class NotOpen(Refused):
    """This finding is no longer open; nothing was changed."""


def look() -> int:
    """For the timetable: have workers look at what is due; answers how many targets that are."""
    asked = due()
    for target_id in asked:
        pokes.poke_integrity(target_id)
    return len(asked)


def due() -> list[int]:
    """The targets of live releases that had a run of theirs and were not looked at of late.

    One that is worked on is left alone: the run's own guard looks there, and between two scripts
    rows may well disagree. Each is claimed for the caller: asked again at once, the answer is
    empty. Who dies with one has it looked at in the next round.
    """
    busy = MigrationRun.objects.filter(state__in=AT_WORK).values("target")
    live = TargetDatabase.objects.filter(runs__release__state__in=_LIVE).exclude(pk__in=busy)
    return [target.pk for target in live.distinct() if _claim(target)]


def _claim(target: TargetDatabase) -> bool:
    row, _ = IntegrityBaseline.objects.get_or_create(
        target=target, key=baselines.LOOKED, defaults={"rows": 0, "at": Now() - 2 * EVERY}
    )
    stale = IntegrityBaseline.objects.filter(pk=row.pk, at__lte=Now() - EVERY)
    return stale.update(at=Now()) == 1


def check(target_id: int) -> bool:
    """Look at one target now, in a worker. True where it was reached and compared."""
    target = TargetDatabase.objects.select_related("environment").filter(pk=target_id).first()
    if target is None:
        return False
    try:
        counts = _counts(target)
    except (Refused, CannotTell, psycopg.Error) as failed:
        why = failed.message if isinstance(failed, Refused) else str(failed)
        logger.warning("integrity of %s: nobody could look: %s", target.name, redact(why))
        return False
    _compare(target, counts)
    return True


def _counts(target: TargetDatabase) -> list[Count]:
    """Raises Refused, CannotTell, psycopg.Error."""
    known = baselines.known(target)
    connection = _connected(target)
    try:
        poolers.refuse_shared_session(connection, lambda: _connected(target))
        targets.check_identity(target, targets.identify(connection))
        return _counted(connection, known)
    finally:
        connection.close()


def _connected(target: TargetDatabase) -> Connection:
    return targets.connect(target, application_name=APPLICATION, autocommit=True)


def _counted(connection: Connection, known: Known) -> list[Count]:
    budget = Budget(settings.SAFETY_BUDGET_MS)
    with whole.looking(connection):
        return [
            whole.count(connection, budget, rule, begin=baselines.next_block(known, rule.key))
            for rule in whole.rules(connection, budget)
        ]


@transaction.atomic
def _compare(target: TargetDatabase, counts: list[Count]) -> None:
    """Everything that one look says, at once: baselines, findings, hold, evidence."""
    target = TargetDatabase.objects.select_for_update(of=("self",), no_key=True).get(pk=target.pk)
    known = baselines.known(target)
    first = known.get(baselines.LOOKED, 0) == 0
    releases = list(Release.objects.filter(state__in=_LIVE, runs__target=target).distinct())
    broken, grown = [], []
    for found in counts:
        rows = 0 if found.unsure else baselines.too_many(target, found, known, first=first)
        if rows:
            broken.append(found)
            grown += [found] if news.tell_rows(target, found, rows, releases) else []
        elif not found.unsure:
            news.resolve(target, found)
        baselines.note_place(target, found, known, first=first)
    baselines.keep(target, baselines.LOOKED, 1)
    if grown:
        news.hold(target, grown, releases)
    for release in releases:
        news.tell(target, release, counts, broken)


@transaction.atomic
def accept(*, finding: IntegrityFinding, reason: str, actor: Actor) -> None:
    """A person has looked: these rows may stay, and count as the baseline from now on.

    The hold is lifted apart, with `holds.lift`. Raises ReasonMissing, NotOpen, NotPermitted.
    """
    actor.require("migrations_runner.hold_target")
    if not reason.strip():
        raise ReasonMissing
    taken = IntegrityFinding.objects.select_for_update(of=("self",), no_key=True)
    finding = taken.select_related("target__environment", "release").get(pk=finding.pk)
    if finding.resolved_at is not None:
        raise NotOpen
    before = baselines.rows_before(baselines.known(finding.target), finding.key)
    baselines.keep(finding.target, finding.key, before + finding.rows)
    finding.resolved_at = Now()
    finding.save(update_fields=["resolved_at"])
    said = redact(reason.strip())[:500]
    news.record("finding.accept", finding, finding.release, actor, reason=said)
