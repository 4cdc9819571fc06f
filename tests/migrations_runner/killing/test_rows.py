"""kill -9 in backfills, fan-outs and undos: each row, each key and each way back exactly once."""

from __future__ import annotations

from typing import Any

import pytest

from migrations_runner import execution
from migrations_runner.models import MigrationRun, MigrationScript, RunScript
from migrations_runner.states import RunState
from migrations_runner.undo import verbs
from releases.models import Evidence, TargetDatabase
from releases.timeline import subject_of
from tests.migrations_runner.killing import kit
from tests.migrations_runner.killing.kit import Kill, Runs, Target
from tests.migrations_runner.killing.points import BACKFILL, FAN_OUT, UNDO, Point

pytestmark = kit.MARKS
ROWS, KEYS = 1200, 5
Mode = MigrationScript.Mode


class Backfills(Runs):
    """Each adds one to every row. The planner takes the table for large: two sessions share it."""

    def __init__(self, target: TargetDatabase, on_target: Target) -> None:
        super().__init__(target, on_target)
        on_target.execute("CREATE TABLE t (id int PRIMARY KEY, n int NOT NULL)")

    def begin(self, n: int) -> int:
        self.on_target.execute(
            f"TRUNCATE t; INSERT INTO t SELECT i, 0 FROM generate_series(1, {ROWS}) i;"
            "UPDATE pg_class SET reltuples = 25000 WHERE oid = 't'::regclass"
        )
        run = self.queue(n, "UPDATE t SET n = n + 1")
        RunScript.objects.filter(run=run).update(mode=Mode.BACKFILL)
        return run.pk

    def check(self, n: int, at: int) -> None:
        super().check(n, at)
        done = self.on_target.execute("SELECT min(n), max(n), count(*) FROM t").fetchone()
        assert done == (1, 1, ROWS)


class FanOuts(Runs):
    """Each writes down every key."""

    def __init__(self, target: TargetDatabase, on_target: Target) -> None:
        super().__init__(target, on_target)
        on_target.execute(
            f"CREATE TABLE done (n int); CREATE TABLE u AS SELECT generate_series(1, {KEYS}) AS id"
        )

    def begin(self, n: int) -> int:
        self.on_target.execute("TRUNCATE done")
        run = self.queue(n, "INSERT INTO done VALUES (:id)", id="0")
        RunScript.objects.filter(run=run).update(mode=Mode.FAN_OUT, driver_query="SELECT id FROM u")
        return run.pk

    def check(self, n: int, at: int) -> None:
        super().check(n, at)
        done = self.on_target.execute("SELECT n FROM done ORDER BY n").fetchall()
        assert done == [(key,) for key in range(1, KEYS + 1)]


class Captures(Runs):
    """Runs that keep what they change, and die while they do."""

    def __init__(self, target: TargetDatabase, on_target: Target) -> None:
        super().__init__(target, on_target)
        on_target.execute("CREATE TABLE books (id int PRIMARY KEY, title text)")

    def begin(self, n: int) -> int:
        self.on_target.execute("TRUNCATE books; INSERT INTO books VALUES (1, 'a'), (2, 'b')")
        run = self.queue(
            n,
            "UPDATE books SET title = 'x' WHERE id = 1; DELETE FROM books WHERE id = 2;"
            "INSERT INTO books VALUES (3, 'c')",
        )
        RunScript.objects.filter(run=run).update(undo=True)
        return run.pk

    def check(self, n: int, at: int) -> None:
        super().check(n, at)
        assert self.books() == [(1, "x"), (3, "c")]
        kept = self.on_target.execute(
            "SELECT r.key, r.old, r.new FROM release_control.undo_captures c"
            " JOIN release_control.undo_rows r ON r.capture = c.id WHERE c.run_id = %s ORDER BY 1",
            [at],
        ).fetchall()
        assert kept == [("(1)", "(1,a)", "(1,x)"), ("(2)", "(2,b)", None), ("(3)", None, "(3,c)")]

    def books(self) -> list[tuple[Any, ...]]:
        return self.on_target.execute("SELECT id, title FROM books ORDER BY id").fetchall()


class Undos(Captures):
    """The way back of such runs."""

    def begin(self, n: int) -> int:
        run = MigrationRun.objects.get(pk=super().begin(n))
        execution.execute(run.pk)
        return verbs.request_undo(run=run, actor=kit.ME, reason="wrong").pk

    def check(self, n: int, at: int) -> None:
        undo = MigrationRun.objects.get(pk=at)
        assert undo.state == RunState.SUCCEEDED, (n, self.told(at))
        assert self.books() == [(1, "a"), (2, "b")]
        assert list(undo.scripts.values_list("state", flat=True)) == ["undone"]
        (counted,) = Evidence.objects.filter(subject=subject_of(undo), numbers__has_key="tables")
        assert [(each["restored"], each["left"]) for each in counted.numbers["tables"]] == [(1, 0)]
        stands = self.on_target.execute(
            "SELECT l.state, c.undone_by FROM release_control.ledger l"
            " JOIN release_control.undo_captures c USING (run_id, name) WHERE l.run_id = %s",
            [undo.undoes_id],
        ).fetchall()
        assert stands == [("undone", at)]


@pytest.mark.parametrize("point", [pytest.param(each, id=each.name) for each in BACKFILL])
def test_a_killed_backfill_changes_each_row_once(
    target: TargetDatabase, on_target: Target, kill: Kill, point: Point
) -> None:
    kill(point, Backfills(target, on_target))


@pytest.mark.parametrize("point", [pytest.param(each, id=each.name) for each in FAN_OUT])
def test_a_killed_fan_out_does_each_key_once(
    target: TargetDatabase, on_target: Target, kill: Kill, point: Point
) -> None:
    kill(point, FanOuts(target, on_target))


@pytest.mark.parametrize("point", [pytest.param(each, id=each.name) for each in UNDO])
def test_a_killed_undo_takes_back_everything_or_nothing(
    target: TargetDatabase, on_target: Target, kill: Kill, point: Point
) -> None:
    rooms = {"capture": Captures, "undo": Undos}
    kill(point, rooms[point.scene](target, on_target))
