"""What a look at a target found, told: findings, the hold, evidence. Called in one transaction."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.db import transaction
from django.db.models.functions import Now

from migrations_runner import holds
from migrations_runner.models import Hold, IntegrityFinding
from migrations_runner.safety import results
from migrations_runner.safety.whole import Count
from releases import evidence, timeline
from releases.models import Evidence, Release, TargetDatabase, Verdict
from releases.timeline import Actor

#: Evidence that says the same is written again after so long.
AGAIN: Final = timedelta(minutes=10)
_MACHINE: Final = Actor.machine("integrity")


def tell_rows(target: TargetDatabase, found: Count, rows: int, releases: list[Release]) -> bool:
    """Raise a finding, or bring the one that is open up to date. Are there more rows than told?"""
    facts = {
        "rows": rows,
        "summary": _words(found, rows),
        "samples": results.samples(found.rule.child.key, found.keys),
        "last_seen": Now(),
    }
    opened = IntegrityFinding.objects.filter(target=target, key=found.key, resolved_at=None)
    told = opened.values_list("rows", flat=True).first()
    if told is not None:
        opened.update(**facts)
        return rows > told
    made = IntegrityFinding.objects.create(
        target=target,
        release=releases[0] if releases else None,
        kind=found.rule.kind,
        key=found.key,
        first_seen=Now(),
        **facts,
    )
    for release in releases:
        record("finding.open", made, release)
    return True


def resolve(target: TargetDatabase, found: Count) -> None:
    opened = IntegrityFinding.objects.filter(target=target, key=found.key, resolved_at=None)
    for finding in opened.select_related("release"):
        finding.resolved_at = Now()
        finding.save(update_fields=["resolved_at"])
        record("finding.resolve", finding, finding.release)


def hold(target: TargetDatabase, grown: list[Count], releases: list[Release]) -> None:
    """Keep queued runs away; a person who lifts this is not overruled by the same rows."""
    found = IntegrityFinding.objects.filter(
        target=target, resolved_at=None, key__in=[each.key for each in grown]
    )
    try:
        with transaction.atomic():
            holds.hold(
                target=target,
                reason="; ".join(found.values_list("summary", flat=True))[:500],
                actor=_MACHINE,
                cause=Hold.Cause.INTEGRITY,
                release=releases[0] if releases else None,
            )
    except holds.AlreadyHeld:
        return


def tell(
    target: TargetDatabase, release: Release, counts: list[Count], broken: list[Count]
) -> None:
    """Evidence, when the verdict is another than before or the last one has grown old."""
    verdict, words = _verdict(target, counts, broken)
    latest = Evidence.objects.filter(
        subject=timeline.subject_of(target), release=release, at__gte=Now() - AGAIN
    )
    newest = latest.order_by("-id").first()
    if newest is not None and newest.verdict == verdict and newest.summary == words:
        return
    evidence.record(
        subject=target,
        release=release,
        verdict=verdict,
        summary=words,
        numbers={each.key: each.broken for each in counts if not each.unsure},
    )


def record(
    verb: str,
    finding: IntegrityFinding,
    release: Release | None,
    actor: Actor = _MACHINE,
    **data: str,
) -> None:
    timeline.record(
        actor=actor,
        verb=verb,
        subject=finding,
        release=release,
        environment=finding.target.environment,
        data=data,
    )


def _words(found: Count, rows: int) -> str:
    where = f" ({found.window.words})" if found.window.words else ""
    return f"{found.rule.words(rows, stands=True)}{where}"[:500]


def _verdict(
    target: TargetDatabase, counts: list[Count], broken: list[Count]
) -> tuple[Verdict, str]:
    unsure = [each for each in counts if each.unsure]
    if broken:
        told = "; ".join(_words(each, each.broken) for each in broken)
        return Verdict.FAIL, f"Rows of {target} contradict each other: {told}."[:500]
    if unsure or not counts:
        why = unsure[0].unsure if unsure else "no foreign key gives a rule"
        return Verdict.INCONCLUSIVE, f"Cannot tell whether the rows of {target} agree: {why}."
    part = any(each.window.words for each in counts)
    much = ", the largest tables part by part" if part else ""
    words = f"{len(counts)} rules from the foreign keys hold on {target}{much}."
    return Verdict.PASS, words
