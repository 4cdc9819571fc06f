"""How far a revision has come: which of the clients that are there have it, after how long.

Known is what clients show by themselves: the tag that a polling SDK sends, the position of an event
stream, the revision of an answer that was given. A client that only polls is known when it asks
again; OFREP names no client, so several behind one address may be one line here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q
from django.utils import timezone

from flags.models import FlagClient, RulesetRevision
from flags.serving import counting
from releases.models import Environment

PRESENT = timedelta(minutes=2)
"""Who has not been heard of for longer is not there, unless its stream is open."""
SHOWN = 20


@dataclass(frozen=True)
class Straggler:
    """A client that is not known to have the revision."""

    name: str
    protocol: str
    revision: int | None
    last_seen: datetime


@dataclass(frozen=True)
class Propagation:
    """Where a revision stands. ``after`` is the time to the last that has it, None without one.

    ``stragglers`` are those silent longest; ``more`` counts the others.
    """

    revision: int
    changed_at: datetime | None
    total: int
    reached: int
    after: timedelta | None
    stragglers: tuple[Straggler, ...]
    more: int = 0

    @property
    def is_complete(self) -> bool:
        return self.reached == self.total

    @property
    def words(self) -> str:
        """The sentence on the flag's page."""
        if not self.total:
            return f"Revision {self.revision}: no client is there to have it."
        told = f"{self.reached} of {self.total} clients on revision {self.revision}"
        if self.after is None:
            return f"{told}."
        return f"{told} after {self.after.total_seconds():.1f} s."


def standing(environment: Environment) -> Propagation:
    """Return how far the newest revision of an environment has come; three queries."""
    row = RulesetRevision.objects.filter(environment=environment).first()
    revision, changed_at = (row.revision, row.changed_at) if row else (0, None)
    present = _present(environment)
    have = [one for one in present if one.revision is not None and one.revision >= revision]
    behind = [one for one in present if one not in have]
    times = [one.reached_at for one in have if one.reached_at is not None]
    # Who came after the change has it from the start, which says nothing of how long it takes.
    waited = [at for at in times if changed_at is not None and at >= changed_at]
    return Propagation(
        revision=revision,
        changed_at=changed_at,
        total=len(present),
        reached=len(have),
        after=max(waited) - changed_at if waited and changed_at else None,
        stragglers=tuple(map(_straggler, behind[:SHOWN])),
        more=len(behind[SHOWN:]),
    )


def forget() -> int:
    """For the timetable: clients not heard of for a day are gone."""
    limit = timezone.now() - timedelta(days=1)
    return FlagClient.objects.filter(last_seen__lt=limit).delete()[0]


def _present(environment: Environment) -> list[FlagClient]:
    """Clients that are there, the longest silent first."""
    recently = timezone.now() - PRESENT - timedelta(seconds=counting.FLUSH_SECONDS)
    there = Q(connected=True) | Q(last_seen__gte=recently)
    return list(FlagClient.objects.filter(there, environment=environment).order_by("last_seen"))


def _straggler(client: FlagClient) -> Straggler:
    named = f"{client.application} ({client.instance})" if client.application else client.instance
    return Straggler(named, client.get_protocol_display(), client.revision, client.last_seen)
