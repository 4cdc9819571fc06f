"""Asking for an undo, looking first, the way of the down scripts, and forgetting in time."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from pytest_django.fixtures import Settings

from migrations_runner.models import MigrationRun, MigrationScript, RunScript
from migrations_runner.parsing import parse_script
from migrations_runner.undo import downs, previewing, restoring, retention, verbs
from migrations_runner.undo.refusals import CannotBeUndone, NothingToUndo, UndoneAlready
from releases.timeline import Actor
from tests.migrations_runner.undo.conftest import Apply, Target, Undo

ME = Actor.command("test")
SCHEMA = "CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'a'), (2, 'b')"


def test_an_undo_is_a_run_of_its_own_and_is_asked_for_once(on_target: Target, apply: Apply) -> None:
    on_target.execute(SCHEMA)
    run = apply("UPDATE t SET v = 'x'", "DELETE FROM t WHERE id = 1")
    asked = verbs.request_undo(run=run, actor=ME, reason="wrong")
    assert (asked.kind, asked.undoes, asked.state) == ("undo", run, "queued")
    first, last = asked.scripts.all()
    assert (first.name, last.name) == (f"{run.pk}-1.sql", f"{run.pk}-0.sql")
    with pytest.raises(UndoneAlready, match=f"See run {asked.pk}"):
        verbs.request_undo(run=run, actor=ME, reason="again")
    MigrationRun.objects.filter(pk=asked.pk).update(state="succeeded")
    with pytest.raises(UndoneAlready):
        verbs.request_undo(run=run, actor=ME, reason="again")
    asked.refresh_from_db()
    with pytest.raises(verbs.NotAnUndo):
        verbs.request_undo(run=asked, actor=ME, reason="again")


def test_in_production_an_undo_waits_for_another_person(on_target: Target, apply: Apply) -> None:
    on_target.execute(SCHEMA)
    run = apply("UPDATE t SET v = 'x'")
    environment = run.target.environment
    environment.is_production = True
    environment.save()
    User.objects.create_superuser("ben")  # somebody who could approve it
    asked = verbs.request_undo(run=run, actor=ME, reason="wrong")
    assert asked.state == "awaiting_approval"


def test_only_what_was_kept_and_has_ended_is_undone(on_target: Target, apply: Apply) -> None:
    on_target.execute(SCHEMA)
    with pytest.raises(NothingToUndo):
        verbs.request_undo(run=apply("DELETE FROM t", undo=False), actor=ME, reason="")
    run = apply("INSERT INTO t VALUES (3, 'c')")
    MigrationRun.objects.filter(pk=run.pk).update(state="running")
    with pytest.raises(verbs.RunNotOver):
        verbs.request_undo(run=run, actor=ME, reason="")


def test_a_preview_counts_and_changes_nothing(on_target: Target, apply: Apply, undo: Undo) -> None:
    on_target.execute(SCHEMA)
    run = apply("UPDATE t SET v = 'x'; INSERT INTO t VALUES (12345, 'new')", "UPDATE t SET v = 'y'")
    on_target.execute("UPDATE t SET v = 'theirs' WHERE id = 12345")
    before = on_target.execute("SELECT * FROM t ORDER BY id").fetchall()
    assert previewing.answer(run) is None
    seen = previewing.look(run)
    assert previewing.answer(run) == seen
    assert seen.verdict == "inconclusive"
    (table,) = seen.numbers["tables"]
    assert (table["restored"], table["left"], table["sample"]) == (4, 1, ["12…45"])
    assert on_target.execute("SELECT * FROM t ORDER BY id").fetchall() == before
    undo(run)
    assert previewing.look(run).verdict == "fail"


def test_what_became_of_an_undo_is_asked_of_the_target(
    on_target: Target, apply: Apply, undo: Undo
) -> None:
    on_target.execute(SCHEMA)
    run = apply("UPDATE t SET v = 'x'")
    undo(run)
    asked = MigrationRun.objects.get(undoes=run)
    assert restoring.resolved(on_target, asked).state == "succeeded"
    assert "2 changed rows" in restoring.resolved(on_target, asked).next_step
    assert restoring.resolved(on_target, MigrationRun(pk=asked.pk + 1)).state == "queued"


def test_old_rows_go_when_their_time_is_over(
    on_target: Target, apply: Apply, settings: Settings
) -> None:
    on_target.execute(SCHEMA)
    apply("UPDATE t SET v = 'x'")
    RunScript.objects.update(started_at="2020-01-01T00:00Z")
    assert retention.purge() == 0
    on_target.execute("UPDATE release_control.undo_captures SET at = at - interval '31 days'")
    assert retention.purge() == 1
    assert on_target.execute("SELECT count(*) FROM release_control.undo_rows").fetchone() == (0,)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("UPDATE t SET v = 1;\nALTER TABLE t DROP v", "line 2: ALTER TABLE"),
        ("TRUNCATE t", "line 1: TRUNCATE"),
        ("SELECT 1 INTO u", "line 1: SELECT INTO"),
        ("CREATE INDEX CONCURRENTLY i ON t (v)", "can't be one transaction"),
    ],
)
def test_the_door_says_what_can_t_be_kept(text: str, line: str) -> None:
    script = MigrationScript(name="a.sql", text=text, undo=True)
    with pytest.raises(CannotBeUndone, match=line):
        verbs.refuse_unless_keepable(script, parse_script(script.text, {}))
    script.text = "CREATE TEMP TABLE w AS SELECT 1; INSERT INTO t SELECT * FROM w; DROP TABLE w"
    script.undo = False
    verbs.refuse_unless_keepable(script, parse_script(script.text, {}))


def test_down_scripts_go_backwards_all_or_none(on_target: Target, apply: Apply) -> None:
    on_target.execute(SCHEMA)
    run = apply("INSERT INTO t VALUES (3, 'c')", "INSERT INTO t VALUES (4, 'd')")
    assert run.release is not None
    for place, copy in enumerate(run.scripts.all()):
        copy.script = MigrationScript.objects.create(
            release=run.release, name=copy.name, text=copy.text, position=place
        )
        copy.save()
    with pytest.raises(downs.NoWayBack):
        downs.queue_downs(run=run, actor=ME)
    for copy in run.scripts.all():
        MigrationScript.objects.create(
            release=run.release,
            name=f"down-{copy.name}",
            text=f"DELETE FROM t WHERE id = {3 + copy.position}",
            role="rollback",
            reverts=copy.script,
        )
    queued = downs.queue_downs(run=run, actor=ME)
    names = list(queued.scripts.values_list("name", flat=True))
    assert names == [f"down-{run.pk}-1.sql", f"down-{run.pk}-0.sql"]
