"""Approval of a run by other people: it covers the ordered batch and the schema it will meet.

What is approved is hashed: scripts, modes, driver queries, undo, variables, the target, and for
each script the schema that the rehearsal found at that point. The worker asks again: before the
first script whether the approval still stands, before each script whether the target's schema is
the one that was rehearsed. What the batch itself has done by then is in what was rehearsed.

Refused
├── NotAwaitingApproval
├── NotRehearsed
├── ApprovalGone
└── SchemaChanged
"""

from __future__ import annotations

import hashlib
import json

from django.db import transaction

from checklists import approvals
from checklists.models import Approval
from migrations_runner import fingerprints, ledger, pokes
from migrations_runner.backup import verbs as backups
from migrations_runner.models import MigrationRun, Rehearsal, RunScript
from migrations_runner.rehearsal import points, verbs
from migrations_runner.states import RUN, RehearsalState, RunState
from migrations_runner.work import RunAtWork, Work
from releases import timeline
from releases.models import TargetDatabase
from releases.redaction import redact
from releases.refusals import Refused
from releases.timeline import Actor

PERMISSION = "migrations_runner.approve_run"
_ENDED = [RehearsalState.PASSED, RehearsalState.FAILED]
_MOST_NAMED = 10


class NotAwaitingApproval(Refused):
    """This run does not wait for anybody's approval; nothing was changed."""


class NotRehearsed(Refused):
    """There is no passed rehearsal to approve; have it rehearsed, or say why it goes without."""


class ApprovalGone(Refused):
    """The approval of this run does not stand any more, so nothing was run."""


class SchemaChanged(Refused):
    """The target's schema is not what was rehearsed and approved, so the script was not run."""


def initial_state(run: MigrationRun) -> RunState:
    """Where a new run begins; asked before it is saved.

    Raises checklists.approvals.NobodyCouldApprove: it would wait for ever.
    """
    quorum = run.target.environment.quorum
    if not quorum:
        return RunState.QUEUED
    approvals.require_possible(quorum, run.requested_by_id, permission=PERMISSION)
    return RunState.AWAITING_APPROVAL


def begin(run: MigrationRun, actor: Actor) -> None:
    """Set a new run going, in its own transaction: a rehearsal, or the worker at once."""
    if run.state != RunState.AWAITING_APPROVAL:
        _ensure_backup(run, actor)
        transaction.on_commit(lambda: pokes.poke(run.pk))
    elif run.kind == MigrationRun.Kind.APPLY:
        verbs.ask(run=run, actor=actor)


def rehearsal_of(run: MigrationRun) -> Rehearsal | None:
    """The rehearsal that an approval may rest on: the last that ended, if it passed."""
    last = Rehearsal.objects.filter(run=run, state__in=_ENDED).order_by("-pk").first()
    return last if last is not None and last.state == RehearsalState.PASSED else None


