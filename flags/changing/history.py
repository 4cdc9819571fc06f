"""What an environment answered from at an earlier moment, and who had made it so.

Entries are never changed, only followed, so the ruleset of any revision is made of the newest entry
of each key up to it. A moment is turned into a revision first: the row lock under which revisions
are raised puts their times in the same order.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Max
from django.utils import timezone

from flags.changing.lookup import readable
from flags.core.explaining import explain
from flags.core.explanation import Explanation
from flags.core.specs import FlagSpec, SegmentSpec, flag_from, segment_from
from flags.models import FlagState, RulesetEntry, RulesetRevision, Stage
from releases.models import Environment, Event
from releases.refusals import Refused
from releases.timeline import subject_of

_FLAG, _SEGMENT = RulesetEntry.Kind.FLAG, RulesetEntry.Kind.SEGMENT
_SAME_ACT = timedelta(seconds=5)
"""An edit's event follows its entry in the same transaction; later ones belong to other acts."""


class MomentToCome(Refused):
    """That moment is still to come, so nothing was answered then."""


class BeforeItsTime(Refused):
    """At that moment this flag had not been published here, so nobody could ask for it."""


class NoSuchRevision(Refused):
    """This environment has not come to that revision yet."""


@dataclass(frozen=True, slots=True)
class Past:
    """The flags and segments of an environment as they were, in whole or as far as asked for."""

    environment: Environment
    moment: datetime
    revision: int
    specs: Mapping[str, FlagSpec]
    segments: Mapping[str, SegmentSpec]

    def clock(self) -> float:
        """The time then, for overrides that end."""
        return self.moment.timestamp()


@dataclass(frozen=True, slots=True)
class SetBy:
    """Who had published a flag as it was; ``verb`` and ``reason`` if the timeline tells them."""

    actor: str
    at: datetime
    revision: int
    verb: str
    reason: str


@dataclass(frozen=True, slots=True)
class PastAnswer:
    """An explanation with the circumstances of its time; ``stage`` is empty outside a plan."""

    explanation: Explanation
    moment: datetime
    revision: int
    set_by: SetBy
    stage: str


def past(
    environment: Environment,
    *,
    at: datetime | None = None,
    revision: int | None = None,
    keys: Collection[str] | None = None,
) -> Past:
    """Return the ruleset at a moment (aware; now if not given), or at a revision.

    Three queries; with `keys` only these flags with all that they stand on, and a query for each
    level of that. Raises `MomentToCome` and `NoSuchRevision`; before the first revision all is
    empty.
    """
    if revision is not None:
        moment = _moment_of(environment, revision)
    elif at is not None:
        moment, revision = at, revision_at(environment, at)
    else:  # the newest there is, whatever this machine's clock says of its time
        moment, revision = timezone.now(), _newest(environment)
    if keys is None:
        flags = _documents(environment, revision, _FLAG)
        segments = _documents(environment, revision, _SEGMENT)
    else:
        flags = _with_all_below(environment, revision, keys)
        named = {key for one in flags.values() for rule in one["rules"] for key in rule["segments"]}
        segments = _documents(environment, revision, _SEGMENT, named)
    return Past(
        environment,
        moment,
        revision,
        {key: flag_from(document) for key, document in flags.items()},
        {key: segment_from(document) for key, document in segments.items()},
    )


def revision_at(environment: Environment, moment: datetime) -> int:
    """Return the revision that was in force at a moment; 0 before the first. `MomentToCome`."""
    if moment > timezone.now():
        raise MomentToCome(f"Asked for {moment:%Y-%m-%d %H:%M:%S %Z}.")
    return _newest(environment, at__lte=moment)


