"""kill -9 of a worker at each named point of a run: nothing is applied twice, nothing forgotten."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest

from migrations_runner.models import MigrationRun
from releases.models import TargetDatabase
from tests.migrations_runner.killing import kit
from tests.migrations_runner.killing.kit import Kill, Runs, Target
from tests.migrations_runner.killing.points import APART, REAPER, SCRIPTS, Point
from tests.migrations_runner.killing.victims import Victims

pytestmark = kit.MARKS
SCHEMA = (
    "CREATE TABLE effects (script text, at timestamptz DEFAULT clock_timestamp());"
    "INSERT INTO effects VALUES ('before'), ('before');"
)
_DIES = Point("in its first statement", "migrations_runner.steps:do")


def insert(label: str) -> str:
    return f"INSERT INTO effects (script) VALUES ('{label}');"


def plain(n: int) -> list[str]:
    return [insert(f"{n}a") + insert(f"{n}b")]


def pair(n: int) -> list[str]:
    return [insert(f"{n}a"), insert(f"{n}b")]


def slow(n: int) -> list[str]:
    text = f"WITH s AS (SELECT pg_sleep(0.1)) INSERT INTO effects (script) SELECT '{n}a' FROM s;"
    return [text + insert(f"{n}b")]


def apart(n: int) -> list[str]:
    index = f"CREATE INDEX CONCURRENTLY i{n} ON effects (script);"
    return [insert(f"{n}a") + index + "VACUUM effects;" + insert(f"{n}b")]


def trap(n: int) -> list[str]:
    """An invalid index stands in the way, and IF NOT EXISTS would take it for the real one."""
    return [apart(n)[0].replace("CONCURRENTLY", "CONCURRENTLY IF NOT EXISTS")]


SCENES: dict[str, Callable[[int], list[str]]] = {
    "plain": plain,
    "pair": pair,
    "slow": slow,
    "apart": apart,
    "blocked": apart,
    "trap": trap,
}


class Effects(Runs):
    """Runs whose every statement leaves a row."""

    def __init__(self, target: TargetDatabase, on_target: Target, scene: str) -> None:
        super().__init__(target, on_target)
        on_target.execute(SCHEMA.encode())
        self._scene = scene
        self.after = 0.05 if scene == "blocked" else 0.01

    def begin(self, n: int) -> int:
        if self._scene == "trap":
            self._leave_invalid(n)
        return self.queue(n, *SCENES[self._scene](n)).pk

    def check(self, n: int, at: int) -> None:
        super().check(n, at)
        self._check_index(n)
        rows = self.on_target.execute("SELECT script FROM effects ORDER BY 1").fetchall()
        assert rows == [(f"{n}a",), (f"{n}b",), ("before",), ("before",)]
        self.on_target.execute("DELETE FROM effects WHERE script <> 'before'")

    @contextmanager
    def in_the_way(self) -> Iterator[None]:
        """An open transaction that has CREATE INDEX CONCURRENTLY wait, and so leave its begun."""
        if self._scene != "blocked":
            yield
            return
        info = self.on_target.info
        with psycopg.connect(info.dsn, password=info.password) as other:
            other.execute("INSERT INTO effects VALUES ('never')")
            yield
            other.rollback()

    def _leave_invalid(self, n: int) -> None:
        """As a unique index leaves itself behind that finds a duplicate."""
        with pytest.raises(psycopg.errors.UniqueViolation):
            self.on_target.execute(f"CREATE UNIQUE INDEX CONCURRENTLY i{n} ON effects ((1))")

    def _check_index(self, n: int) -> None:
        found = self.on_target.execute(
            "SELECT c.relname, i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
            " WHERE i.indrelid = 'effects'::regclass"
        ).fetchall()
        wanted = self._scene in {"apart", "blocked", "trap"}
        assert found == ([(f"i{n}", True)] if wanted else [])
        if wanted:
            self.on_target.execute(f"DROP INDEX i{n}")


class Reaped(Effects):
    """Runs whose worker is dead already: it is reapers that die at them."""

    def __init__(self, target: TargetDatabase, on_target: Target, victims: Victims) -> None:
        super().__init__(target, on_target, "plain")
        self._victims = victims

    def begin(self, n: int) -> int:
        at = super().begin(n)
        assert self._victims.work(_DIES, at) == -signal.SIGKILL
        kit.pass_time(at)
        return at

    def look(self, _at: int) -> bool:
        return True  # another reaper comes

    def go_on(self, at: int) -> None:
        kit.look(at)
        super().go_on(at)


@pytest.mark.parametrize("point", [pytest.param(each, id=each.name) for each in [*SCRIPTS, *APART]])
def test_a_killed_worker_applies_nothing_twice_and_forgets_nothing(
    target: TargetDatabase, on_target: Target, kill: Kill, point: Point
) -> None:
    kill(point, Effects(target, on_target, point.scene))


@pytest.mark.parametrize("point", [pytest.param(each, id=each.name) for each in REAPER])
def test_a_killed_reaper_leaves_the_run_to_the_next_one(
    target: TargetDatabase, on_target: Target, victims: Victims, kill: Kill, point: Point
) -> None:
    kill(point, Reaped(target, on_target, victims))
    assert not MigrationRun.objects.exclude(state="succeeded").exists()
