"""The verbs of people: queue a run, cancel, pause and resume it. Workers' part is in `claims`.

Refusals::

    Refused
    ├── NothingChosen
    ├── ScriptAwaitingFile
    ├── ScriptNotRunnable     the text's own refusal, with the script's name before it
    ├── VariableNotUsed
    ├── AlreadyQueued
    ├── ReleaseHasEnded
    ├── RunIsOver
    ├── NotRunning
    └── NotPaused
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from migrations_runner import approving, data_blocks
from migrations_runner.claims import has_ended, stands
from migrations_runner.endings import mark_open_scripts
from migrations_runner.fan_out import driver
from migrations_runner.models import MigrationRun, MigrationScript, RunScript, Statement
from migrations_runner.parsing import parse_script
from migrations_runner.refusals import ScriptRefused
from migrations_runner.script import Script
from migrations_runner.states import AT_WORK, LIVE, RUN, RunState, StepState
from migrations_runner.undo.verbs import refuse_unless_keepable
from migrations_runner.variables import find
from releases import timeline
from releases.models import Release, TargetDatabase
from releases.refusals import Refused
from releases.timeline import Actor

_PREVIEW = 200


class NothingChosen(Refused):
    """Choose at least one script; nothing was queued."""


class ScriptAwaitingFile(Refused):
    """A script has no text yet, so nothing was queued."""


class ScriptNotRunnable(Refused):
    """A script can't be run as it is, so nothing was queued."""


class VariableNotUsed(Refused):
    """No chosen script uses this variable, so nothing was queued; is it spelt right?"""


class AlreadyQueued(Refused):
    """The same scripts with the same values already wait or run on this target."""


class ReleaseHasEnded(Refused):
    """This release was closed or cancelled; nothing was queued."""


class RunIsOver(Refused):
    """This run has ended, or is being checked; there is nothing to cancel."""


class NotRunning(Refused):
    """Only a run at work can be paused; nothing was changed."""


class NotPaused(Refused):
    """Nobody asked this run to pause; nothing was changed."""


def queue(
    *,
    scripts: Sequence[MigrationScript],
    target: TargetDatabase,
    variables: Mapping[str, str],
    actor: Actor,
    release: Release | None = None,
) -> MigrationRun:
    """Queue one ordered batch on a target; everything that its text can tell is checked first.

    Raises the refusals of this module, and NotPermitted. The exact texts are copied into the run,
    so a later edit of a script changes nothing that was queued.
    """
    actor.require("migrations_runner.queue_run")
    _refuse_ended(release, scripts)
    home = release or (scripts[0].release if scripts else None)
    includes = includes_of(home)
    parsed = [_checked(script, variables, includes) for script in scripts]
    if not parsed:
        raise NothingChosen
    included = [text for script in parsed for text in script.included.values()]
    _refuse_unused([*(script.text for script in scripts), *included], variables)
    run = MigrationRun(
        release=release or scripts[0].release,
        target=target,
        state=RunState.QUEUED,
        variables=dict(variables),
        batch_hash=_batch_hash(scripts, parsed, target, variables),
        requested_by=actor.user,
        requested_by_name=actor.name,
    )
    run.state = approving.initial_state(run)
    try:
        with transaction.atomic():
            run.full_clean(validate_constraints=False)
            run.save(force_insert=True)
            _copy_scripts(run, scripts, parsed)
            timeline.record(
                actor=actor,
                verb="run.queue",
                subject=run,
                release=run.release,
                environment=target.environment,
                data={"scripts": [script.name for script in scripts], "target": target.name},
            )
            approving.begin(run, actor)
    except IntegrityError as clash:
        if "same_batch_waits_once" not in str(clash):
            raise
        raise AlreadyQueued(_same_batch(run)) from None
    return run


@transaction.atomic
def cancel(*, run: MigrationRun, actor: Actor) -> MigrationRun:
    """Cancel a waiting run at once; ask the worker of a running one to stop and roll back.

    Raises RunIsOver, NotPermitted.
    """
    actor.require("migrations_runner.cancel_run")
    run = _take(run)
    if run.state in {RunState.DRAFT, RunState.AWAITING_APPROVAL, RunState.QUEUED}:
        RUN.require(run.state, RunState.CANCELLED)
        run.state, run.next_step = RunState.CANCELLED, stands(run)
        run.finished_at = Now()
        run.save(update_fields=["state", "next_step", "finished_at"])
        mark_open_scripts(run, StepState.NOT_RUN)
    elif run.state in AT_WORK:
        run.cancel_requested_at, run.cancel_requested_by = Now(), actor.name
        run.save(update_fields=["cancel_requested_at", "cancel_requested_by"])
    else:
        raise RunIsOver(f"It is {run.get_state_display().lower()}.")
    timeline.record(actor=actor, verb="run.cancel", subject=run, release=run.release)
    run.refresh_from_db()
    return run


