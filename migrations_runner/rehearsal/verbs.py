"""The verbs of a rehearsal: request, cancel; and what a supervisor does for it: redispatch, reap.

Refused
├── NothingToRehearse
└── RehearsalIsOver
"""

from __future__ import annotations

import logging
from datetime import timedelta

import psycopg
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.db.models.functions import Now

from migrations_runner import pokes
from migrations_runner.dropping import drop_database
from migrations_runner.failures import told
from migrations_runner.models import MigrationRun, Rehearsal
from migrations_runner.rehearsal import places
from migrations_runner.rehearsal.claims import WORKER, forget_clone, tell
from migrations_runner.states import REHEARSAL, RehearsalState, RunState
from releases import targets
from releases.refusals import Refused
from releases.timeline import Actor

log = logging.getLogger(__name__)

_WAITING = {RunState.DRAFT, RunState.AWAITING_APPROVAL, RunState.QUEUED}
_LIVE = [RehearsalState.QUEUED, RehearsalState.RUNNING]
_POKE_AGAIN = timedelta(seconds=3)
_BEGUN_ANEW = "A worker died at it, so it was begun anew."
_MOST_DEATHS = 2


class NothingToRehearse(Refused):
    """There is nothing to rehearse here; no clone was made."""


class RehearsalIsOver(Refused):
    """This rehearsal has ended; there is nothing to cancel."""


def request(*, run: MigrationRun, actor: Actor, with_down: bool = False) -> Rehearsal:
    """Have a waiting run rehearsed on a clone; a second request answers the first one's rehearsal.

    Raises NothingToRehearse, NotPermitted.
    """
    actor.require("migrations_runner.queue_run")
    return ask(run=run, actor=actor, with_down=with_down)


def ask(*, run: MigrationRun, actor: Actor, with_down: bool = False) -> Rehearsal:
    """The same where the permission for more was asked already. Raises NothingToRehearse."""
    try:
        with transaction.atomic():
            return _ask(run, actor, with_down=with_down)
    except IntegrityError as clash:
        if "rehearsed_once_at_a_time" not in str(clash):
            raise
        return Rehearsal.objects.filter(run=run).latest("pk")


def _ask(run: MigrationRun, actor: Actor, *, with_down: bool) -> Rehearsal:
    run = (
        MigrationRun.objects.select_for_update(of=("self",), no_key=True)
        .select_related("release", "target__environment")
        .get(pk=run.pk)
    )
    if run.kind == MigrationRun.Kind.UNDO:
        raise NothingToRehearse("An undo has its own preview: it shows each row that goes back.")
    if run.state not in _WAITING:
        raise NothingToRehearse(f"It is {run.get_state_display().lower()}.")
    live = Rehearsal.objects.filter(run=run, state__in=_LIVE).first()
    if live is not None:
        return live
    made = Rehearsal(
        run=run, with_down=with_down, requested_by=actor.user, requested_by_name=actor.name
    )
    made.full_clean(validate_constraints=False)
    made.save(force_insert=True)
    tell(made, "rehearsal.request", actor, with_down=with_down)
    transaction.on_commit(lambda: pokes.poke_rehearsal(made.pk))
    return made


@transaction.atomic
def cancel(*, rehearsal: Rehearsal, actor: Actor) -> Rehearsal:
    """End a rehearsal; its worker throws the clone away. Raises RehearsalIsOver, NotPermitted."""
    actor.require("migrations_runner.queue_run")
    taken = (
        Rehearsal.objects.select_for_update(of=("self",), no_key=True)
        .select_related("run__release", "run__target__environment")
        .get(pk=rehearsal.pk)
    )
    if taken.state not in _LIVE:
        raise RehearsalIsOver(f"It is {taken.get_state_display().lower()}.")
    REHEARSAL.require(taken.state, RehearsalState.CANCELLED)
    taken.state, taken.finished_at = RehearsalState.CANCELLED, Now()
    taken.save(update_fields=["state", "finished_at"])
    tell(taken, "rehearsal.cancel", actor)
    taken.refresh_from_db()
    return taken


def redispatch() -> int:
    """Poke queued rehearsals that nobody took for a while."""
    waiting = Rehearsal.objects.filter(
        state=RehearsalState.QUEUED, created_at__lt=Now() - _POKE_AGAIN
    ).exclude(run__rehearsals__state=RehearsalState.RUNNING)
    ids = list(waiting.order_by("pk").values_list("pk", flat=True)[:1])
    for rehearsal_id in ids:
        pokes.poke_rehearsal(rehearsal_id)
    return len(ids)


def reap() -> int:
    """Throw away the clones of dead workers and begin their rehearsals anew; answers how many."""
    stale = Q(heartbeat_at__lt=Now() - timedelta(seconds=settings.RUN_STALE_SECONDS))
    left = (
        Rehearsal.objects.filter(stale)
        .filter(Q(state=RehearsalState.RUNNING) | ~Q(clone_name=""))
        .select_related("run__release", "run__target__environment")
    )
    return sum(_reap_one(rehearsal) for rehearsal in left)


def _reap_one(rehearsal: Rehearsal) -> bool:
    """One whose server does not answer must not keep the others."""
    fenced = Rehearsal.objects.filter(pk=rehearsal.pk, heartbeat_at=rehearsal.heartbeat_at)
    if fenced.update(token=None) != 1:
        return False
    try:
        if rehearsal.clone_name:
            _throw_away(rehearsal)
        return _begin_anew(rehearsal) if rehearsal.state == RehearsalState.RUNNING else True
    except (Refused, psycopg.Error) as failed:
        said = told(failed) if isinstance(failed, psycopg.Error) else failed
        log.warning("rehearsal %s: its clone could not be thrown away yet: %s", rehearsal.pk, said)
        return False


def _throw_away(rehearsal: Rehearsal) -> None:
    """End what the dead worker left on both servers, then drop its clone."""
    target, name = rehearsal.run.target, rehearsal.clone_name
    # The clone's name ends as its sessions' names do: see claims.
    sessions = f"rc-rehearsal-{rehearsal.pk}-{name.rpartition('_')[2]}"
    place = places.place_of(target)
    if not place.own:
        with targets.connect(target, application_name="rc-reaper", autocommit=True) as original:
            places.end_sessions(original, sessions)
    with place.session("rc-reaper") as keeper:
        places.end_sessions(keeper, sessions)
        drop_database(keeper, name)
    forget_clone(rehearsal.pk, name)


@transaction.atomic
def _begin_anew(rehearsal: Rehearsal) -> bool:
    """Queue it again, or give it up after too many dead workers."""
    notes = [*rehearsal.notes, _BEGUN_ANEW]
    again = notes.count(_BEGUN_ANEW) <= _MOST_DEATHS
    state = RehearsalState.QUEUED if again else RehearsalState.FAILED
    REHEARSAL.require(RehearsalState.RUNNING, state)
    error = "" if again else "Its workers died again and again, so it was given up."
    changed = Rehearsal.objects.filter(
        pk=rehearsal.pk, state=RehearsalState.RUNNING, token__isnull=True
    ).update(state=state, notes=notes, error=error, finished_at=None if again else Now())
    if changed != 1:
        return False
    tell(rehearsal, "rehearsal.requeue" if again else "rehearsal.fail", WORKER, error=error)
    if again:
        transaction.on_commit(lambda: pokes.poke_rehearsal(rehearsal.pk))
    return True
