"""What the catalog says of statements that could be in no transaction, whose end nobody saw."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg
import pytest

from migrations_runner import execution, ledger, probes
from migrations_runner.keys import key_of
from migrations_runner.models import MigrationRun
from migrations_runner.parsing import parse_script
from migrations_runner.probes import Intent, Seen
from migrations_runner.states import RunState
from tests.migrations_runner.conftest import QueueRun

pytestmark = pytest.mark.django_db(transaction=True)
Target = psycopg.Connection[tuple[object, ...]]


@dataclass
class Probe:
    """An intent for a text, and the questions to it."""

    on: Target
    text: str

    def __post_init__(self) -> None:
        self.statement = parse_script(self.text, {}).statements[0]
        self.intent: Intent = probes.intent_of(self.on, self.statement)

    def do(self, text: str = "") -> None:
        self.on.execute((text or self.text).encode())

    def seen(self) -> Seen:
        return probes.look(self.on, self.intent)

    def clear(self) -> list[str]:
        return probes.clear(self.on, self.intent)


@pytest.fixture
def tables(on_target: Target) -> Target:
    on_target.execute("CREATE TABLE t (a int, b int); INSERT INTO t VALUES (1, 1), (1, 2)")
    return on_target


@pytest.mark.parametrize("name", ["i", ""])
def test_an_index_is_told_with_and_without_a_name(tables: Target, name: str) -> None:
    probe = Probe(tables, f"CREATE INDEX CONCURRENTLY {name} ON t (a)")
    assert probe.seen() == Seen.OPEN
    probe.do()
    assert probe.seen() == Seen.DONE
    assert probe.clear() == []


@pytest.mark.parametrize("name", ["i", ""])
def test_an_invalid_index_is_dropped_and_done_again(tables: Target, name: str) -> None:
    probe = Probe(tables, f"CREATE UNIQUE INDEX CONCURRENTLY {name} ON t (a)")
    with pytest.raises(psycopg.errors.UniqueViolation):
        probe.do()
    assert probe.seen() == Seen.OPEN
    (said,) = probe.clear()
    assert said.startswith("Dropped the invalid index public.")
    assert tables.execute(
        "SELECT count(*) FROM pg_index WHERE indrelid = 't'::regclass"
    ).fetchone() == (0,)


def test_another_definition_under_the_wanted_name_is_a_question(tables: Target) -> None:
    probe = Probe(tables, "CREATE INDEX CONCURRENTLY i ON t (a)")
    tables.execute("CREATE INDEX i ON t (b)")
    assert probe.seen() == Seen.UNSURE


def test_two_new_indexes_without_a_name_are_a_question(tables: Target) -> None:
    probe = Probe(tables, "CREATE INDEX CONCURRENTLY ON t (a)")
    probe.do()
    probe.do()
    assert probe.seen() == Seen.UNSURE


def test_an_index_that_stands_already_is_left_to_the_server(tables: Target) -> None:
    tables.execute("CREATE INDEX i ON t (a)")
    probe = Probe(tables, "CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON t (a)")
    probe.do()
    assert (probe.seen(), probe.clear()) == (Seen.OPEN, [])


def test_a_dropped_index_is_gone_even_if_another_bears_its_name(tables: Target) -> None:
    tables.execute("CREATE INDEX i ON t (a)")
    probe = Probe(tables, "DROP INDEX CONCURRENTLY i")
    assert probe.seen() == Seen.OPEN
    probe.do()
    tables.execute("CREATE INDEX i ON t (a)")
    assert probe.seen() == Seen.DONE


def test_what_a_reindex_left_is_dropped(tables: Target) -> None:
    tables.execute("DELETE FROM t; CREATE UNIQUE INDEX i ON t (a)")
    probe = Probe(tables, "REINDEX INDEX CONCURRENTLY i")
    tables.execute("INSERT INTO t VALUES (1, 1)")
    tables.execute("INSERT INTO t SELECT 2, 2")
    with pytest.raises(psycopg.errors.UniqueViolation):
        tables.execute("CREATE UNIQUE INDEX CONCURRENTLY i_ccnew ON t ((1))")
    assert probe.seen() == Seen.OPEN
    assert probe.clear() == ["Dropped the invalid index public.i_ccnew that an earlier try left."]


def test_a_detaching_is_ended_where_it_was_cut_short(tables: Target, target_url: str) -> None:
    tables.execute(
        "CREATE TABLE p (n int) PARTITION BY RANGE (n);"
        "CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10)"
    )
    probe = Probe(tables, "ALTER TABLE p DETACH PARTITION p1 CONCURRENTLY")
    assert probe.seen() == Seen.OPEN
    with psycopg.connect(target_url) as reader:
        reader.execute("SELECT * FROM p")
        tables.execute("SET statement_timeout = '200ms'")
        with pytest.raises(psycopg.errors.QueryCanceled):
            probe.do()
        tables.execute("RESET statement_timeout")
    assert probe.seen() == Seen.OPEN
    assert probe.clear() == ["A detaching that was cut short was finalized."]
    assert probe.seen() == Seen.DONE


def test_databases_are_there_or_gone(tables: Target) -> None:
    name = f"{tables.info.dbname}_x"
    make, drop = f"CREATE DATABASE {name}", f"DROP DATABASE {name}"
    made = Probe(tables, make)
    assert made.seen() == Seen.OPEN
    made.do()
    assert made.seen() == Seen.DONE
    gone = Probe(tables, drop)
    assert gone.seen() == Seen.OPEN
    gone.do()
    assert gone.seen() == Seen.DONE


@pytest.mark.parametrize(
    "text", ["VACUUM t", "ALTER SYSTEM RESET work_mem", "REINDEX SCHEMA public"]
)
def test_what_is_harmless_is_done_again(tables: Target, text: str) -> None:
    assert Probe(tables, text).seen() == Seen.OPEN


def test_what_commits_itself_can_not_be_told(tables: Target) -> None:
    probe = Probe(tables, "DO $$ BEGIN DELETE FROM t; COMMIT; END $$")
    assert probe.seen() == Seen.UNSURE
    assert not probes.can_tell(probe.intent)


def go(run: MigrationRun) -> MigrationRun:
    execution.execute(run.pk)
    run.refresh_from_db()
    return run


def test_a_block_that_fails_without_committing_is_a_plain_failure(
    queue: QueueRun, tables: Target
) -> None:
    run = go(queue("VACUUM t; DO $$ BEGIN DELETE FROM t; RAISE 'no'; END $$;"))
    assert run.state == RunState.FAILED
    assert "Statements 1 to 1 stand" in run.error
    assert tables.execute("SELECT count(*) FROM t").fetchone() == (2,)


def test_a_call_that_only_the_server_knows_to_commit_runs_outside(
    queue: QueueRun, tables: Target
) -> None:
    tables.execute(
        "CREATE PROCEDURE twice() LANGUAGE plpgsql AS $$ BEGIN UPDATE t SET b = b + 1;"
        " COMMIT; UPDATE t SET b = b + 1; END $$"
    )
    run = go(queue("VACUUM t; CALL twice();"))
    assert run.state == RunState.SUCCEEDED, run.error
    assert tables.execute("SELECT sum(b) FROM t").fetchone() == (7,)


def test_a_unique_index_that_finds_a_duplicate_leaves_nothing(
    queue: QueueRun, tables: Target
) -> None:
    run = go(queue("CREATE UNIQUE INDEX CONCURRENTLY i ON t (a);"))
    assert run.state == RunState.FAILED
    assert "Dropped the invalid index public.i" in run.error
    assert tables.execute("SELECT to_regclass('i')").fetchone() == (None,)


def test_an_invalid_index_that_stood_before_is_no_trap(queue: QueueRun, tables: Target) -> None:
    with pytest.raises(psycopg.errors.UniqueViolation):
        tables.execute("CREATE UNIQUE INDEX CONCURRENTLY i ON t (a)")
    run = go(queue("CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON t (a);"))
    assert run.state == RunState.SUCCEEDED, run.error
    assert "Dropped the invalid index" in run.scripts.get().statements.get().output
    valid = tables.execute("SELECT indisvalid FROM pg_index WHERE indrelid = 't'::regclass")
    assert valid.fetchall() == [(True,)]


def test_a_ledger_of_the_first_release_learns_of_intents(queue: QueueRun, tables: Target) -> None:
    ledger.prepare(tables)
    tables.execute("ALTER TABLE release_control.ledger DROP COLUMN intent")
    run = go(queue("CREATE INDEX CONCURRENTLY i ON t (a);"))
    assert run.state == RunState.SUCCEEDED, run.error
    entry = ledger.read(tables, key_of(run, run.scripts.get()))
    assert entry is not None
    assert entry.state == ledger.APPLIED
