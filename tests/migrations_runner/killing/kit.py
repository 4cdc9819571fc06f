"""Killing workers again and again at one point, and what every room has to say about itself.

KILLS says how often each point is tried; 300 times in `make faults`. Unless told it is 20 times,
and 6 times where a kill takes a second or two (rows, copies): CI has twenty minutes.
"""

from __future__ import annotations

import os
import signal
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import count

import psycopg
import pytest
from django.db.models.functions import Now

from migrations_runner import execution, resolving, runs
from migrations_runner.models import MigrationRun, MigrationScript, RunScript
from migrations_runner.states import AT_WORK, RunState
from releases.models import Release, TargetDatabase
from releases.timeline import Actor
from tests.migrations_runner.killing.points import QUICK, Point
from tests.migrations_runner.killing.victims import ANY_MOMENT, Victims

KILLS = int(os.environ.get("KILLS", "0"))
OFTEN, SELDOM = 20, 6
ME = Actor.command("test")
MARKS = [
    pytest.mark.faults,
    pytest.mark.django_db(transaction=True),
    pytest.mark.timeout(120 + 3 * (KILLS or OFTEN)),
]
Target = psycopg.Connection[tuple[object, ...]]
Kill = Callable[[Point, "Room"], None]


class Room(ABC):
    """One kind of work: begun, killed, looked at by the reaper, ended, checked."""

    @abstractmethod
    def begin(self, n: int) -> int:
        """Have the nth work wait for a worker; answers its id."""

    @abstractmethod
    def look(self, at: int) -> bool:
        """The reaper looks as if time had passed; is there anything left for a worker to do?"""

    @abstractmethod
    def go_on(self, at: int) -> None:
        """What a worker does that lives, until the work has ended."""

    @abstractmethod
    def check(self, n: int, at: int) -> None:
        """The work has ended well; what was recorded and what took effect are the same, once."""

    @abstractmethod
    def told(self, at: int) -> object:
        """What our rows say of the work, for whoever reads why a test failed."""

    @contextmanager
    def in_the_way(self) -> Iterator[None]:
        """What the victim meets."""
        yield

    after = 0.01
    """After how many seconds a victim dies that dies in the middle of something."""


def kill_again_and_again(victims: Victims, point: Point, room: Room) -> int:
    """Many workers die at the point, and each work ends as if nothing had been; how many died."""
    wanted = KILLS or (OFTEN if point in QUICK else SELDOM)
    killed = 0
    for n in count():
        at = room.begin(n)
        if victims.is_cold(point):
            victims.warm_up(point, at)
        else:
            killed += _kill(victims, point, room, at)
        room.go_on(at)
        room.check(n, at)
        if killed >= wanted:
            break
    return killed


def _kill(victims: Victims, point: Point, room: Room, at: int) -> int:
    """Have workers die at one work, one after another; answers how many did."""
    for died in range(point.deaths):
        with room.in_the_way():
            code = victims.work(point, at, after=room.after)
        if code == 0 and (died or point.function == ANY_MOMENT):  # it did not pass there again
            return died
        assert code == -signal.SIGKILL, (code, room.told(at))
        if not room.look(at):
            return died + 1
    return point.deaths


def pass_time(run_id: int) -> None:
    """As if the heartbeat were long ago."""
    MigrationRun.objects.filter(pk=run_id, state__in=AT_WORK).update(
        heartbeat_at=Now() - timedelta(hours=1)
    )


def look(run_id: int) -> RunState:
    """Let the reaper look after a while."""
    pass_time(run_id)
    resolving.reap()
    return RunState(MigrationRun.objects.values_list("state", flat=True).get(pk=run_id))


class Runs(Room):
    """Runs of scripts on one target, each with a name of its own."""

    def __init__(self, target: TargetDatabase, on_target: Target) -> None:
        self.on_target = on_target
        self._target = target
        self._release, _ = Release.objects.get_or_create(slug="r", defaults={"title": "R"})

    def queue(self, n: int, *texts: str, **variables: str) -> MigrationRun:
        """Scripts ``n-1.sql``, ``n-2.sql`` … as one run that waits."""
        scripts = [
            MigrationScript.objects.create(
                release=self._release, name=f"{n}-{place}.sql", text=text, position=place
            )
            for place, text in enumerate(texts, 1)
        ]
        return runs.queue(scripts=scripts, target=self._target, variables=variables, actor=ME)

    def look(self, at: int) -> bool:
        return look(at) == RunState.QUEUED

    def go_on(self, at: int) -> None:
        for _ in range(3):
            execution.execute(at)
            if look(at) != RunState.QUEUED:
                return

    def told(self, at: int) -> object:
        facts = ("state", "error", "next_step", "claims", "waiting_on")
        return MigrationRun.objects.values(*facts).get(pk=at)

    def check(self, n: int, at: int) -> None:
        state = MigrationRun.objects.values_list("state", flat=True).get(pk=at)
        assert state == RunState.SUCCEEDED, (n, self.told(at))
        written = self.on_target.execute(
            "SELECT name, state, doing FROM release_control.ledger WHERE run_id = %s ORDER BY name",
            [at],
        ).fetchall()
        names = RunScript.objects.filter(run=at).order_by("name").values_list("name", flat=True)
        assert written == [(name, "applied", None) for name in names]
