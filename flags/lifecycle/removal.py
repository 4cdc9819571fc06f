"""What has to be true before a flag can go, asked of what is known: yes, not yet, cannot tell."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Max
from django.utils import timezone

from flags.core.exposure import lets_anybody_in
from flags.core.specs import FlagSpec, flag_from
from flags.models import Flag, FlagState, RulesetEntry
from flags.states import ChangeState
from releases import evidence
from releases.models import Verdict

QUIET = timedelta(days=7)
"""How long nobody may have asked, and how old a scan of the code may be."""


@dataclass(frozen=True)
class Step:
    """One thing that has to be true, what is known of it, and what to do about it."""

    text: str
    verdict: Verdict
    said: str

    @property
    def tone(self) -> str:
        return {Verdict.PASS: "good", Verdict.FAIL: "bad"}.get(self.verdict, "warn")

    @property
    def word(self) -> str:
        return {Verdict.PASS: "Yes", Verdict.FAIL: "Not yet"}.get(self.verdict, "Cannot tell")


def steps(flag: Flag) -> list[Step]:
    """Return the steps in the order in which people take them; a handful of queries."""
    return [
        *_same_for_everybody(flag),
        _gone_from_code(flag),
        _quiet(flag),
        _nothing_stands_on_it(flag),
        _nothing_waits(flag),
        _archived(flag),
    ]


def _same_for_everybody(flag: Flag) -> Iterator[Step]:
    entries = RulesetEntry.objects.filter(
        kind=RulesetEntry.Kind.FLAG, key=flag.key, current=True
    ).select_related("environment")
    for entry in entries:
        if entry.document is None:
            continue
        spec = flag_from(entry.document)
        settled = _one_answer(spec)
        yield Step(
            f"Everybody on {entry.environment} gets the same answer",
            Verdict.PASS if settled else Verdict.FAIL,
            settled or "Turn the dial to 0 or 100 %, and take rules and overrides away.",
        )


def _one_answer(spec: FlagSpec) -> str:
    """The answer that everybody gets, or nothing where it depends on who asks."""
    if not lets_anybody_in(spec):
        return f"All get “{spec.off_variant}”."
    shares = [variant.name for variant in spec.variants if variant.weight]
    decided_apart = spec.rules or spec.overrides or spec.requires
    if spec.dial == 100_000 and not decided_apart and len(shares) == 1:  # noqa: PLR2004
        return f"All get “{shares[0]}”."
    return ""


def _gone_from_code(flag: Flag) -> Step:
    seen = evidence.latest(flag, max_age=QUIET)
    text = "No code names it"
    if seen is None or "scan" not in seen.numbers:
        return Step(text, Verdict.INCONCLUSIVE, "Scan the code: manage.py scan_flags PATH.")
    places = ", ".join(seen.numbers.get("places", [])[:3])
    return Step(text, Verdict(seen.verdict), f"{seen.summary} {places}".strip())


def _quiet(flag: Flag) -> Step:
    text = f"Nobody has asked for it for {QUIET.days} days"
    last = FlagState.objects.filter(flag=flag).aggregate(last=Max("last_evaluated_at"))["last"]
    if last is None:
        young = timezone.now() - flag.created_at < QUIET
        verdict = Verdict.INCONCLUSIVE if young else Verdict.PASS
        return Step(text, verdict, "It was never asked for.")
    quiet = timezone.now() - last > QUIET
    said = f"Last asked for on {last:%Y-%m-%d %H:%M} UTC."
    return Step(text, Verdict.PASS if quiet else Verdict.FAIL, said)


def _nothing_stands_on_it(flag: Flag) -> Step:
    above = [one.flag.key for one in flag.required_by.select_related("flag")]
    said = f"Required by {', '.join(above)}." if above else "No other flag requires it."
    return Step("No flag stands on it", Verdict.FAIL if above else Verdict.PASS, said)


def _nothing_waits(flag: Flag) -> Step:
    waiting = {"state": ChangeState.WAITING}
    count = sum(
        state.proposals.filter(**waiting).count() + state.scheduled.filter(**waiting).count()
        for state in flag.states.all()
    )
    said = f"{count} wait." if count else "Nothing is proposed or scheduled."
    return Step("No change of it waits", Verdict.FAIL if count else Verdict.PASS, said)


def _archived(flag: Flag) -> Step:
    if flag.archived_at is None:
        return Step("It is archived", Verdict.FAIL, "Archive it when the rest is true.")
    return Step("It is archived", Verdict.PASS, f"Since {flag.archived_at:%Y-%m-%d}.")
