"""Questions of people to a target around a run: asked, judged, written down.

Refused
├── CheckMissed
└── CheckNotAnswered
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import psycopg
from django.db.models import Q
from django.db.models.functions import Now

from migrations_runner import checks_sql
from migrations_runner.failures import told
from migrations_runner.ledger import Connection
from migrations_runner.models import CheckResult, MigrationRun, ScriptCheck
from migrations_runner.progress import patiently
from releases.models import Verdict
from releases.refusals import Refused

#: So long may one of them take.
LIMIT_MS = 10_000


class CheckMissed(Refused):
    """A check of this release did not come out as it has to."""


class CheckNotAnswered(Refused):
    """A check of this release had no answer, which is not a pass."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`value` is None where there is none; `why` says so."""

    value: int | None
    milliseconds: float
    why: str = ""


def of_run(run: MigrationRun) -> list[ScriptCheck]:
    """The release's checks, and those of the scripts that are in this run."""
    if run.release_id is None:
        return []
    scripts = run.scripts.exclude(script=None).values("script")
    chosen = ScriptCheck.objects.filter(release=run.release_id).filter(
        Q(script=None) | Q(script__in=scripts)
    )
    return patiently(lambda: list(chosen.order_by("position", "name")))


def ask(connection: Connection, check: ScriptCheck, *, limit_ms: int = LIMIT_MS) -> Answer:
    """One number, read within whatever transaction is open and without leaving a trace."""
    began = time.perf_counter()
    value, why = None, ""
    try:
        checks_sql.refuse_unless_select(check.sql)
        with connection.transaction(force_rollback=True):
            connection.execute(
                "SELECT set_config('transaction_read_only', 'on', true),"
                " set_config('statement_timeout', %s, true),"
                " set_config('lock_timeout', '2s', true)",
                [f"{limit_ms}ms"],
            )
            value, why = _number(connection.execute(check.sql.encode()))
    except checks_sql.NotASelect as refused:
        why = refused.message
    except psycopg.Error as error:
        if connection.closed:
            raise
        why = told(error)
    return Answer(value, (time.perf_counter() - began) * 1000, why)


def _number(cursor: psycopg.Cursor[tuple[object, ...]]) -> tuple[int | None, str]:
    rows = cursor.fetchmany(2)
    if len(rows) != 1 or len(rows[0]) != 1:
        return None, "It did not answer one row with one column."
    try:
        number = int(str(rows[0][0]))
    except ValueError:
        return None, "It did not answer a whole number."
    return (number, "") if abs(number) < 2**63 else (None, "The number is too large to be kept.")


def judge(check: ScriptCheck, answer: Answer, baseline: int | None) -> tuple[Verdict, str]:
    """What the answer means, and in words."""
    value = answer.value
    if value is None:
        return Verdict.INCONCLUSIVE, f"“{check.name}” had no answer: {answer.why}"
    wanted = {
        ScriptCheck.Expectation.ZERO: (value == 0, "it has to be 0"),
        ScriptCheck.Expectation.BASELINE: (value == baseline, f"before the run it was {baseline}"),
        ScriptCheck.Expectation.AT_LEAST: (
            value >= (check.number or 0),
            f"it has to be at least {check.number}",
        ),
        ScriptCheck.Expectation.ANY: (True, "noted"),
    }
    good, words = wanted[ScriptCheck.Expectation(check.expectation)]
    if check.expectation == ScriptCheck.Expectation.BASELINE and baseline is None:
        return Verdict.INCONCLUSIVE, f"“{check.name}” is {value}; nobody asked before the run."
    return Verdict.PASS if good else Verdict.FAIL, f"“{check.name}” is {value}; {words}."


def keep(
    run: MigrationRun,
    check: ScriptCheck,
    answer: Answer,
    verdict: Verdict,
    words: str,
    *,
    phase: str = "",
    baseline: int | None = None,
) -> None:
    """Write an answer down; asked again in the same run, the newest one stands."""
    patiently(
        partial(
            CheckResult.objects.update_or_create,
            run=run,
            check_asked=check,
            phase=phase or check.phase,
            defaults={
                "name": check.name,
                "value": answer.value,
                "baseline": baseline,
                "verdict": verdict,
                "summary": words[:500],
                "milliseconds": answer.milliseconds,
                "query_hash": checks_sql.digest(check.sql),
                "at": Now(),
            },
        )
    )


def baseline_of(run: MigrationRun, check: ScriptCheck) -> int | None:
    """What this check's question was answered with before the run's first script."""
    before = CheckResult.objects.filter(
        run=run, check_asked=check, phase=ScriptCheck.Phase.PRE
    ).values_list("value", flat=True)
    return patiently(before.first)


def refuse(found: Sequence[tuple[Verdict, str]], stands: str) -> None:
    """Raises CheckMissed or CheckNotAnswered; `stands` says what became of the scripts."""
    missed = [words for verdict, words in found if verdict == Verdict.FAIL]
    if missed:
        raise CheckMissed(f"{' '.join(missed)} {stands}")
    silent = [words for verdict, words in found if verdict == Verdict.INCONCLUSIVE]
    if silent:
        raise CheckNotAnswered(f"{' '.join(silent)} {stands}")
