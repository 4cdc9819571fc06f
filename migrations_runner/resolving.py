"""What became of a run whose worker is gone: asked of the target, never guessed.

1. Fence: take the claim away, so the old worker can write nothing more (`lost`).
2. End every session that the run still has on the target, and wait until they are gone.
3. Take the target's lock, then read its ledger: now nothing can change any more.
4. All applied → succeeded. Nothing open outside a transaction → queued again. Otherwise a person
   has to look, and the run says at which statement.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import psycopg
from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from migrations_runner import claims, ledger, probes, session
from migrations_runner.endings import WORKER, Outcome
from migrations_runner.keys import key_of
from migrations_runner.ledger import Connection
from migrations_runner.models import MigrationRun, RunScript
from migrations_runner.probes import Seen
from migrations_runner.progress import mark
from migrations_runner.states import AT_WORK, RunState, StepState
from migrations_runner.undo import restoring
from releases import targets, timeline
from releases.redaction import redact
from releases.refusals import Refused
from releases.timeline import Actor

log = logging.getLogger(__name__)

MOST_CLAIMS = 3
_END_SECONDS = 10.0
_AGAIN = " It is asked again every few seconds."


class NothingOpen(Refused):
    """No statement of this run waits for a person's word; nothing was changed."""


class CannotSettle(Refused):
    """The target is not ours alone yet, so nothing was written; try again in a moment."""


class NotLost(Refused):
    """This run is not waiting for anybody's look; nothing was changed."""


def reap() -> int:
    """Fence stale runs and resolve lost ones; answers how many changed their state."""
    stale = MigrationRun.objects.filter(
        state__in=AT_WORK,
        heartbeat_at__lt=Now() - timedelta(seconds=settings.RUN_STALE_SECONDS),
    )
    fenced = sum(_fence(run) for run in stale)
    lost = MigrationRun.objects.filter(state=RunState.LOST).select_related("target", "release")
    return fenced + sum(_resolve_one(run) for run in lost)


def _resolve_one(run: MigrationRun) -> bool:
    """One run that can't be resolved must not keep the others from it."""
    try:
        return resolve(run)
    except Exception:
        log.exception("run %s could not be resolved", run.pk)
        return False


def resolve(run: MigrationRun) -> bool:
    """Ask the target what became of a lost run; False while that can't be told."""
    try:
        with _looking(run) as connection:
            return _resolve_on(run, connection)
    except Refused as refused:
        return _wait_on(run, refused.message + _AGAIN)
    except psycopg.Error as failed:
        return _wait_on(
            run, f"The target did not answer to the end: {type(failed).__name__}." + _AGAIN
        )


@contextmanager
def _looking(run: MigrationRun) -> Iterator[Connection]:
    connection = targets.connect(
        run.target, application_name=f"rc-resolve-{run.pk}", autocommit=True
    )
    try:
        yield connection
    finally:
        connection.close()


@transaction.atomic
def settle(*, run: MigrationRun, done: bool, actor: Actor, reason: str) -> None:
    """A person looked at the unfinished statement of a lost run: was it done or not?

    Writes their word to the target's ledger; the next look then queues the run again, which goes
    on behind the statement (`done`) or with it. Raises NotLost, NothingOpen,
    CannotSettle, NotPermitted, TargetUnreachable, NotTheExpectedDatabase.
    """
    actor.require("migrations_runner.queue_run")
    run = (
        MigrationRun.objects.select_for_update(of=("self",), no_key=True)
        .select_related("target", "release")
        .get(pk=run.pk)
    )
    if run.state != RunState.LOST:
        raise NotLost(f"It is {run.get_state_display().lower()}.")
    with _looking(run) as connection:
        why = _secure(run, connection)
        if why:
            raise CannotSettle(why)
        if not _settle_on(connection, run, done=done):
            raise NothingOpen
    timeline.record(
        actor=actor,
        verb="run.settle",
        subject=run,
        release=run.release,
        data={"done": done, "reason": redact(reason)[:500]},
    )


@transaction.atomic
def _fence(run: MigrationRun) -> bool:
    taken = MigrationRun.objects.filter(
        pk=run.pk, state__in=AT_WORK, token=run.token, heartbeat_at=run.heartbeat_at
    ).update(
        state=RunState.LOST,
        token=None,
        waiting_on=[],
        error="The worker is gone; what it left on the target is being checked.",
    )
    if taken == 1:
        timeline.record(actor=WORKER, verb="run.lose", subject=run, release=run.release)
    return taken == 1


