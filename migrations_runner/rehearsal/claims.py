"""A worker's right to a rehearsal, and its heart beating for it."""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from django.db import DatabaseError, connection, transaction
from django.db.models.functions import Now

from migrations_runner.models import Rehearsal
from migrations_runner.states import REHEARSAL, RehearsalState
from releases import timeline
from releases.timeline import Actor

log = logging.getLogger(__name__)

WORKER = Actor.machine("worker")
_BEAT_SECONDS = 0.5
_VERBS = {
    RehearsalState.PASSED: "rehearsal.pass",
    RehearsalState.FAILED: "rehearsal.fail",
    RehearsalState.CANCELLED: "rehearsal.cancelled",
}


@dataclass(frozen=True)
class Claim:
    """Every write of a worker shows the token."""

    rehearsal: Rehearsal
    token: uuid.UUID = field(default_factory=uuid.uuid4)

    @property
    def application_name(self) -> str:
        """How the sessions of this rehearsal are called, on the target and on the clone."""
        return application_name(self.rehearsal.pk, self.token)

    @property
    def clone_name(self) -> str:
        return f"rc_clone_{self.rehearsal.pk}_{self.token.hex[:12]}"


def application_name(rehearsal_id: int, token: uuid.UUID) -> str:
    return f"rc-rehearsal-{rehearsal_id}-{token.hex[:12]}"


@transaction.atomic
def claim(rehearsal_id: int) -> Claim | None:
    """Take a queued rehearsal; None when there is nothing to do, which is no error.

    The clone's name is written before the clone is made, so whoever comes after a kill knows it.
    """
    held = Claim(Rehearsal(pk=rehearsal_id))
    taken = Rehearsal.objects.filter(pk=rehearsal_id, state=RehearsalState.QUEUED).update(
        state=RehearsalState.RUNNING,
        token=held.token,
        heartbeat_at=Now(),
        started_at=Now(),
        clone_name=held.clone_name,
        clone_kind="",
        error="",
    )
    if taken != 1:
        return None
    found = Rehearsal.objects.select_related("run__release", "run__target__environment")
    rehearsal = found.get(pk=rehearsal_id)
    rehearsal.scripts.all().delete()
    return Claim(rehearsal, held.token)


def write(held: Claim, **changes: Any) -> bool:
    """Change the row while the claim is ours; False when it is not any more."""
    ours = Rehearsal.objects.filter(
        pk=held.rehearsal.pk, token=held.token, state=RehearsalState.RUNNING
    )
    return ours.update(**changes) == 1


@transaction.atomic
def finish(held: Claim, state: RehearsalState, *, error: str, notes: list[str]) -> bool:
    """Write how it ended, and the event with it; False if the claim is gone.

    Called when the clone is thrown away, so its name goes, too.
    """
    REHEARSAL.require(RehearsalState.RUNNING, state)
    ended = write(
        held, state=state, error=error, notes=notes, clone_name="", token=None, finished_at=Now()
    )
    if ended:
        tell(held.rehearsal, _VERBS[state], WORKER, error=error)
    return ended


def forget_clone(rehearsal_id: int, name: str) -> None:
    """Say that a clone is thrown away."""
    Rehearsal.objects.filter(pk=rehearsal_id, clone_name=name).update(clone_name="")


def tell(rehearsal: Rehearsal, verb: str, actor: Actor, **data: Any) -> None:
    """One event about a rehearsal."""
    run = rehearsal.run
    timeline.record(
        actor=actor,
        verb=verb,
        subject=rehearsal,
        release=run.release,
        environment=run.target.environment,
        data={name: value for name, value in data.items() if value},
    )


class Pulse:
    """Beats for a claim in a thread of its own; `stop` is set once the claim is not ours.

    `interrupt`, when set, is called again and again from then on.
    """

    def __init__(self, held: Claim) -> None:
        self.stop = threading.Event()
        self.interrupt: Callable[[], None] | None = None
        self._held = held
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat_on, name="pulse", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()

    def wait(self, seconds: float) -> bool:
        """Pause; True when the rehearsal is to stop."""
        return self.stop.wait(seconds) if seconds else self.stop.is_set()

    def _beat_on(self) -> None:
        try:
            while not self._ended.wait(_BEAT_SECONDS):
                if not self.stop.is_set():
                    self._beat()
                if self.stop.is_set() and self.interrupt is not None:
                    self.interrupt()
        finally:
            connection.close()

    def _beat(self) -> None:
        try:
            if not write(self._held, heartbeat_at=Now()):
                self.stop.set()
        except DatabaseError:
            log.warning("rehearsal %s: no heartbeat now", self._held.rehearsal.pk)
            connection.close()
