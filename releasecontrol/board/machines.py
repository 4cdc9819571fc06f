"""What machines do and see for a release: runs, scripts, smoke tests, guardrails."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery

from migrations_runner.models import MigrationRun, MigrationScript
from migrations_runner.states import LIVE, RunState, StepState
from monitoring.models import Guardrail, SmokeRun, SmokeTest
from releases.models import Release, Verdict

VERDICT_TONES = {Verdict.PASS: "good", Verdict.FAIL: "bad", Verdict.INCONCLUSIVE: "warn"}
_PASSED_BY = frozenset({StepState.APPLIED, StepState.SKIPPED})
_UNSETTLED = (*LIVE, RunState.AWAITING_APPROVAL)
_SHOWN = 4


def runs(release: Release) -> QuerySet[MigrationRun]:
    """The runs under way, then the last ones, each with `done` and `total` scripts. One query."""
    return (
        MigrationRun.objects.filter(release=release)
        .exclude(state=RunState.DRAFT)
        .select_related("target")
        .annotate(
            total=Count("scripts"),
            done=Count("scripts", filter=Q(scripts__state__in=_PASSED_BY)),
            under_way=Count("id", filter=Q(state__in=_UNSETTLED), distinct=True),
        )
        .order_by("-under_way", "-id")[:_SHOWN]
    )


def scripts_without_text(release: Release) -> list[str]:
    """Names of the scripts that await their file, in order. One query."""
    return list(
        MigrationScript.objects.filter(release=release, text="").values_list("name", flat=True)
    )


@dataclass(frozen=True)
class Smoke:
    """A smoke test with its latest verdict; "Not run yet" where there is none."""

    test: SmokeTest
    word: str
    tone: str
    summary: str


def smoke_tests(release: Release) -> list[Smoke]:
    """Every smoke test of the release with what it said last. One query."""
    last = SmokeRun.objects.filter(smoke_test=OuterRef("pk")).order_by("-id")
    tests = SmokeTest.objects.filter(release=release).annotate(
        last_verdict=Subquery(last.values("verdict")[:1]),
        last_summary=Subquery(last.values("summary")[:1]),
    )
    return [_smoke(test, test.last_verdict, test.last_summary) for test in tests]


def _smoke(test: SmokeTest, verdict: str | None, summary: str | None) -> Smoke:
    if verdict not in set(Verdict):
        return Smoke(test, "Not run yet", "quiet", "")
    known = Verdict(verdict)
    return Smoke(test, known.label, VERDICT_TONES[known], summary or "")


def guardrails(release: Release) -> list[Guardrail]:
    return list(Guardrail.objects.filter(release=release))