def content_hash(run: MigrationRun) -> str:
    """What people approve, as one hash: see the module."""
    rehearsal = rehearsal_of(run)
    scripts = list(run.scripts.order_by("position"))
    target = TargetDatabase.objects.get(pk=run.target_id)
    parts = [
        [target.pk, target.url_variable],
        run.kind,
        run.undoes_id,
        [_content(script) for script in scripts],
        sorted(run.variables.items()),
        # Which database it is was known at the latest when it was cloned.
        [_database(target), points.digests(rehearsal, len(scripts))] if rehearsal else None,
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _database(target: TargetDatabase) -> list[object]:
    return [target.identity.get("system"), target.identity.get("oid")]


def _content(script: RunScript) -> list[object]:
    includes = sorted(script.includes.items())
    return [
        script.name,
        script.role,
        script.sha256,
        includes,
        script.mode,
        script.undo,
        script.driver_query,
        *([script.reverts] if script.reverts else []),
    ]


def standing(run: MigrationRun) -> list[Approval]:
    """The approvals that count for what this run is now."""
    return approvals.standing(run, content_hash(run), run.requested_by_id, permission=PERMISSION)


@transaction.atomic
def approve(
    *, run: MigrationRun, actor: Actor, note: str = "", without_rehearsal_reason: str = ""
) -> MigrationRun:
    """One person's yes; the last one that is needed hands the run to a worker.

    Raises NotAwaitingApproval, NotRehearsed, NotPermitted, and the refusals of approvals.
    """
    actor.require(PERMISSION)
    run = _take(run)
    if run.state != RunState.AWAITING_APPROVAL:
        raise NotAwaitingApproval(f"It is {run.get_state_display().lower()}.")
    reason = redact(without_rehearsal_reason).strip()
    # An undo has no rehearsal: its preview says what it would do.
    if run.kind == MigrationRun.Kind.APPLY and rehearsal_of(run) is None and not reason:
        raise NotRehearsed(_where_the_rehearsal_is(run))
    approvals.approve(
        run,
        content_hash(run),
        run.requested_by_id,
        actor,
        note or reason,
        permission=PERMISSION,
    )
    quorum = run.target.environment.quorum
    given = len(standing(run))
    if given >= quorum:
        _hand_on(run, actor)
    told = {"note": note, "without_rehearsal": reason, "given": given, "needed": quorum}
    _tell(run, "run.approve", actor, told)
    return run


@transaction.atomic
def withdraw(*, run: MigrationRun, actor: Actor, reason: str = "") -> MigrationRun:
    """Take one's yes back while the run waits; a queued run is then refused by its worker.

    Raises NotAwaitingApproval, checklists.approvals.NotApproved, NotPermitted.
    """
    actor.require(PERMISSION)
    run = _take(run)
    if run.state not in {RunState.AWAITING_APPROVAL, RunState.QUEUED}:
        raise NotAwaitingApproval(f"It is {run.get_state_display().lower()}.")
    approvals.withdraw(run, actor, permission=PERMISSION)
    _tell(run, "run.withdraw_approval", actor, {"reason": reason})
    return run


def require(at_work: RunAtWork) -> None:
    """Before the first script: does the approval stand? Raises ApprovalGone."""
    run = at_work.run
    quorum = run.target.environment.quorum
    given = standing(run) if quorum else []
    if len(given) >= quorum:
        return
    names = ", ".join(one.person.get_username() for one in given) or "nobody"
    raise ApprovalGone(
        f"{quorum} needed; of what this run is now, {names} approved and still may."
        " Queue it again and have it approved."
    )


def check_point(work: Work) -> None:
    """Before each script: is the target's schema the one that was rehearsed? SchemaChanged if not.

    A script that was begun before and goes on has changed the schema itself, so it is not asked.
    """
    run = work.run.run
    begun = work.standing is not None and work.standing.state == ledger.STARTED
    rehearsal = rehearsal_of(run) if run.target.environment.quorum and not begun else None
    if rehearsal is None:
        return
    expected = points.found_at(rehearsal, work.script.position)
    if expected is None:
        raise SchemaChanged(f"{work.script.name} was not reached by the rehearsal.")
    found = fingerprints.take(work.connection)
    if found.digest == expected.digest:
        return
    other = fingerprints.difference(expected.parts, found.parts)
    more = f"; and {len(other) - _MOST_NAMED} more" if len(other) > _MOST_NAMED else ""
    raise SchemaChanged(
        f"Since the rehearsal: {'; '.join(other[:_MOST_NAMED])}{more}."
        " Queue it again, so that it is rehearsed on what is there now."
    )


def _hand_on(run: MigrationRun, actor: Actor) -> None:
    RUN.require(run.state, RunState.QUEUED)
    run.state = RunState.QUEUED
    run.save(update_fields=["state"])
    _ensure_backup(run, actor)
    transaction.on_commit(lambda: pokes.poke(run.pk))


def _ensure_backup(run: MigrationRun, actor: Actor) -> None:
    """An undo is the way back from what the last dump was taken before."""
    if run.kind == MigrationRun.Kind.APPLY:
        backups.ensure(run=run, actor=actor)


def _where_the_rehearsal_is(run: MigrationRun) -> str:
    last = Rehearsal.objects.filter(run=run).order_by("-pk").first()
    if last is None:
        return "It was never rehearsed."
    return f"The last one: {last.get_state_display().lower()}. {last.error}"


def _take(run: MigrationRun) -> MigrationRun:
    return (
        MigrationRun.objects.select_for_update(of=("self",), no_key=True)
        .select_related("release", "target__environment")
        .get(pk=run.pk)
    )


def _tell(run: MigrationRun, verb: str, actor: Actor, data: dict[str, object]) -> None:
    timeline.record(
        actor=actor,
        verb=verb,
        subject=run,
        release=run.release,
        environment=run.target.environment,
        data={name: value for name, value in data.items() if value},
    )