@transaction.atomic
def pause(*, run: MigrationRun, actor: Actor) -> MigrationRun:
    """Ask the worker of a run to rest: within a second, with no transaction open on the target.

    A script that is one transaction is rolled back and begun again by `resume`; statements and
    batches that were committed stand. The target stays ours meanwhile: no other run begins there.
    Raises NotRunning, NotPermitted.
    """
    actor.require("migrations_runner.cancel_run")
    run = _take(run)
    if run.state != RunState.RUNNING:
        raise NotRunning(f"It is {run.get_state_display().lower()}.")
    run.pause_requested_at, run.pause_requested_by = Now(), actor.name
    run.save(update_fields=["pause_requested_at", "pause_requested_by"])
    timeline.record(actor=actor, verb="run.pause", subject=run, release=run.release)
    run.refresh_from_db()
    return run


@transaction.atomic
def resume(*, run: MigrationRun, actor: Actor) -> MigrationRun:
    """Take a pause back; the worker goes on within a second. Raises NotPaused, NotPermitted."""
    actor.require("migrations_runner.cancel_run")
    run = _take(run)
    if run.pause_requested_at is None or run.state in RUN.final:
        raise NotPaused(f"It is {run.get_state_display().lower()}.")
    run.pause_requested_at, run.pause_requested_by = None, ""
    run.save(update_fields=["pause_requested_at", "pause_requested_by"])
    timeline.record(actor=actor, verb="run.resume", subject=run, release=run.release)
    run.refresh_from_db()
    return run


def _refuse_ended(release: Release | None, scripts: Sequence[MigrationScript]) -> None:
    for one in (release, *(script.release for script in scripts)):
        if one is not None and has_ended(one):
            raise ReleaseHasEnded(f"{one} is {one.get_state_display().lower()}.")


def includes_of(release: Release | None) -> dict[str, str]:
    r"""What an ``\i`` may name: the texts of the release's scripts, by name and by path."""
    rows = MigrationScript.objects.filter(release=release).exclude(text="")
    found: dict[str, str] = {}
    for name, path, text in rows.values_list("name", "path", "text"):
        found.update({name: text, **({path: text} if path else {})})
    return found


def _checked(
    script: MigrationScript, variables: Mapping[str, str], includes: Mapping[str, str]
) -> Script:
    if script.awaits_file:
        raise ScriptAwaitingFile(f"{script.name} awaits its file: attach it first.")
    stand_ins = driver.stand_ins(script.driver_query) if _fans_out(script) else {}
    try:
        parsed = parse_script(script.text, {**stand_ins, **variables}, includes)
    except ScriptRefused as refused:
        raise ScriptNotRunnable(f"{script.name}: {refused.detail}") from refused
    data_blocks.require(parsed.blocks)
    refuse_unless_keepable(script, parsed)
    return parsed


def _fans_out(script: MigrationScript) -> bool:
    return script.mode == MigrationScript.Mode.FAN_OUT


def _refuse_unused(texts: Iterable[str], variables: Mapping[str, str]) -> None:
    used = {use.name for text in texts for use in find(text)}
    unused = sorted(set(variables) - used)
    if unused:
        raise VariableNotUsed(
            f"Given: {', '.join(unused)}. Used: {', '.join(sorted(used)) or 'none'}."
        )


def _batch_hash(
    scripts: Sequence[MigrationScript],
    parsed: Sequence[Script],
    target: TargetDatabase,
    variables: Mapping[str, str],
) -> str:
    parts = [
        target.pk,
        [
            [script.release_id, script.name, text.sha256, script.mode, script.driver_query]
            + ([script.reverts_id] if script.reverts_id else [])
            for script, text in zip(scripts, parsed, strict=True)
        ],
        sorted(variables.items()),
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _copy_scripts(
    run: MigrationRun, scripts: Sequence[MigrationScript], parsed: Sequence[Script]
) -> None:
    pairs = list(zip(scripts, parsed, strict=True))
    copies = RunScript.objects.bulk_create(
        _copy(run, place, script, text) for place, (script, text) in enumerate(pairs)
    )
    Statement.objects.bulk_create(
        Statement(
            run_script=copy,
            index=index,
            line=statement.line,
            kind=statement.kind[:60],
            preview=_preview(statement.sql),
        )
        for copy, text in zip(copies, parsed, strict=True)
        for index, statement in enumerate(text.statements)
    )


def _copy(run: MigrationRun, position: int, script: MigrationScript, text: Script) -> RunScript:
    return RunScript(
        run=run,
        script=script,
        name=script.name,
        position=position,
        role=script.role,
        mode=script.mode,
        driver_query=script.driver_query,
        undo=script.undo,
        reverts=script.reverts.name if script.reverts is not None else "",
        text=script.text,
        sha256=text.sha256,
        includes=dict(text.included),
    )


def _preview(sql: str) -> str:
    text = re.sub(r"\s+", " ", sql).strip()
    return text if len(text) <= _PREVIEW else text[: _PREVIEW - 1] + "…"


def _same_batch(run: MigrationRun) -> str:
    standing = MigrationRun.objects.filter(
        target=run.target,
        batch_hash=run.batch_hash,
        state__in=[*LIVE, RunState.AWAITING_APPROVAL],
    ).first()
    return f"See run {standing.pk}." if standing else "It has just ended; look at the list of runs."


def _take(run: MigrationRun) -> MigrationRun:
    return (
        MigrationRun.objects.select_for_update(of=("self",), no_key=True)
        .select_related("release", "target")
        .get(pk=run.pk)
    )
