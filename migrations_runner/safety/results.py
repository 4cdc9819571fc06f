"""What the checks found, written to our own database: it stands when the script is rolled back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from django.db import transaction
from django.db.models.functions import Now

from migrations_runner.backfill.masking import masked
from migrations_runner.models import (
    CheckResult,
    IntegrityFinding,
    MigrationRun,
    RunScript,
    ScriptCheck,
)
from migrations_runner.safety.checking import Answer
from releases import evidence
from releases.models import Verdict
from releases.redaction import redact

SAMPLES = 5


def note(
    run: MigrationRun,
    name: str,
    verdict: Verdict,
    summary: str,
    *,
    rows: int | None = None,
    milliseconds: float = 0.0,
) -> None:
    """One line of the run's checks; asked again, its newest answer stands."""
    CheckResult.objects.update_or_create(
        run=run,
        check_asked=None,
        name=name[:200],
        phase=ScriptCheck.Phase.POST,
        defaults={
            "value": rows,
            "verdict": verdict,
            "summary": redact(summary)[:500],
            "milliseconds": milliseconds,
            "query_hash": hashlib.sha256(name.encode()).hexdigest(),
            "at": Now(),
        },
    )


@transaction.atomic
def record_stop(script: RunScript, answers: Sequence[Answer]) -> None:
    """A script was rolled back for these: a finding that does not stand on the target, evidence."""
    run = script.run
    for answer in answers:
        note(
            run,
            f"{script.name}: {answer.rule.key}",
            Verdict.FAIL,
            answer.words,
            rows=len(answer.keys),
            milliseconds=answer.milliseconds,
        )
        IntegrityFinding.objects.create(
            target=run.target,
            release=run.release,
            run=run,
            kind=answer.rule.kind,
            key=answer.rule.key,
            summary=f"Rolled back: {answer.words}"[:500],
            rows=len(answer.keys),
            samples=samples(answer.rule.child.key, answer.keys),
            first_seen=Now(),
            last_seen=Now(),
            resolved_at=Now(),
        )
    evidence.record(
        subject=script,
        release=run.release,
        verdict=Verdict.FAIL,
        summary=f"{script.name} was rolled back: {answers[0].words}",
        numbers={answer.rule.key: len(answer.keys) for answer in answers},
    )


def samples(columns: tuple[str, ...], keys: Sequence[str]) -> list[str]:
    """The first few keys as they may be stored; nothing of rows without a primary key."""
    if not columns:
        return []
    shown = (zip(columns, json.loads(key), strict=True) for key in keys[:SAMPLES])
    return [", ".join(f"{name} {masked(value)}" for name, value in row) for row in shown]
