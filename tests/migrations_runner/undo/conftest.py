"""A script at work without the rest of a run: its transaction, its ledger row, the guard."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import psycopg
import pytest
from psycopg import sql

from migrations_runner import ledger
from migrations_runner.models import MigrationRun, RunScript
from migrations_runner.session import try_lock
from migrations_runner.states import RunState, StepState
from migrations_runner.undo import restoring
from migrations_runner.undo.capturing import capturing
from migrations_runner.work import RunAtWork, Work
from releases.models import Release, TargetDatabase

Target = psycopg.Connection[tuple[object, ...]]
Apply = Callable[..., MigrationRun]
Undo = Callable[..., str]


@dataclass
class Keeper:
    stop: threading.Event = field(default_factory=threading.Event)

    def wait(self, seconds: float) -> bool:
        return self.stop.wait(seconds)


@pytest.fixture
def session(target_url: str) -> Iterator[Target]:
    """The session of a run; `on_target` is somebody else's."""
    with psycopg.connect(target_url, autocommit=True, prepare_threshold=None) as connection:
        assert try_lock(connection)
        ledger.prepare(connection)
        yield connection


@pytest.fixture
def apply(target: TargetDatabase, target_url: str, session: Target) -> Iterator[Apply]:
    """Apply texts as the scripts of one run, each in its transaction, and keep their rows."""
    release = Release.objects.create(slug="r", title="R")
    watching = psycopg.connect(target_url, autocommit=True, prepare_threshold=None)

    def make(*texts: str, undo: bool = True) -> MigrationRun:
        run = MigrationRun.objects.create(
            release=release,
            target=target,
            state=RunState.SUCCEEDED,
            batch_hash="x",
            requested_by_name="t",
        )
        for place, text in enumerate(texts):
            name = f"{run.pk}-{place}.sql"
            script = RunScript.objects.create(
                run=run,
                name=name,
                position=place,
                role="data",
                undo=undo,
                text=text,
                sha256="0",
                state=StepState.APPLIED,
            )
            at_work = SimpleNamespace(run=run, observer=lambda: watching)
            key = ledger.Key("r", name, "", "0", "data")
            work = SimpleNamespace(connection=session, run=at_work, script=script, key=key)
            with session.transaction():
                ledger.record_applied(session, key, run.pk)
                with capturing(cast("Work", work)):
                    session.execute(sql.SQL(text))
        return run

    yield make
    watching.close()


@pytest.fixture
def undo(session: Target) -> Undo:
    """Carry out the undo of a run, as its worker would."""

    def do(run: MigrationRun, **facts: Any) -> str:
        asked = MigrationRun.objects.create(
            kind=MigrationRun.Kind.UNDO,
            undoes=run,
            release=run.release,
            target=run.target,
            state=RunState.RUNNING,
            batch_hash="y",
            requested_by_name="t",
        )
        at_work = SimpleNamespace(
            run=asked, target=run.target, connection=session, keeper=facts.get("keeper", Keeper())
        )
        try:
            return restoring.carry_out(cast("RunAtWork", at_work))
        finally:
            MigrationRun.objects.filter(pk=asked.pk).update(state=RunState.FAILED)

    return do
