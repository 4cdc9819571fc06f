"""Reports on targets: asking for one, keeping them fresh, and what they say in plain words.

The web reads the row and never connects; a worker looks (`target_looks.look`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from migrations_runner import fingerprints, pokes
from migrations_runner.models import AppliedScript, MigrationRun, TargetReport
from migrations_runner.states import AT_WORK
from releases import timeline
from releases.models import TargetDatabase
from releases.states import ReleaseState
from releases.timeline import Actor

#: A report on a target of a live release is looked at again when it is older than that.
FRESH: Final = timedelta(minutes=5)
#: An ask that nobody answered in that time is asked again: the poke may be lost.
PATIENCE: Final = timedelta(seconds=30)
_CLOCKS_AGREE: Final = 2.0
_LIVE: Final = (ReleaseState.READY, ReleaseState.IN_PROGRESS, ReleaseState.ROLLING_OUT)
#: As many rows of a ledger as a report holds: with more, what is missing cannot be told.
_LEDGER_ROWS: Final = 500


@transaction.atomic
def ask(*, target: TargetDatabase, actor: Actor) -> TargetReport:
    """Have a worker look at the target. While one is asked and silent, this is the same ask.

    Raises NotPermitted.
    """
    actor.require("migrations_runner.queue_run")
    TargetReport.objects.get_or_create(target=target)
    report = TargetReport.objects.select_for_update(of=("self",), no_key=True).get(target=target)
    if _unanswered().filter(pk=report.pk, asked_at__gte=Now() - PATIENCE).exists():
        return report
    TargetReport.objects.filter(pk=report.pk).update(asked_at=Now(), asked_by=actor.name[:150])
    report.refresh_from_db(fields=["asked_at", "asked_by"])
    timeline.record(
        actor=actor, verb="target.look", subject=target, environment=target.environment, data={}
    )
    transaction.on_commit(lambda: pokes.poke_look(target.pk))
    return report


def refresh() -> int:
    """For the timetable: look again at targets of live releases, and at asks left unanswered.

    And at what a run has changed since: lint has to know the tables that it left.
    """
    stale = Q(report__at__isnull=True) | Q(report__at__lt=Now() - FRESH)
    silent = Q(report__asked_at__isnull=True) | Q(report__asked_at__lt=Now() - PATIENCE)
    live = Q(runs__release__state__in=_LIVE)
    lost = Q(report__in=_unanswered())
    changed = Q(runs__finished_at__gt=F("report__at"))
    found = TargetDatabase.objects.filter(silent & (lost | changed | (live & stale)))
    due = list(found.distinct().values_list("pk", flat=True))
    for target_id in due:
        TargetReport.objects.update_or_create(target_id=target_id, defaults={"asked_at": Now()})
        pokes.poke_look(target_id)
    return len(due)


def _unanswered() -> Any:
    silent = Q(at__isnull=True) | Q(at__lt=F("asked_at"))
    return TargetReport.objects.filter(silent, asked_at__isnull=False)


@dataclass(frozen=True)
class Fact:
    """One line of a report; `tone` is good, warn, bad or quiet."""

    label: str
    value: str
    tone: str = "quiet"


@dataclass(frozen=True)
class Session:
    """Somebody else on the database; `run` is the number of the run whose session it is."""

    pid: int
    user: str
    application: str
    state: str
    transaction_seconds: float | None
    seconds: float | None
    query: str
    run: int | None
    blocked_by: tuple[int, ...]


@dataclass(frozen=True)
class Waiting:
    """A lock that somebody waits for."""

    pid: int
    mode: str
    on: str
    seconds: float | None
    blocked_by: tuple[int, ...]


@dataclass(frozen=True)
class Shown:
    """A report in plain words. `at` is the last look, `seen_at` the last one that succeeded.

    `drift` None is "cannot tell", for the reason in `drift_unknown`.
    """

    at: datetime | None
    ok: bool | None
    error: str
    seen_at: datetime | None
    facts: list[Fact] = field(default_factory=list)
    sessions: list[Session] = field(default_factory=list)
    waiting: list[Waiting] = field(default_factory=list)
    ledger: list[str] = field(default_factory=list)
    drift: list[str] | None = None
    drift_unknown: str = ""


def shown(report: TargetReport) -> Shown:
    """The report as a page shows it."""
    facts = report.facts
    drift, unknown = _drift(report)
    return Shown(
        at=report.at,
        ok=report.ok,
        error=report.error,
        seen_at=datetime.fromisoformat(facts["seen_at"]) if facts else None,
        facts=[_version(facts), *_connection(facts), *_rights(facts)] if facts else [],
        sessions=[_session(each) for each in report.sessions],
        waiting=[_waiting(each) for each in facts.get("waiting", ())],
        ledger=_ledger_differences(report),
        drift=drift,
        drift_unknown=unknown,
    )


def _version(facts: dict[str, Any]) -> Fact:
    identity = facts["identity"]
    what = f"PostgreSQL {facts['version']}, database {facts['database']} on system"
    return Fact("Server", f"{what} {identity['system']}, as {facts['user']}", "good")


def _connection(facts: dict[str, Any]) -> list[Fact]:
    tls, skew = facts["tls"], facts["skew_seconds"]
    words = f"{tls['version']}, {tls['cipher']}" if tls.get("ssl") else "not encrypted"
    apart = f"{abs(skew):.2f} s {'ahead of' if skew > 0 else 'behind'} ours"
    megabytes = f"{facts['bytes'] / 1_000_000:,.0f} MB"
    return [
        Fact("TLS", words, "good" if tls.get("ssl") else "warn"),
        Fact("Session", "Stays ours: no pooler takes it apart.", "good"),
        Fact("Clock", apart, "good" if abs(skew) <= _CLOCKS_AGREE else "warn"),
        Fact("Size", megabytes),
        Fact("Connections", f"{facts['connections']} of {facts['max_connections']}"),
        Fact("Extensions", ", ".join(f"{n} {v}" for n, v in (facts["extensions"] or {}).items())),
        *_obstacles(facts),
    ]


def _obstacles(facts: dict[str, Any]) -> list[Fact]:
    """What only gets a line where it stands in the way."""
    found = []
    if facts["standby"]:
        found.append(Fact("Standby", "Read only: no script can run here.", "bad"))
    if not facts["tables_seen"]:
        locked = "Not read this time: somebody holds a lock. Shown as seen before."
        found.append(Fact("Tables", locked, "warn"))
    return found


def _rights(facts: dict[str, Any]) -> list[Fact]:
    may = facts["privileges"]
    others = may["tables_of_others"]
    owned = f"{others} tables belong to other roles: it can't change those." if others else "All."
    watched = facts["watches_the_client"]
    return [
        _right("Makes the ledger's schema", may["creates_schemas"], "It needs CREATE once."),
        Fact("Owns the tables", owned, "warn" if others else "good"),
        _right("Ends lost sessions by itself", watched, "The reaper ends them a little later."),
        _right(
            "Sees what others run", may["reads_all_stats"], "Grant pg_monitor to name blockers."
        ),
        _right("Replication", may["replication"], "Not needed."),
    ]


def _right(label: str, held: bool, otherwise: str) -> Fact:  # noqa: FBT001  (a fact, no switch)
    return Fact(label, "Yes." if held else f"No. {otherwise}", "good" if held else "quiet")


def _session(row: dict[str, Any]) -> Session:
    return Session(**{**row, "state": row["state"] or "", "blocked_by": tuple(row["blocked_by"])})


def _waiting(row: dict[str, Any]) -> Waiting:
    return Waiting(**{**row, "blocked_by": tuple(row["blocked_by"])})


def _drift(report: TargetReport) -> tuple[list[str] | None, str]:
    """What somebody else changed since our last run, or why that cannot be told."""
    now, left = report.fingerprint.get("parts"), report.left.get("parts")
    if now is None:
        return None, "Nobody has seen its schema yet."
    if left is None:
        return None, "No run of ours has left a fingerprint of it."
    latest = MigrationRun.objects.filter(target=report.target, started_at__isnull=False).first()
    if latest is not None and latest.state in AT_WORK:
        return None, f"Run {latest.pk} is at work."
    if latest is not None and latest.pk != report.left_by_id:
        return None, f"Run {latest.pk} came later and left no fingerprint."
    return fingerprints.difference(left, now), ""


def _ledger_differences(report: TargetReport) -> list[str]:
    """Where the target's ledger and what we remember of it do not agree, in words."""
    rows = report.facts.get("ledger")
    if rows is None or _ran_since(report):
        return []
    there = {_name(row): row["sha256"] for row in rows if row["state"] == "applied"}
    begun = [_name(row) for row in rows if row["state"] == "started"]
    ours = dict(AppliedScript.objects.filter(target=report.target).values_list("name", "sha256"))
    gone = ours.keys() - there - set(begun) if len(rows) < _LEDGER_ROWS else set()
    return sorted(
        [f"{name} is half done there." for name in begun]
        + [f"{name} stands there, and nothing here knows of it." for name in there.keys() - ours]
        + [f"{name} is not there any more." for name in gone]
        + [
            f"{name} stands there with another text than we remember."
            for name in there.keys() & ours
            if there[name] != ours[name]
        ]
    )


def _ran_since(report: TargetReport) -> bool:
    """Was a run at work during or after the last look? Then it tells nothing of the ledger now."""
    runs = MigrationRun.objects.filter(target=report.target, started_at__isnull=False)
    ended_later = Q(finished_at__isnull=True) | Q(finished_at__gte=report.at)
    return runs.filter(ended_later).exists()


def _name(row: dict[str, Any]) -> str:
    """As AppliedScript has it."""
    values = f" with {row['variables'][:8]}" if row["variables"] else ""
    return f"{row['release']}/{row['name']}{values}"
