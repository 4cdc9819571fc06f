"""A run on a throw-away clone: what it tells of each statement, and that the target stays as is."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest

from migrations_runner import fingerprints
from migrations_runner.models import MigrationScript, Rehearsal, RehearsedStatement
from migrations_runner.rehearsal import points, telling, verbs
from migrations_runner.states import RehearsalState, RunState
from releases.models import Event, TargetDatabase
from releases.refusals import NotPermitted
from releases.timeline import Actor
from tests.migrations_runner.conftest import QueueRun
from tests.migrations_runner.rehearsal.conftest import Rehearse, Target, clones

pytestmark = pytest.mark.django_db(transaction=True)

WORLD = """
CREATE TABLE users (id bigint PRIMARY KEY, name text NOT NULL);
CREATE TABLE projects (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id bigint NOT NULL, title text, kind varchar(5) CHECK (kind IN ('a', 'b')));
CREATE INDEX by_title ON projects (title);
INSERT INTO users SELECT i, 'u' || i FROM generate_series(1, 100) i;
INSERT INTO projects (user_id, title) SELECT i % 100 + 1, 't' || i FROM generate_series(1, 2000) i;
"""


def statements(rehearsal: Rehearsal, position: int = 0) -> list[RehearsedStatement]:
    return list(rehearsal.scripts.get(position=position).statements.all())


def test_what_each_statement_did_is_told_and_the_target_is_untouched(
    queue: QueueRun, rehearsed: Rehearse, seed: Callable[[str], None], target_url: str
) -> None:
    seed(WORLD)
    run = queue(
        "ALTER TABLE projects ADD FOREIGN KEY (user_id) REFERENCES users;\n"
        "ALTER TABLE projects ALTER title TYPE varchar(99) USING left(title, 99);\n"
        "UPDATE users SET name = upper(name);\n"
        "SELECT 1;"
    )
    rehearsal = rehearsed(run)
    assert (rehearsal.error, rehearsal.state) == ("", RehearsalState.PASSED)
    assert rehearsal.clone_kind == Rehearsal.Clone.TEMPLATE
    key, kind, update, nothing = statements(rehearsal)
    assert ["public.users", "ShareRowExclusiveLock"] in key.locks
    assert ["public.projects", 2000] in key.scans
    assert key.rewrites == []
    assert ["public.projects", "AccessExclusiveLock"] in kind.locks
    assert {"public.projects", "public.by_title"} <= set(kind.rewrites)
    assert update.rows == 100
    assert update.locks == [["public.users", "RowExclusiveLock"]]
    assert update.wal_bytes is not None
    assert update.wal_bytes > 1000
    assert (nothing.locks, nothing.rewrites, nothing.scans) == ([], [], [])
    assert [one.line for one in (key, kind, update, nothing)] == [1, 2, 3, 4]
    assert [one.began_ms for one in (key, kind, update)] == sorted(
        one.began_ms for one in (key, kind, update)
    )
    assert clones(rehearsal) == 0
    assert rehearsal.clone_name == ""
    with psycopg.connect(target_url) as look:
        assert look.execute("SELECT count(*) FROM users WHERE name ~ '^U'").fetchone() == (0,)
        assert look.execute("SELECT to_regnamespace('release_control')").fetchone() == (None,)
    run.refresh_from_db()
    assert run.state == RunState.QUEUED


def test_what_a_script_drops_and_makes_has_its_name(
    queue: QueueRun, rehearsed: Rehearse, seed: Callable[[str], None]
) -> None:
    seed(WORLD)
    rehearsal = rehearsed(
        queue("DROP TABLE projects; CREATE TABLE fresh (id bigint REFERENCES users)")
    )
    drop, create = statements(rehearsal)
    assert drop.locks == [["public.projects", "AccessExclusiveLock"]]
    assert ["public.users", "ShareRowExclusiveLock"] in create.locks
    assert create.rewrites == []


def test_a_statement_outside_a_transaction_is_watched_while_it_runs(
    queue: QueueRun, rehearsed: Rehearse, seed: Callable[[str], None]
) -> None:
    seed(
        WORLD + "INSERT INTO projects (user_id, title) SELECT 1, i FROM generate_series(1,99000) i"
    )
    rehearsal = rehearsed(
        queue(
            "CREATE INDEX CONCURRENTLY slow ON projects (title, user_id); REINDEX TABLE "
            "CONCURRENTLY projects"
        )
    )
    assert rehearsal.error == ""
    index, again = statements(rehearsal)
    assert ["public.projects", "ShareUpdateExclusiveLock"] in index.locks
    assert "public.by_title" in again.rewrites


def test_a_failing_statement_fails_the_rehearsal_by_its_line_and_leaves_no_clone(
    queue: QueueRun, rehearsed: Rehearse, seed: Callable[[str], None]
) -> None:
    seed(WORLD)
    rehearsal = rehearsed(queue("SELECT 1;\nUPDATE users SET nowhere = 1", "SELECT 2"))
    assert rehearsal.state == RehearsalState.FAILED
    assert "1.sql, line 2" in rehearsal.error
    assert 'column "nowhere"' in rehearsal.error
    assert 'column "nowhere"' in statements(rehearsal)[1].error
    assert rehearsal.scripts.count() == 1
    assert clones(rehearsal) == 0
    assert Event.objects.filter(verb="rehearsal.fail").exists()


def test_with_others_connected_the_schema_and_a_sample_are_rehearsed(
    queue: QueueRun,
    rehearsed: Rehearse,
    seed: Callable[[str], None],
    somebody: Target,
    settings: object,
) -> None:
    settings.REHEARSAL_SAMPLE_ROWS = 50  # type: ignore[attr-defined]
    seed(
        WORLD + "ALTER TABLE projects ADD FOREIGN KEY (user_id) REFERENCES users;"
        "CREATE MATERIALIZED VIEW titles AS SELECT title FROM projects; ANALYZE"
    )
    rehearsal = rehearsed(
        queue(
            "UPDATE projects SET title = 'x'; SELECT * FROM titles;"
            "INSERT INTO projects (user_id) SELECT min(id) FROM users"
        )
    )
    assert rehearsal.error == ""
    assert rehearsal.clone_kind == Rehearsal.Clone.DUMP
    assert statements(rehearsal)[0].rows == 50
    assert any("public.projects: 50 of about 2,000 rows." in note for note in rehearsal.notes)
    assert any("1 other session" in note for note in rehearsal.notes)
    assert not any("not quite" in note for note in rehearsal.notes), rehearsal.notes
    assert clones(rehearsal) == 0
    assert somebody.execute("SELECT count(*) FROM projects WHERE title = 'x'").fetchone() == (0,)


def test_a_sample_holds_every_parent_of_its_rows_through_any_circle_of_keys(
    queue: QueueRun,
    rehearsed: Rehearse,
    seed: Callable[[str], None],
    somebody: Target,
    settings: object,
) -> None:
    settings.REHEARSAL_SAMPLE_ROWS = 20  # type: ignore[attr-defined]
    seed(
        "CREATE TABLE a (id int, part int, boss int, PRIMARY KEY (id, part))"
        " PARTITION BY LIST (part);"
        "CREATE TABLE a1 PARTITION OF a FOR VALUES IN (1);"
        "CREATE TABLE a2 PARTITION OF a FOR VALUES IN (2);"
        "CREATE TABLE b (id serial PRIMARY KEY, a int, p int, next int REFERENCES b,"
        " FOREIGN KEY (a, p) REFERENCES a);"
        "INSERT INTO a SELECT i, i % 2 + 1 FROM generate_series(1, 500) i;"
        "INSERT INTO b (id, a, p, next) SELECT i, 501 - i, (501 - i) % 2 + 1, nullif(i, 500) + 1"
        " FROM generate_series(1, 500) i;"
        "SELECT setval('b_id_seq', 500); ANALYZE"
    )
    rehearsal = rehearsed(
        queue("SELECT * FROM b; INSERT INTO b (a, p) SELECT id, part FROM a LIMIT 1")
    )
    assert rehearsal.error == ""
    assert statements(rehearsal)[0].rows == 500  # each row of b leads to the next


def test_a_large_original_is_not_copied_whole(
    queue: QueueRun, rehearsed: Rehearse, seed: Callable[[str], None], settings: object
) -> None:
    settings.REHEARSAL_MAX_BYTES = 1000  # type: ignore[attr-defined]
    seed(WORLD)
    rehearsal = rehearsed(queue("SELECT 1"))
    assert rehearsal.clone_kind == Rehearsal.Clone.DUMP
    assert any("REHEARSAL_MAX_BYTES is 1,000" in note for note in rehearsal.notes)


def test_what_stood_before_each_script_is_what_a_run_will_find(
    queue: QueueRun, rehearsed: Rehearse, seed: Callable[[str], None], on_target: Target
) -> None:
    seed(WORLD)  # on_target is connected: a clone from a dump
    one, two = "ALTER TABLE users ADD mail text", "CREATE INDEX by_mail ON users (mail)"
    rehearsal = rehearsed(queue(one, two))
    assert rehearsal.error == ""
    assert points.found_at(rehearsal, 0) == fingerprints.take(on_target)
    on_target.execute(one.encode())
    assert points.found_at(rehearsal, 1) == fingerprints.take(on_target)
    on_target.execute(two.encode())
    last = rehearsal.scripts.get(position=1)
    assert last.fingerprint_after == fingerprints.take(on_target).digest
    assert points.found_at(rehearsal, 2) is None


def downs(run_texts: dict[str, str]) -> None:
    """Give scripts of the release a script that takes them back."""
    for name, text in run_texts.items():
        script = MigrationScript.objects.get(name=name)
        MigrationScript.objects.create(
            release=script.release, name=f"down-{name}", text=text, role="rollback", reverts=script
        )


def test_up_down_and_up_again(
    queue: QueueRun, rehearsed: Rehearse, seed: Callable[[str], None]
) -> None:
    seed(WORLD)
    run = queue("ALTER TABLE users ADD mail text", "CREATE INDEX by_mail ON users (mail)")
    downs({"1.sql": "ALTER TABLE users DROP mail", "2.sql": "DROP INDEX by_mail"})
    rehearsal = rehearsed(run, with_down=True)
    assert rehearsal.error == ""
    assert list(rehearsal.scripts.values_list("name", flat=True)) == [
        "1.sql",
        "2.sql",
        "down: down-2.sql",
        "down: down-1.sql",
        "again: 1.sql",
        "again: 2.sql",
    ]
    marks = list(rehearsal.scripts.values_list("fingerprint_before", "fingerprint_after"))
    assert marks[0][0] == marks[3][1]
    assert marks[5][1] == marks[1][1]


def test_a_down_script_that_forgets_something_is_named(
    queue: QueueRun, rehearsed: Rehearse, seed: Callable[[str], None]
) -> None:
    seed(WORLD)
    run = queue("ALTER TABLE users ADD mail text; ALTER TABLE users ADD phone text")
    downs({"1.sql": "ALTER TABLE users DROP mail"})
    rehearsal = rehearsed(run, with_down=True)
    assert rehearsal.state == RehearsalState.FAILED
    assert "After down-1.sql: table public.users: column phone was added." in rehearsal.error


def test_a_fan_out_is_rehearsed_with_its_first_row(
    queue: QueueRun, rehearsed: Rehearse, seed: Callable[[str], None]
) -> None:
    seed(WORLD)
    run = queue("UPDATE users SET name = 'x' WHERE id = :'user_id'", user_id="0")
    run.scripts.update(mode="fan_out", driver_query="SELECT id AS user_id FROM users ORDER BY id")
    rehearsal = rehearsed(run)
    assert rehearsal.error == ""
    assert statements(rehearsal)[0].rows == 1


def test_a_second_request_is_the_first_ones_rehearsal(queue: QueueRun) -> None:
    run = queue("SELECT 1")
    actor = Actor.command("test")
    assert verbs.request(run=run, actor=actor) == verbs.request(run=run, actor=actor)
    assert Event.objects.filter(verb="rehearsal.request").count() == 1


def test_only_who_may_queue_may_rehearse(queue: QueueRun, vic: object) -> None:
    with pytest.raises(NotPermitted):
        verbs.request(run=queue("SELECT 1"), actor=Actor.person(vic))  # type: ignore[arg-type]


def test_a_run_that_ended_is_not_rehearsed(queue: QueueRun) -> None:
    run = queue("SELECT 1")
    type(run).objects.filter(pk=run.pk).update(state=RunState.SUCCEEDED)
    with pytest.raises(verbs.NothingToRehearse):
        verbs.request(run=run, actor=Actor.command("test"))


def test_a_cancelled_rehearsal_is_not_begun(queue: QueueRun, rehearsed: Rehearse) -> None:
    run, actor = queue("SELECT 1"), Actor.command("test")
    made = verbs.request(run=run, actor=actor)
    assert verbs.cancel(rehearsal=made, actor=actor).state == RehearsalState.CANCELLED
    with pytest.raises(verbs.RehearsalIsOver):
        verbs.cancel(rehearsal=made, actor=actor)
    assert rehearsed(run).pk != made.pk


def test_a_role_that_may_not_create_databases_is_told_so(
    queue: QueueRun,
    rehearsed: Rehearse,
    target: TargetDatabase,
    target_url: str,
    seed: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = queue("SELECT 1")
    seed("CREATE ROLE rc_plain LOGIN PASSWORD 'hunter2secret'")
    try:
        head, _, tail = target_url.partition("@")
        monkeypatch.setenv("CLONE_URL", f"{head.partition('//')[0]}//rc_plain:hunter2secret@{tail}")
        TargetDatabase.objects.update(clone_variable="CLONE_URL")
        rehearsal = rehearsed(run)
    finally:
        seed("DROP ROLE rc_plain")
    assert rehearsal.state == RehearsalState.FAILED
    assert "ALTER ROLE rc_plain CREATEDB" in rehearsal.error
    assert "hunter2secret" not in rehearsal.error


def test_a_server_for_clones_that_nobody_named_is_told_by_its_variable(
    queue: QueueRun, rehearsed: Rehearse
) -> None:
    TargetDatabase.objects.update(clone_variable="CLONE_NOWHERE_URL")
    assert "Set CLONE_NOWHERE_URL" in rehearsed(queue("SELECT 1")).error


def test_another_server_gets_schema_and_sample(
    queue: QueueRun,
    rehearsed: Rehearse,
    seed: Callable[[str], None],
    target_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seed(WORLD)
    monkeypatch.setenv("CLONE_URL", target_url)
    TargetDatabase.objects.update(clone_variable="CLONE_URL")
    rehearsal = rehearsed(queue("SELECT * FROM users"))
    assert rehearsal.error == ""
    assert rehearsal.clone_kind == Rehearsal.Clone.DUMP
    assert statements(rehearsal)[0].rows == 100


def test_an_approver_is_told_who_would_wait_and_what_is_written_anew(
    queue: QueueRun, rehearsed: Rehearse, seed: Callable[[str], None]
) -> None:
    seed(WORLD)
    TargetDatabase.objects.update(stall_budget_ms=1)
    rehearsal = rehearsed(
        queue(
            "CREATE TABLE fresh (id bigint);\n"
            "ALTER TABLE projects ALTER title TYPE varchar(9) USING left(title, 9);\n"
            "SELECT pg_sleep(0.05)",
            "ALTER TABLE fresh ALTER id TYPE text",
        )
    )
    assert rehearsal.error == ""
    said = telling.summary(Rehearsal.objects.get(pk=rehearsal.pk))
    waits = "1.sql, line 2: ACCESS EXCLUSIVE on public.projects for "
    assert any(line.startswith(waits) and "readers and writers wait" in line for line in said)
    assert any("line 2: writes " in line and "public.projects" in line for line in said)
    assert not any("fresh" in line for line in said)
    bars = telling.scripts(rehearsal)[0].bars
    held = next(bar for bar in bars if bar.table == "public.projects" and bar.line == 2)
    assert held.milliseconds >= 50  # to the transaction's end, not the statement's
