"""The only place that runs a script on a target.

The first error stops the run, as psql does with ON_ERROR_STOP. How a run ends is decided by what
the target says, never by what we hoped: a connection that breaks leaves the run `lost`, and the
resolver asks the ledger. Who else takes part, and when, stands in `hooks`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import psycopg

from migrations_runner import (
    attempts,
    claims,
    hooks,
    ledger,
    one_by_one,
    one_transaction,
    rehearsed,
    session,
)
from migrations_runner.claims import Claim
from migrations_runner.endings import Outcome
from migrations_runner.failures import (
    ChangedSinceApplied,
    PartlyApplied,
    Stopped,
    TargetGone,
    UnfinishedBefore,
    Unsure,
    is_gone,
    told,
)
from migrations_runner.fan_out import driver
from migrations_runner.keys import key_of
from migrations_runner.ledger import Connection
from migrations_runner.models import MigrationRun, MigrationScript, RunScript
from migrations_runner.output import Notices
from migrations_runner.parsing import parse_script
from migrations_runner.progress import Keeper, Progress, patiently
from migrations_runner.stalls import Watch
from migrations_runner.states import RunState, StepState
from migrations_runner.undo import restoring
from migrations_runner.work import RunAtWork, Work
from releases.refusals import Refused

log = logging.getLogger(__name__)

_WAYS = {
    MigrationScript.Mode.SCRIPT: ledger.STATEMENTS,
    MigrationScript.Mode.BACKFILL: ledger.BACKFILL,
    MigrationScript.Mode.FAN_OUT: ledger.FAN_OUT,
}

_LOST = Outcome(
    RunState.LOST,
    "The connection to the target broke, so whether the last step was committed is not known yet.",
    "Nothing to do: the target's ledger is being asked. Later scripts were not started.",
)


def execute(run_id: int) -> None:
    """Claim a run and carry it out; does nothing where there is nothing to claim."""
    held = claims.claim(run_id)
    if held is None:
        return
    progress = Progress(held)
    with Keeper(held, progress) as keeper:
        outcome = _outcome(held, keeper, progress)
    if keeper.fenced:
        log.warning("run %s: the claim was taken from us; the resolver has the word", run_id)
        return
    patiently(progress.write)
    patiently(lambda: claims.finish(held, outcome))


def _outcome(held: Claim, keeper: Keeper, progress: Progress) -> Outcome:
    """Carry out every script; every ending becomes an Outcome."""
    try:
        said = _carry_out(held, keeper, progress)
    except Stopped as stopped:
        return Outcome(RunState.CANCELLED, next_step=stopped.message)
    except Refused as refused:
        return Outcome(RunState.FAILED, refused.message, _what_now(held, progress))
    except Unsure as unsure:
        return Outcome(RunState.LOST, str(unsure), "A person has to look on the target.")
    except (TargetGone, psycopg.Error) as broken:
        log.warning("run %s: %s", held.run.pk, broken)
        return _LOST
    except Exception as bug:
        log.exception("run %s met a fault of ours", held.run.pk)
        return replace(_LOST, error=f"A fault of Release Control itself: {type(bug).__name__}.")
    return Outcome(RunState.SUCCEEDED, next_step=said)


def _carry_out(held: Claim, keeper: Keeper, progress: Progress) -> str:
    """Do what the run is for; the answer is what people should know of a good end."""
    run = held.run
    with (
        session.opened(run.target, run.pk, wait=keeper.wait) as connection,
        Watch(run.target, run.pk, session.pid(connection), keeper) as watch,
        RunAtWork(held, connection, keeper, progress, watch, hooks.GUARDS) as at_work,
    ):
        keeper.interrupt = _interrupt(watch, connection)
        with _answers(at_work, "The ledger could not be made"):
            ledger.prepare(connection)
        if run.kind == MigrationRun.Kind.UNDO:
            return _undo(at_work)
        _each(hooks.PREFLIGHT, at_work, "Before the first script")
        limits = patiently(lambda: rehearsed.limits(run))
        for script in at_work.scripts:
            keeper.rest()
            if keeper.stop.is_set():
                raise Stopped(f"{script.name} and what follows it were not started.")
            with _answers(at_work, script.name):
                _run_script(at_work, script, limits.get((script.name, script.sha256), {}))
        with _answers(at_work, "After the last script"):
            session.refresh(connection, run.target)  # no SET of the last script is left
        _each(hooks.POSTFLIGHT, at_work, "After the last script")
    return ""


def _undo(at_work: RunAtWork) -> str:
    _each(hooks.BEFORE_UNDO, at_work, "Before the undo")
    with _answers(at_work, "The undo"):
        return restoring.carry_out(at_work)


def _each(steps: Iterable[Callable[[RunAtWork], None]], at_work: RunAtWork, where: str) -> None:
    for step in steps:
        with _answers(at_work, where), attempts.patient(at_work, where):
            step(at_work)


@contextmanager
def _answers(at_work: RunAtWork, where: str) -> Iterator[None]:
    """Tell a server that said no (StatementFailed, Stopped) from one that is gone (TargetGone)."""
    try:
        yield
    except psycopg.Error as error:
        if is_gone(at_work.connection):
            raise TargetGone(told(error)) from None
        at_work.keeper.only_to_stop = True
        raise attempts.told_apart(at_work, error, where) from None


def _run_script(at_work: RunAtWork, script: RunScript, limits: dict[int, float]) -> None:
    run, connection = at_work.run, at_work.connection
    key = key_of(run, script)
    session.refresh(connection, run.target)
    standing = ledger.standing(connection, key)
    if standing.entry is not None and standing.entry.state == ledger.APPLIED:
        _skip(at_work, script, standing.entry)
        at_work.progress.applied(claims.applied(run, script, key))
        return
    text = parse_script(script.text, driver.values_of(run, script), script.includes)
    _refuse_half_done(at_work, script, standing)
    with Notices(connection) as notices:
        _do_script(Work(at_work, script, key, text, standing.entry, notices, limits))
    at_work.progress.applied(claims.applied(run, script, key))


def _refuse_half_done(at_work: RunAtWork, script: RunScript, standing: ledger.Standing) -> None:
    """What was begun goes on in the way it was begun; begun in another it would do rows twice."""
    try:
        _require_same_way(script, standing.entry)
        _require_same_form(script, standing)
    except UnfinishedBefore as refused:
        at_work.progress.mark(script, StepState.FAILED, error=refused.message)
        raise


def _require_same_way(script: RunScript, standing: ledger.Entry | None) -> None:
    before = (standing.way or ledger.STATEMENTS) if standing is not None else ""
    if standing is not None and before != _WAYS[MigrationScript.Mode(script.mode)]:
        raise UnfinishedBefore(
            f"{script.name}: run {standing.run_id} began it in another mode ({before});"
            " set its mode as it was then."
        )


def _require_same_form(script: RunScript, standing: ledger.Standing) -> None:
    if standing.entry is None and standing.other_form is not None:
        raise UnfinishedBefore(
            f"{script.name}: run {standing.other_form} did it, or a part of it, when its text used"
            f" {'no values' if standing.key.variables else 'values'}. Give what is left a script of"
            " its own."
        )


def _do_script(work: Work) -> None:
    work.run.progress.mark(work.script, StepState.RUNNING)
    try:
        for before in hooks.BEFORE_SCRIPT:
            with attempts.patient(work.run, work.script.name):
                before(work)
        with _answers(work.run, work.script.name):
            _way(work)(work)
    except Refused as ended:
        work.run.progress.mark(work.script, StepState.FAILED, error=ended.message)
        raise
    work.run.progress.mark(work.script, StepState.APPLIED)
    for after in hooks.AFTER_SCRIPT:
        with attempts.patient(work.run, work.script.name):
            after(work)


def _way(work: Work) -> Callable[[Work], None]:
    way = hooks.MODES.get(MigrationScript.Mode(work.script.mode))
    if way is not None:
        return way
    # Begun statement by statement it goes on so, even if its mended text could be one transaction.
    whole = work.text.transactional and work.standing is None
    return one_transaction.carry_out if whole else one_by_one.carry_out


def _skip(at_work: RunAtWork, script: RunScript, standing: ledger.Entry) -> None:
    if standing.sha256 != script.sha256:
        refused = ChangedSinceApplied(
            f"{script.name}: run {standing.run_id} applied the content {standing.sha256[:12]}…,"
            f" this is {script.sha256[:12]}…."
        )
        at_work.progress.mark(script, StepState.FAILED, error=refused.message)
        raise refused
    for row in script.statements.all():
        at_work.progress.end(
            row, StepState.SKIPPED, rows=row.rows, ms=row.milliseconds, output=row.output
        )
    at_work.progress.mark(script, StepState.SKIPPED)


def _interrupt(watch: Watch, connection: Connection) -> Callable[[], None]:
    def interrupt() -> None:
        try:
            watch.cancel()
        except (Refused, psycopg.Error):
            _cancel_ourselves(connection)

    return interrupt


def _cancel_ourselves(connection: Connection) -> None:
    try:
        connection.cancel_safe(timeout=2.0)
    except psycopg.Error:
        log.info("a cancel request did not reach the target; it is sent again")


def _what_now(held: Claim, progress: Progress) -> str:
    """After a failure: what stands, what does not, what to do."""
    patiently(progress.write)
    scripts = list(held.run.scripts.all())
    applied = [s.name for s in scripts if s.state in {StepState.APPLIED, StepState.SKIPPED}]
    not_started = [s.name for s in scripts if s.state == StepState.PENDING]
    partly = [s.name for s in scripts if s.error.startswith(PartlyApplied.__doc__ or "?")]
    stands = f"Applied: {', '.join(applied)}." if applied else "No script was applied whole."
    stands += f" Begun: {', '.join(partly)}; it goes on where it ended." if partly else ""
    waiting = f" Not started: {', '.join(not_started)}." if not_started else ""
    return f"{stands}{waiting} Mend the script and queue again; what is applied will be skipped."
