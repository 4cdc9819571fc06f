"""After the scripts: the release's own questions.

Where the last script is one transaction they are asked in it, before its COMMIT: a wrong answer
rolls that script back. What is left unanswered then is asked when all is committed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from migrations_runner import own_checks
from migrations_runner.models import CheckResult, MigrationScript, ScriptCheck
from migrations_runner.own_checks import Answer
from migrations_runner.progress import patiently
from migrations_runner.work import RunAtWork, Work
from releases.models import Verdict

#: While the script's locks are held nobody waits longer for an answer.
_HELD_MS = 2_000


@contextmanager
def guard(work: Work) -> Iterator[None]:
    """Ask within the last script's transaction. Raises CheckMissed, which rolls it back."""
    yield
    # A statement or a key among several is not the end of its script.
    whole = work.script.mode == MigrationScript.Mode.SCRIPT and work.text.transactional
    if not (whole and _is_last(work)):
        return
    found = []
    for check in _after(work.run):
        answer = own_checks.ask(work.connection, check, limit_ms=_HELD_MS)
        if answer.value is not None:
            found.append(_judged(work, check, answer))
    missed = [each for each in found if each[0] == Verdict.FAIL]
    own_checks.refuse(missed, f"{work.script.name} was rolled back; what went before it stands.")


def ask(at_work: RunAtWork) -> None:
    """POSTFLIGHT: ask what is not answered yet. Raises CheckMissed or CheckNotAnswered."""
    run, found = at_work.run, []
    for check in _after(at_work):
        results = CheckResult.objects.filter(run=run, check_asked=check, phase=check.phase)
        if patiently(results.exclude(verdict=Verdict.FAIL).exists):
            continue
        answer = own_checks.ask(at_work.observer(), check)
        baseline = own_checks.baseline_of(run, check)
        verdict, words = own_checks.judge(check, answer, baseline)
        own_checks.keep(run, check, answer, verdict, words, baseline=baseline)
        found.append((verdict, words))
    own_checks.refuse(found, "Every script is committed and stands.")


def _judged(work: Work, check: ScriptCheck, answer: Answer) -> tuple[Verdict, str]:
    run = work.run.run
    baseline = own_checks.baseline_of(run, check)
    verdict, words = own_checks.judge(check, answer, baseline)
    if verdict == Verdict.FAIL and check.expectation == ScriptCheck.Expectation.BASELINE:
        verdict, words = _unless_live(work, check, answer, words)
    own_checks.keep(run, check, answer, verdict, words, baseline=baseline)
    return verdict, words


def _unless_live(work: Work, check: ScriptCheck, answer: Answer, words: str) -> tuple[Verdict, str]:
    """A run of one script: has the number moved for everybody, or only for this script?"""
    if patiently(work.run.run.scripts.count) > 1:
        return Verdict.FAIL, words
    twice = [own_checks.ask(work.run.observer(), check, limit_ms=_HELD_MS) for _ in range(2)]
    values = {each.value for each in twice}
    if answer.value in values:
        return Verdict.PASS, f"{words} Live writes moved it: it is that without the script too."
    if None in values or len(values) > 1:
        return Verdict.INCONCLUSIVE, f"Cannot tell: live writes. {words}"
    return Verdict.FAIL, words


def _is_last(work: Work) -> bool:
    return work.script.position == work.run.scripts[-1].position


def _after(at_work: RunAtWork) -> list[ScriptCheck]:
    return [check for check in at_work.checks if check.phase == ScriptCheck.Phase.POST]
