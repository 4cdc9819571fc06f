"""Running smoke tests: one request each, its verdict, and what is kept of it.

A test whose variables are not set, or whose address may not be called, is inconclusive: nothing
was sent, so nothing is known. Nobody answering is a fail: that is what a smoke test is for. What
came of it is written after the last request, in one transaction; a process that ends before leaves
no verdict, and no verdict is never a pass.

Refused
├── SuiteRunsAlready
└── NothingToRun
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from django.db import DatabaseError, connection, transaction
from django.db.models.functions import Now

from monitoring import outbound, smoke_request
from monitoring.models import SmokeRun, SmokeTest
from monitoring.outbound import OutboundRefused, Unreachable
from monitoring.smoke_request import CannotTell, Filled, Made
from releases import evidence, timeline
from releases.models import Release, Verdict
from releases.redaction import MASK, redact
from releases.refusals import Refused
from releases.timeline import Actor

PERMISSION = "monitoring.run_smoketest"
SUITE_SECONDS = 90.0
KEPT = 2000
_LOCK = 7317  # first key of the advisory lock that keeps a release's suite from running twice
_SHORTEST_SECRET = 4
#: ``$TOKEN`` in a test stands for SMOKE_TOKEN of the environment, and for nothing else: tests are
#: written and imported by many, and no other secret of this process is theirs to send.
PREFIX = "SMOKE_"


class SuiteRunsAlready(Refused):
    """The smoke tests of this release are being run right now; nothing was sent."""


class NothingToRun(Refused):
    """This release has no smoke tests; nothing was sent."""


@dataclass(frozen=True)
class Result:
    """What one request told, masked; `answer` is what later tests may take an id from."""

    verdict: Verdict
    summary: str
    status: int | None = None
    milliseconds: float | None = None
    answer: str = field(default="", repr=False)
    shown: str = ""


def run_smoke_test(
    *, test: SmokeTest, actor: Actor, variables: Mapping[str, str] | None = None
) -> SmokeRun:
    """Send one test and keep what came. Raises NotPermitted."""
    actor.require(PERMISSION)
    result = _try(test, known_variables() if variables is None else variables, {})
    with transaction.atomic():
        run = _keep(test, result, actor)
        timeline.record(
            actor=actor,
            verb="smoke.run",
            subject=test,
            release=test.release,
            data={"note": f"{result.verdict.label}: {result.summary}"},
        )
    return run


def run_suite(
    *, release: Release, actor: Actor, variables: Mapping[str, str] | None = None
) -> list[SmokeRun]:
    """Send every test of a release in order and keep what came.

    Raises NotPermitted, NothingToRun, SuiteRunsAlready.
    """
    actor.require(PERMISSION)
    with _only_one(release):
        tests = list(release.smoke_tests.all())
        if not tests:
            raise NothingToRun
        results = _send_all(tests, known_variables() if variables is None else variables)
        return _keep_all(release, list(zip(tests, results, strict=True)), actor)


def known_variables() -> Mapping[str, str]:
    """What ``$NAME`` may stand for: the variables of this process that begin with SMOKE_."""
    return {
        name.removeprefix(PREFIX): value
        for name, value in os.environ.items()
        if name.startswith(PREFIX)
    }


def unset_variables(test: SmokeTest) -> tuple[str, ...]:
    """The variables of a test that have no value here."""
    known = known_variables()
    return tuple(name for name in _references(test) if not known.get(name))


# --- Sending ----------------------------------------------------------------------------------
def _send_all(tests: Sequence[SmokeTest], variables: Mapping[str, str]) -> list[Result]:
    made: dict[str, Made] = {}
    deadline = time.monotonic() + SUITE_SECONDS
    results = []
    for test in tests:
        if time.monotonic() > deadline:
            late = f"Not sent: the tests before it took longer than {SUITE_SECONDS:.0f} s."
            results.append(Result(Verdict.INCONCLUSIVE, late))
            continue
        result = _try(test, variables, made)
        results.append(result)
        if test.method == "POST" and result.verdict == Verdict.PASS:
            found = smoke_request.created(test.url, result.answer)
            if found is not None:
                made[found[0]] = Made(found[1], test.name)
    return results


def _try(test: SmokeTest, variables: Mapping[str, str], made: Mapping[str, Made]) -> Result:
    secrets = [variables.get(name, "") for name in _references(test)]
    try:
        filled = _filled(test, variables, made)
        answer = outbound.send(
            outbound.Request(test.method, filled.url, filled.headers, filled.body)
        )
        return _judged(test, filled, answer, secrets)
    except (CannotTell, OutboundRefused) as unknown:
        return Result(Verdict.INCONCLUSIVE, _masked(unknown.message, secrets))
    except Unreachable as failed:
        return Result(Verdict.FAIL, _masked(failed.message, secrets))


def _filled(test: SmokeTest, variables: Mapping[str, str], made: Mapping[str, Made]) -> Filled:
    smoke_request.expects(test.expected_status, 200)  # an unclear expectation sends nothing
    return smoke_request.fill(
        url=test.url, headers=_headers(test), body=test.body, variables=variables, made=made
    )


def _references(test: SmokeTest) -> tuple[str, ...]:
    return smoke_request.references(test.url, *_headers(test).values(), test.body)


def _headers(test: SmokeTest) -> dict[str, str]:
    given = test.headers if isinstance(test.headers, dict) else {}
    return {str(name): str(value) for name, value in given.items()}


def _judged(
    test: SmokeTest, filled: Filled, answer: outbound.Answer, secrets: Sequence[str]
) -> Result:
    verdict, said = _verdict(test, answer)
    took = f"{answer.status} in {answer.milliseconds:.0f} ms."
    return Result(
        verdict=verdict,
        summary=_masked(" ".join([took, said, *filled.said]).replace("  ", " "), secrets),
        status=answer.status,
        milliseconds=answer.milliseconds,
        answer=answer.text,
        shown=_masked(answer.text, secrets)[:KEPT],
    )


def _verdict(test: SmokeTest, answer: outbound.Answer) -> tuple[Verdict, str]:
    if not smoke_request.expects(test.expected_status, answer.status):
        leads = answer.headers.get("Location", "")
        where = f" It leads to {leads}, which is not followed." if leads else ""
        return Verdict.FAIL, f"Expected {test.expected_status}.{where}"
    if test.expected_text and test.expected_text not in answer.text:
        if answer.cut:
            return Verdict.INCONCLUSIVE, f"“{test.expected_text}” is not in the first 256 KiB."
        return Verdict.FAIL, f"“{test.expected_text}” is not in the answer."
    return Verdict.PASS, ""


def _masked(text: str, secrets: Sequence[str]) -> str:
    """Without the values that were filled in, nor anything else that looks like a secret."""
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, MASK)
    return redact(text[: 2 * KEPT]).strip()


# --- Keeping ----------------------------------------------------------------------------------
@transaction.atomic
def _keep_all(
    release: Release, results: Sequence[tuple[SmokeTest, Result]], actor: Actor
) -> list[SmokeRun]:
    runs = [_keep(test, result, actor) for test, result in results]
    verdicts = [result.verdict for _, result in results]
    timeline.record(
        actor=actor,
        verb="smoke.run_suite",
        subject=release,
        release=release,
        data={"note": in_words(verdicts), **{str(one): verdicts.count(one) for one in Verdict}},
    )
    return runs


def _keep(test: SmokeTest, result: Result, actor: Actor) -> SmokeRun:
    run = SmokeRun(
        smoke_test=test,
        at=Now(),
        by_name=actor.name[:150],
        verdict=result.verdict,
        status=result.status,
        milliseconds=result.milliseconds,
        summary=result.summary[:500],
        response_start=result.shown,
    )
    run.save(force_insert=True)
    run.refresh_from_db(fields=["at"])  # the database's clock
    evidence.record(
        subject=test,
        release=test.release,
        verdict=result.verdict,
        summary=f"{test}: {result.summary}",
        numbers={"status": result.status, "milliseconds": result.milliseconds},
    )
    return run


def in_words(verdicts: Sequence[str]) -> str:
    """How many passed, failed and can't be told.

    >>> in_words([Verdict.PASS, Verdict.FAIL, Verdict.PASS])
    '2 passed, 1 failed'
    """
    counts = (
        (verdicts.count(Verdict.PASS), "passed"),
        (verdicts.count(Verdict.FAIL), "failed"),
        (verdicts.count(Verdict.INCONCLUSIVE), "cannot tell"),
    )
    return ", ".join(f"{count} {word}" for count, word in counts if count) or "nothing was run"


@contextmanager
def _only_one(release: Release) -> Iterator[None]:
    """Held by our database session, so a process that dies lets go of it."""
    keys = [_LOCK, release.pk % 2**31]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", keys)
        row = cursor.fetchone()
    if not row or not row[0]:
        raise SuiteRunsAlready
    try:
        yield
    finally:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", keys)
        except DatabaseError:
            connection.close()  # the lock ends with the session