def explained(
    *,
    environment: Environment,
    key: str,
    context: Mapping[str, Any],
    at: datetime | None = None,
    revision: int | None = None,
) -> PastAnswer:
    """Explain what a flag answered to a context at a moment or a revision, or answers now.

    Raises `BeforeItsTime`, `MomentToCome`, `NoSuchRevision`, and `FlagNotCompilable` for a flag
    that has no answer.
    """
    key = readable(key)
    then = past(environment, at=at, revision=revision, keys=[key])
    spec = then.specs.get(key)
    if spec is None:
        raise BeforeItsTime(f"Asked for “{key}” on {environment} at {then.moment:%Y-%m-%d %H:%M}.")
    return PastAnswer(
        explain(spec, then.specs, then.segments, context, then.clock),
        then.moment,
        then.revision,
        set_by(environment, key, then.revision),
        stage_of(environment, key, spec.dial),
    )


def set_by(environment: Environment, key: str, revision: int) -> SetBy:
    """Return who published a flag as it stood at a revision, with the event that tells why."""
    entry = (
        RulesetEntry.objects.filter(
            environment=environment, kind=_FLAG, key=key, revision__lte=revision
        )
        .order_by("-revision")
        .first()
    )
    if entry is None:
        raise BeforeItsTime(f"Asked for “{key}” on {environment} at revision {revision}.")
    event = _event_of(environment, entry)
    return SetBy(
        actor=entry.actor_name,
        at=entry.at,
        revision=entry.revision,
        verb=event.verb if event else "",
        reason=str(event.data.get("reason", "")) if event else "",
    )


def stage_of(environment: Environment, key: str, dial: int) -> str:
    """Return the last stage of the plan that a dial had reached, in words; empty without one."""
    stages = Stage.objects.filter(
        rollout__state_of__flag__key=key,
        rollout__state_of__environment=environment,
        percentage__lte=dial,
    )
    reached = stages.order_by("-percentage", "-position").first() if dial else None
    return str(reached) if reached else ""


def _event_of(environment: Environment, entry: RulesetEntry) -> Event | None:
    state = (
        FlagState.objects.filter(flag__key=entry.key, environment=environment)
        .select_related("flag")
        .first()
    )
    if state is None:
        return None
    events = Event.objects.filter(subject__in=[subject_of(state), subject_of(state.flag)])
    named = events.filter(data__revision=entry.revision, environment=environment).first()
    if named is not None:
        return named
    nearby = events.filter(at__gte=entry.at, at__lt=entry.at + _SAME_ACT)
    return nearby.filter(actor_name=entry.actor_name).order_by("id").first()


def _moment_of(environment: Environment, revision: int) -> datetime:
    counters = RulesetRevision.objects.filter(environment=environment)
    if revision > (counters.values_list("revision", flat=True).first() or 0):
        raise NoSuchRevision(f"Asked for {revision} of {environment}.")
    entries = RulesetEntry.objects.filter(environment=environment, revision__lte=revision)
    until: datetime | None = entries.aggregate(at=Max("at"))["at"]
    return until or timezone.now()


def _newest(environment: Environment, **until: datetime) -> int:
    entries = RulesetEntry.objects.filter(environment=environment, **until)
    newest: int | None = entries.aggregate(newest=Max("revision"))["newest"]
    return newest or 0


def _documents(
    environment: Environment, revision: int, kind: str, keys: Collection[str] | None = None
) -> dict[str, dict[str, Any]]:
    """Return the newest document of each key up to a revision, without those taken away."""
    entries = RulesetEntry.objects.filter(
        environment=environment, kind=kind, revision__lte=revision
    )
    if keys is not None:
        entries = entries.filter(key__in=keys)
    newest = entries.order_by("key", "-revision").distinct("key").values_list("key", "document")
    return {key: document for key, document in newest if document is not None}


def _with_all_below(
    environment: Environment, revision: int, keys: Collection[str]
) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    asked: set[str] = set()
    waiting = set(keys)
    while waiting:
        level = _documents(environment, revision, _FLAG, waiting)
        asked |= waiting
        found |= level
        waiting = {need["flag"] for one in level.values() for need in one["requires"]} - asked
    return found
