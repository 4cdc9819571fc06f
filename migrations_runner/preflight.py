"""Before the first script: the release's own questions, and what they answer for comparison."""

from __future__ import annotations

from migrations_runner import own_checks
from migrations_runner.models import ScriptCheck
from migrations_runner.work import RunAtWork
from releases.models import Verdict


def ask(at_work: RunAtWork) -> None:
    """PREFLIGHT: raises CheckMissed or CheckNotAnswered; nothing was run then."""
    run, found = at_work.run, []
    at_work.checks = own_checks.of_run(run)
    for check in (each for each in at_work.checks if each.phase == ScriptCheck.Phase.PRE):
        answer = own_checks.ask(at_work.observer(), check)
        verdict, words = own_checks.judge(check, answer, None)
        own_checks.keep(run, check, answer, verdict, words)
        found.append((verdict, words))
    found += [
        _baseline(at_work, check)
        for check in at_work.checks
        if check.phase == ScriptCheck.Phase.POST
        and check.expectation == ScriptCheck.Expectation.BASELINE
    ]
    own_checks.refuse(found, "Nothing was run.")


def _baseline(at_work: RunAtWork, check: ScriptCheck) -> tuple[Verdict, str]:
    """A run that goes on where a worker died keeps the first answer."""
    known = own_checks.baseline_of(at_work.run, check)
    if known is not None:
        return Verdict.PASS, ""
    answer = own_checks.ask(at_work.observer(), check)
    if answer.value is None:
        return Verdict.INCONCLUSIVE, f"“{check.name}” had no answer: {answer.why}"
    words = f"Before the run “{check.name}” is {answer.value}."
    own_checks.keep(at_work.run, check, answer, Verdict.PASS, words, phase=ScriptCheck.Phase.PRE)
    return Verdict.PASS, words
