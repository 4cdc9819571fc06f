"""kill -9 in rehearsals and backups: no clone, no half a file is left, the original untouched."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from django.db.models.functions import Now
from pytest_django.fixtures import Settings

from migrations_runner.backup import claims, taking, verifying
from migrations_runner.backup import verbs as backups
from migrations_runner.models import Backup, MigrationRun, Rehearsal
from migrations_runner.rehearsal import rehearse
from migrations_runner.rehearsal import verbs as rehearsals
from migrations_runner.states import BackupState, RehearsalState
from releases.models import TargetDatabase
from tests import databases
from tests.migrations_runner.conftest import QueueRun
from tests.migrations_runner.killing import kit
from tests.migrations_runner.killing.kit import Kill, Room
from tests.migrations_runner.killing.points import BACKUP, REHEARSAL, Point
from tests.migrations_runner.killing.victims import Victims

pytestmark = kit.MARKS
WORLD = "CREATE TABLE t (id bigint PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 100)"
# Of this rehearsal: other tests may rehearse on this server at the same time.
_CLONES = "SELECT datname FROM pg_database WHERE starts_with(datname, %s)"


class Rehearsals(Room):
    """Rehearsals of one run that would empty the target."""

    def __init__(self, run: MigrationRun, url: str, scene: str) -> None:
        self._run, self._url, self._scene = run, url, scene
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(WORLD.encode())

    def begin(self, _n: int) -> int:
        return rehearsals.request(run=self._run, actor=kit.ME).pk

    @contextmanager
    def in_the_way(self) -> Iterator[None]:
        """Somebody who is connected, so that the target can't be copied whole."""
        somebody: AbstractContextManager[object] = nullcontext()
        if self._scene == "sampled":
            somebody = psycopg.connect(self._url)
        with somebody:
            yield

    def look(self, at: int) -> bool:
        Rehearsal.objects.filter(pk=at).update(heartbeat_at=Now() - timedelta(hours=1))
        rehearsals.reap()
        left = Rehearsal.objects.get(pk=at)
        assert (left.clone_name, clones(at)) == ("", [])
        return left.state == RehearsalState.QUEUED

    def go_on(self, at: int) -> None:
        rehearse.rehearse(at)

    def told(self, at: int) -> object:
        return Rehearsal.objects.values("state", "error", "notes").get(pk=at)

    def check(self, _n: int, at: int) -> None:
        ended = Rehearsal.objects.get(pk=at)
        assert (ended.error, ended.state) == ("", RehearsalState.PASSED)
        assert list(ended.scripts.values_list("name", flat=True)) == ["1.sql"]
        assert clones(at) == []
        with psycopg.connect(self._url, autocommit=True) as connection:
            rows = connection.execute("SELECT count(*), sum(id) FROM t").fetchone()
            ledger = connection.execute("SELECT count(*) FROM release_control.ledger").fetchone()
            columns = connection.execute(
                "SELECT string_agg(attname, ' ') FROM pg_attribute"
                " WHERE attrelid = 't'::regclass AND attnum > 0"
            ).fetchone()
        assert (rows, ledger, columns) == ((100, 5050), (0,), ("id",))


class Backups(Room):
    """Dumps of one target into the folder of the workers."""

    def __init__(self, target: TargetDatabase, url: str, folder: Path) -> None:
        self._target, self._folder = target, folder
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(WORLD.encode())

    def begin(self, _n: int) -> int:
        return backups.request(target=self._target, actor=kit.ME).pk

    def look(self, at: int) -> bool:
        Backup.objects.filter(pk=at, state=BackupState.RUNNING).update(
            heartbeat_at=Now() - timedelta(hours=1)
        )
        claims.reap()
        return Backup.objects.get(pk=at).state == BackupState.QUEUED

    def go_on(self, at: int) -> None:
        taking.take(at)

    def told(self, at: int) -> object:
        return Backup.objects.values("state", "error").get(pk=at)

    def check(self, _n: int, at: int) -> None:
        backup = Backup.objects.get(pk=at)
        assert (backup.error, backup.state) == ("", BackupState.VERIFIED)
        assert [backup.path] == [str(file) for file in self._folder.iterdir()]
        assert verifying.unchanged(backup)
        Path(backup.path).unlink()


def clones(rehearsal: int) -> list[object]:
    with psycopg.connect(databases.url_of("postgres"), autocommit=True) as server:
        return [row[0] for row in server.execute(_CLONES, [f"rc_clone_{rehearsal}_"])]


@pytest.mark.parametrize("point", [pytest.param(each, id=each.name) for each in REHEARSAL])
def test_a_killed_rehearsal_leaves_no_clone_and_is_begun_anew(
    queue: QueueRun, target_url: str, kill: Kill, point: Point
) -> None:
    run = queue("DELETE FROM t; ALTER TABLE t ADD note text")
    kill(point, Rehearsals(run, target_url, point.scene))


@pytest.mark.parametrize("point", [pytest.param(each, id=each.name) for each in BACKUP])
def test_a_killed_backup_ends_as_one_whole_file(
    target: TargetDatabase,
    target_url: str,
    victims: Victims,
    settings: Settings,
    kill: Kill,
    point: Point,
) -> None:
    settings.BACKUP_DIR = str(victims.folder)
    target.backup = TargetDatabase.BackupNeed.DUMP
    target.save()
    kill(point, Backups(target, target_url, victims.folder))