def _resolve_on(run: MigrationRun, connection: Connection) -> bool:
    why = _secure(run, connection)
    if why:
        return _wait_on(run, why + _AGAIN)
    if not MigrationRun.objects.filter(pk=run.pk, state=RunState.LOST).exists():
        return False  # another host resolved it meanwhile
    if run.kind == MigrationRun.Kind.UNDO:
        return claims.end_lost(run, _verdict_of_undo(run, connection))
    states = [_ask(run, script, connection) for script in run.scripts.select_related("script")]
    question = next((text for text in states if text), "")
    if question:
        return _wait_on(run, question)
    return claims.end_lost(run, _verdict(run))


def _secure(run: MigrationRun, connection: Connection) -> str:
    """From here on nothing can change on the target; else the answer says why that is not so.

    Raises NotTheExpectedDatabase.
    """
    targets.check_identity(run.target, targets.identify(connection))
    if not session.end_sessions(connection, run.pk, seconds=_END_SECONDS):
        return "A session of this run on the target has not ended yet."
    if not session.try_lock(connection):
        return "Another session holds the target's lock."
    return ""


def _settle_on(connection: Connection, run: MigrationRun, *, done: bool) -> int:
    """Write a person's word to the ledger; answers of how many statements it was."""
    settled = 0
    for script in run.scripts.select_related("script"):
        key = key_of(run, script)
        entry = ledger.read(connection, key) if ledger.exists(connection) else None
        if entry is not None and entry.doing is not None:
            ledger.settle(connection, key, done=entry.doing + 1 if done else entry.doing)
            settled += 1
    return settled


def _ask(run: MigrationRun, script: RunScript, connection: Connection) -> str:
    """Set a script's row by the ledger; the answer is a question for a person, or nothing."""
    key = key_of(run, script)
    entry = ledger.read(connection, key) if ledger.exists(connection) else None
    if entry is not None and entry.state == ledger.APPLIED and entry.sha256 == script.sha256:
        if script.state not in {StepState.APPLIED, StepState.SKIPPED}:
            script.statements.update(state=StepState.APPLIED)
            mark(script, StepState.APPLIED)
        claims.remember_applied([claims.applied(run, script, key)])
        return ""
    if script.state == StepState.RUNNING:
        script.statements.update(state=StepState.PENDING, rows=None, milliseconds=None, output="")
        mark(script, StepState.PENDING)
    if entry is not None and _is_a_riddle(connection, entry):
        return (
            f"{script.name} can't be one transaction, and the worker was gone during its statement"
            f" {entry.done + 1}. Look on the target whether that statement took effect, then"
            f" say so: manage.py settle_run {run.pk} --done or --not-done."
        )
    return ""


def _is_a_riddle(connection: Connection, entry: ledger.Entry) -> bool:
    """Was a statement under way that the catalog can't tell of? Whoever goes on asks it again."""
    if entry.state != ledger.STARTED or entry.doing is None:
        return False
    return entry.intent is None or probes.look(connection, entry.intent) == Seen.UNSURE


def _verdict_of_undo(run: MigrationRun, connection: Connection) -> Outcome:
    """Done whole or not at all: the target says which."""
    found = restoring.resolved(connection, run)
    return found if found.state == RunState.SUCCEEDED else _again(run)


def _verdict(run: MigrationRun) -> Outcome:
    states = set(run.scripts.values_list("state", flat=True))
    if states <= {StepState.APPLIED, StepState.SKIPPED}:
        return Outcome(RunState.SUCCEEDED)
    return _again(run)


def _again(run: MigrationRun) -> Outcome:
    """It goes on from what stands, unless somebody cancelled it or it ends every worker."""
    if run.cancel_requested_at is not None:
        return Outcome(
            RunState.FAILED,
            "The worker was gone before it could answer the cancel.",
            "What was under way was rolled back; nothing further was started.",
        )
    if run.claims >= MOST_CLAIMS:
        return Outcome(
            RunState.FAILED,
            f"{run.claims} workers in a row were gone during this run.",
            "What was under way was rolled back each time. Find out what ends them, queue again.",
        )
    return Outcome(RunState.QUEUED)


def _wait_on(run: MigrationRun, why: str) -> bool:
    if run.next_step != why:
        MigrationRun.objects.filter(pk=run.pk, state=RunState.LOST).update(next_step=why)
    log.info("run %s stays lost: %s", run.pk, why)
    return False
