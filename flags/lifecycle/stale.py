"""Flags that have outlived their use, each with what says so; and what was answered at each stage.

Counts come from `counting`: OFREP answers and the metrics that Unleash SDKs send. SDKs whose
metrics are switched off are not seen, so "nobody asked" means nobody whom we can see.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Max, Min, Sum
from django.utils import timezone

from flags.models import FULL_DIAL, Flag, FlagState, FlagUsage, RulesetEntry

QUIET = timedelta(days=30)
"""Nobody has asked for so long, and the flag is at least that old."""
SETTLED = timedelta(days=14)
"""Everybody has got the same for so long."""
KEEP = timedelta(days=400)
"""How long counts are kept."""
_GOING = frozenset({Flag.Use.RELEASE, Flag.Use.EXPERIMENT})
"""Uses that end one day."""


@dataclass(frozen=True)
class Stale:
    """A flag, and the sentences that say why it should go."""

    flag: Flag
    why: tuple[str, ...]


@dataclass(frozen=True)
class Exposure:
    """How often a variant was given while the dial stood where it stood."""

    dial: int
    variant: str
    count: int
    first: datetime
    last: datetime

    @property
    def percent(self) -> str:
        return f"{self.dial / 1000:g}"


def report() -> list[Stale]:
    """Return what is stale, by key; a handful of queries, however many flags there are."""
    today, now = timezone.localdate(), timezone.now()
    asked, full_since = _last_asked(), _full_since()
    flags = Flag.objects.select_related("owner").prefetch_related("states__environment")
    found = (
        Stale(
            flag,
            (
                *_reasons(flag, asked.get(flag.key), today, now),
                *_settled(flag, full_since, now),
            ),
        )
        for flag in flags
    )
    return [one for one in found if one.why]


def exposures(state: FlagState) -> list[Exposure]:
    """Return what was answered on a dial at each of its stands, the newest stand first."""
    rows = (
        FlagUsage.objects.filter(environment=state.environment, flag_key=state.flag.key)
        .values("dial", "variant")
        .annotate(total=Sum("count"), first=Min("hour"), last=Max("hour"))
        .order_by("-last", "-dial", "variant")
    )
    return [
        Exposure(row["dial"], row["variant"], row["total"], row["first"], row["last"])
        for row in rows[:200]
    ]


def forget() -> int:
    """For the timetable: counts older than `KEEP`."""
    return FlagUsage.objects.filter(hour__lt=timezone.now() - KEEP).delete()[0]


def _last_asked() -> dict[str, datetime]:
    rows = FlagUsage.objects.values("flag_key").annotate(last=Max("hour"))
    asked: dict[str, datetime] = {row["flag_key"]: row["last"] for row in rows}
    return asked


def _reasons(flag: Flag, asked: datetime | None, today: date, now: datetime) -> Iterator[str]:
    if flag.archived_at is not None:
        if asked is not None and asked > flag.archived_at:
            yield f"Archived, but still asked for on {asked:%Y-%m-%d}: code gets its default."
        return
    if flag.expected_until is not None and flag.expected_until < today:
        yield f"It was to be gone by {flag.expected_until}."
    last = max(filter(None, [asked, *_evaluated(flag)]), default=None)
    if last is None and now - flag.created_at > QUIET:
        yield f"Nobody has asked for it since it was made on {flag.created_at:%Y-%m-%d}."
    elif last is not None and now - last > QUIET:
        yield f"Nobody has asked for it since {last:%Y-%m-%d}."


def _evaluated(flag: Flag) -> list[Any]:
    return [state.last_evaluated_at for state in flag.states.all()]


def _full_since() -> dict[tuple[int, str], datetime]:
    """When each dial that stands at 100 % came there last, as it was published."""
    full = FlagState.objects.filter(dial=FULL_DIAL).values("flag__key")
    entries = RulesetEntry.objects.filter(kind=RulesetEntry.Kind.FLAG, key__in=full)
    since: dict[tuple[int, str], datetime] = {}
    rows = entries.order_by("revision").values_list("environment_id", "key", "at", "document__dial")
    for environment_id, key, at, dial in rows.iterator():
        if dial == FULL_DIAL:
            since.setdefault((environment_id, key), at)
        else:
            since.pop((environment_id, key), None)
    return since


def _settled(
    flag: Flag, full_since: Mapping[tuple[int, str], datetime], now: datetime
) -> Iterator[str]:
    if flag.archived_at is not None or flag.use not in _GOING:
        return
    for state in flag.states.all():
        since = full_since.get((state.environment_id, flag.key))
        if since is not None and now - since > SETTLED:
            yield f"At 100 % on {state.environment} since {since:%Y-%m-%d}."


def by_owner(stale: list[Stale]) -> dict[str, list[Stale]]:
    """Return the report in the order of those who are to act; without an owner comes first."""
    owned: dict[str, list[Stale]] = defaultdict(list)
    for one in stale:
        owned[str(one.flag.owner) if one.flag.owner_id else ""].append(one)
    return dict(sorted(owned.items()))
