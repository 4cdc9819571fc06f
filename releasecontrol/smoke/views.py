"""The page of a release's smoke tests: what each asks, what it last told, and "Run all"."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib import messages
from django.db.models import F, Window
from django.db.models.functions import RowNumber
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from monitoring import smoke
from monitoring.models import SmokeRun, SmokeTest
from releasecontrol.board.access import needs
from releasecontrol.board.machines import VERDICT_TONES
from releases.models import Release, Verdict
from releases.timeline import Actor

_RESULTS_SHOWN = 5


@dataclass(frozen=True)
class Result:
    """One execution with its verdict in words."""

    run: SmokeRun
    word: str
    tone: str


@dataclass(frozen=True)
class Row:
    """One test, the last times it was run, and what it needs that is not set here."""

    test: SmokeTest
    results: list[Result]
    unset: tuple[str, ...]

    @property
    def last(self) -> Result | None:
        return self.results[0] if self.results else None


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@needs("monitoring.view_smoketest")
def smoke_tests(request: HttpRequest, slug: str) -> HttpResponse:
    """Show the tests of a release; a POST sends all of them, in order."""
    release = get_object_or_404(Release, slug=slug)
    if request.method == "POST":
        return _run_all(request, release)
    rows = _rows(release)
    ran = [row.last.run.verdict for row in rows if row.last is not None]
    context = {"release": release, "rows": rows, "said": smoke.in_words(ran), "ran": bool(ran)}
    return render(request, "smoke/list.html", context)


@require_POST
@needs(smoke.PERMISSION)
def run_one(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Send one test alone."""
    tests = SmokeTest.objects.select_related("release")
    test = get_object_or_404(tests, pk=pk, release__slug=slug)
    run = smoke.run_smoke_test(test=test, actor=Actor.person(request.user))
    _say(request, [run.verdict], f"{test}: {run.summary}")
    return redirect("smoke", slug)


def _run_all(request: HttpRequest, release: Release) -> HttpResponse:
    try:
        done = smoke.run_suite(release=release, actor=Actor.person(request.user))
    except (smoke.NothingToRun, smoke.SuiteRunsAlready) as refused:
        messages.error(request, refused.message)
    else:
        verdicts = [run.verdict for run in done]
        _say(request, verdicts, f"Smoke tests: {smoke.in_words(verdicts)}.")
    return redirect("smoke", release.slug)


def _say(request: HttpRequest, verdicts: list[str], words: str) -> None:
    if Verdict.FAIL in verdicts:
        messages.error(request, words)
    elif Verdict.INCONCLUSIVE in verdicts:
        messages.warning(request, words)
    else:
        messages.success(request, words)


def _rows(release: Release) -> list[Row]:
    """Two queries, however many tests and results there are."""
    tests = list(SmokeTest.objects.filter(release=release))
    nth = Window(RowNumber(), partition_by=F("smoke_test"), order_by=F("id").desc())
    newest = SmokeRun.objects.filter(smoke_test__in=tests).annotate(nth=nth)
    results: dict[int, list[Result]] = {test.pk: [] for test in tests}
    for run in newest.filter(nth__lte=_RESULTS_SHOWN).order_by("-id"):
        known = Verdict(run.verdict)
        results[run.smoke_test_id].append(Result(run, known.label, VERDICT_TONES[known]))
    return [Row(test, results[test.pk], smoke.unset_variables(test)) for test in tests]
