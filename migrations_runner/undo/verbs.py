"""Asking for an undo, and for a look at what it would do.

An undo is a run of its own: it waits, is approved, is claimed and ends like any other, and its
worker calls `restoring.carry_out`.
"""

from __future__ import annotations

import hashlib
import json

from django.db import IntegrityError, transaction
from django_q.tasks import async_task

from migrations_runner import approving
from migrations_runner.models import MigrationRun, MigrationScript, RunScript
from migrations_runner.script import Script
from migrations_runner.states import LIVE, RunState, StepState
from migrations_runner.undo.refusals import CannotBeUndone, NothingToUndo, UndoneAlready
from releases import timeline
from releases.redaction import redact
from releases.refusals import Refused
from releases.timeline import Actor

PREVIEW_TASK = "migrations_runner.undo.tasks.preview"

#: Statements that change rows at most, or nothing that lasts.
_KINDS = frozenset(
    {
        *("SELECT", "VALUES", "INSERT", "UPDATE", "DELETE", "MERGE", "COPY", "DO", "CALL"),
        *("SET", "RESET", "SHOW", "LOCK", "EXPLAIN", "ANALYZE"),
        *("SAVEPOINT", "RELEASE", "ROLLBACK", "PREPARE", "EXECUTE", "DEALLOCATE"),
    }
)


class RunNotOver(Refused):
    """This run has not ended yet, so there is nothing to undo."""


class NotAnUndo(Refused):
    """An undo is not undone: queue the scripts again instead."""


@transaction.atomic
def request_undo(*, run: MigrationRun, actor: Actor, reason: str) -> MigrationRun:
    """Queue the row-exact undo of a run; where people have to approve, it waits for them.

    Raises RunNotOver, NotAnUndo, NothingToUndo, UndoneAlready, NotPermitted, NobodyCouldApprove.
    """
    actor.require("migrations_runner.queue_run")
    run = _take(run)
    kept = _refuse_unless_undoable(run)
    undo = MigrationRun(
        kind=MigrationRun.Kind.UNDO,
        undoes=run,
        release=run.release,
        target=run.target,
        state=RunState.QUEUED,
        variables=run.variables,
        batch_hash=_hash(run),
        requested_by=actor.user,
        requested_by_name=actor.name,
    )
    undo.state = approving.initial_state(undo)
    undo.full_clean(validate_constraints=False)
    try:
        with transaction.atomic():
            undo.save(force_insert=True)
    except IntegrityError as clash:
        if "same_batch_waits_once" not in str(clash):
            raise
        raise UndoneAlready("It is being asked for right now.") from None
    _copy_scripts(undo, kept)
    timeline.record(
        actor=actor,
        verb="run.undo",
        subject=undo,
        release=run.release,
        environment=run.target.environment,
        data={
            "undoes": run.pk,
            "scripts": [each.name for each in kept],
            "reason": redact(reason)[:500],
        },
    )
    approving.begin(undo, actor)
    return undo


def ask_preview(*, run: MigrationRun, actor: Actor) -> None:
    """Have a worker look what an undo would do; `previewing.answer(run)` has it soon.

    Raises RunNotOver, NotAnUndo, NothingToUndo, NotPermitted.
    """
    actor.require("migrations_runner.view_migrationrun")
    _refuse_unless_undoable(run)
    async_task(PREVIEW_TASK, run.pk, task_name=f"preview of undoing run {run.pk}")


def refuse_unless_keepable(script: MigrationScript, text: Script) -> None:
    """At the door: can the rows of this script be kept at all? Raises CannotBeUndone.

    What a text does not tell, such as a function that empties a table, is refused before COMMIT.
    """
    if not script.undo:
        return
    if script.mode != MigrationScript.Mode.SCRIPT:
        raise CannotBeUndone(f"{script.name}: a {script.get_mode_display()} keeps no rows.")
    if not text.transactional:
        raise CannotBeUndone(f"{script.name}: it can't be one transaction.")
    for statement in text.statements:
        if not _changes_rows_at_most(statement.kind, statement.sql):
            raise CannotBeUndone(
                f"{script.name}, line {statement.line}: {statement.kind} changes more than rows."
                " Put it into a script of its own."
            )


def _changes_rows_at_most(kind: str, sql: str) -> bool:
    head = "" if kind == "SELECT INTO" else kind.split(maxsplit=1)[0].upper()
    temporary = sql.split()[:2]
    return head in _KINDS or [word.upper() for word in temporary] in (
        ["CREATE", "TEMP"],
        ["CREATE", "TEMPORARY"],
    )


def _refuse_unless_undoable(run: MigrationRun) -> list[RunScript]:
    """The scripts of a run whose rows were kept, the last first."""
    if run.kind == MigrationRun.Kind.UNDO:
        raise NotAnUndo
    if run.state not in {RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED}:
        raise RunNotOver(f"It is {run.get_state_display().lower()}.")
    before = run.undone_by.filter(state__in=[*LIVE, RunState.AWAITING_APPROVAL, RunState.SUCCEEDED])
    standing = before.first()
    if standing is not None:
        raise UndoneAlready(f"See run {standing.pk}, {standing.get_state_display().lower()}.")
    kept = list(run.scripts.filter(undo=True, state=StepState.APPLIED).order_by("-position"))
    if not kept:
        raise NothingToUndo("None of the scripts that it applied asked for a row-exact undo.")
    return kept


def _take(run: MigrationRun) -> MigrationRun:
    return (
        MigrationRun.objects.select_for_update(of=("self",), no_key=True)
        .select_related("release", "target__environment")
        .get(pk=run.pk)
    )


def _hash(run: MigrationRun) -> str:
    return hashlib.sha256(json.dumps(["undo", run.pk]).encode()).hexdigest()


def _copy_scripts(undo: MigrationRun, kept: list[RunScript]) -> None:
    for position, script in enumerate(kept):
        RunScript.objects.create(
            run=undo,
            script=script.script,
            name=script.name,
            position=position,
            role=script.role,
            text=script.text,
            sha256=script.sha256,
            includes=script.includes,
        )
