"""What an undo would do, without doing it: a worker looks, the answer is kept as evidence.

Only counts and masked keys leave the target. They are as of the moment of the look; the undo itself
looks again, with the rows locked.
"""

from __future__ import annotations

from dataclasses import asdict

import psycopg
from django.db.models.functions import Now

from migrations_runner.failures import told
from migrations_runner.ledger import Connection
from migrations_runner.models import MigrationRun
from migrations_runner.undo import restoring, store, todo
from migrations_runner.undo.refusals import NothingToUndo
from migrations_runner.undo.todo import Count
from releases import targets
from releases.models import Evidence, Verdict
from releases.redaction import redact
from releases.refusals import Refused


def look(run: MigrationRun) -> Evidence:
    """In a worker: count what would go back and what is no longer ours. Never raises a refusal."""
    try:
        found, blocked = _look_on_target(run)
    except Refused as refused:
        return _answer(run, Verdict.FAIL, refused.message, [], [])
    except psycopg.Error as failed:
        return _answer(run, Verdict.FAIL, f"The target did not answer: {told(failed)}", [], [])
    said = f"An undo now would do this. {restoring.words(found)}"
    if blocked:
        said += f" Not possible now: {', '.join(blocked)} refer to rows that would be deleted."
    left = any(each.left for each in found)
    verdict = Verdict.FAIL if blocked else Verdict.INCONCLUSIVE if left else Verdict.PASS
    return _answer(run, verdict, said, found, blocked)


def answer(run: MigrationRun) -> Evidence | None:
    """The newest look, for screens; None where nobody has looked yet.

    `numbers["tables"]` lists per table what would be restored, deleted, inserted and left.
    """
    return Evidence.objects.filter(subject=_subject(run)).order_by("-id").first()


def _look_on_target(run: MigrationRun) -> tuple[list[Count], list[str]]:
    name = f"rc-preview-{run.pk}"
    with targets.connect(run.target, application_name=name, autocommit=True) as connection:
        targets.check_identity(run.target, targets.identify(connection))
        with connection.transaction(force_rollback=True):
            store.pin(connection)
            connection.execute("SELECT set_config('statement_timeout', '60s', true)")
            return _count(connection, run)


def _count(connection: Connection, run: MigrationRun) -> tuple[list[Count], list[str]]:
    captures = restoring.captures_of(connection, run.pk)
    if not captures:
        raise NothingToUndo("Nothing is kept for it on the target.")
    found: list[Count] = []
    blocked: list[str] = []
    for capture in captures:
        tables = todo.find(connection, capture.id)
        todo.prepare(connection, capture.id, tables, lock=False, run_id=run.pk)
        found += [todo.counts(connection, table) for table in tables]
        blocked += todo.dependents(connection, tables)
        todo.drop(connection, tables)
    return restoring.together(found), blocked


def _subject(run: MigrationRun) -> str:
    return f"undo:{run.pk}"


def _answer(
    run: MigrationRun, verdict: Verdict, said: str, found: list[Count], blocked: list[str]
) -> Evidence:
    return Evidence.objects.create(
        release=run.release,
        subject=_subject(run),
        verdict=verdict,
        summary=redact(said)[:500],
        numbers={"tables": [asdict(each) for each in found], "blocked": blocked},
        at=Now(),
    )
