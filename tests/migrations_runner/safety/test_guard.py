"""What a script may not leave behind, on real rows, through a real run."""

from __future__ import annotations

import pytest

from migrations_runner.models import CheckResult, IntegrityFinding, MigrationRun
from migrations_runner.states import RunState
from releases.models import Evidence, Verdict
from tests.migrations_runner.safety.conftest import Carry, Target

ANY_UNIVERSE = "UPDATE books SET universe_id = (SELECT id FROM universes ORDER BY id LIMIT 1)"
OWN_UNIVERSE = (
    "UPDATE books b SET universe_id = u.id FROM universes u WHERE u.account_id = b.user_id"
)


def linked(target: Target) -> int:
    row = target.execute("SELECT count(universe_id) FROM books").fetchone()
    return int(str(row[0])) if row else -1


def verdicts(run: MigrationRun) -> list[str]:
    return sorted(CheckResult.objects.filter(run=run).values_list("verdict", flat=True))


def summaries(run: MigrationRun) -> str:
    return "\n".join(CheckResult.objects.filter(run=run).values_list("summary", flat=True))


def test_books_that_would_belong_to_another_account_roll_their_script_back(
    world: Target, carry: Carry
) -> None:
    run = carry(ANY_UNIVERSE)
    assert run.state == RunState.FAILED
    assert "6 books would belong to another account: books.user_id and universes.account_id" in (
        run.error
    )
    assert linked(world) == 0
    assert world.execute("SELECT FROM release_control.ledger").fetchall() == []
    found = IntegrityFinding.objects.get(run=run)
    assert (found.rows, found.kind, found.samples[0]) == (6, "two-paths", "id 1")
    assert found.resolved_at is not None
    assert Evidence.objects.get(
        verdict=Verdict.FAIL, summary__startswith="1.sql was rolled back: 6"
    )


def test_the_right_universe_passes_and_that_is_written_down(world: Target, carry: Carry) -> None:
    run = carry(OWN_UNIVERSE)
    assert run.state == RunState.SUCCEEDED, run.error
    assert linked(world) == 9
    assert verdicts(run) == [Verdict.PASS]


def test_a_script_that_writes_no_rows_is_not_looked_at(world: Target, carry: Carry) -> None:
    run = carry("CREATE TABLE other (id int PRIMARY KEY REFERENCES accounts)")
    assert (run.state, verdicts(run)) == (RunState.SUCCEEDED, [])


def test_what_was_wrong_before_is_no_reason_to_stop(world: Target, carry: Carry) -> None:
    world.execute("UPDATE books SET universe_id = CASE id WHEN 1 THEN 1 ELSE user_id END")
    run = carry("UPDATE books SET title = upper(title)")
    assert run.state == RunState.SUCCEEDED, run.error
    run = carry("UPDATE books SET universe_id = 3 WHERE id IN (1, 3)", names=("b",))
    assert "1 book would belong to another account" in run.error  # the other one is as wrong


def test_a_touched_parent_counts_as_well(world: Target, carry: Carry) -> None:
    carry(OWN_UNIVERSE)
    run = carry("UPDATE universes SET account_id = 4 WHERE id = 2", names=("b",))
    assert "3 books would belong to another account" in run.error


def test_a_part_of_the_transaction_with_an_id_of_its_own_is_the_scripts_too(
    world: Target, carry: Carry
) -> None:
    run = carry(
        f"DO $$ BEGIN BEGIN {ANY_UNIVERSE}; EXCEPTION WHEN division_by_zero THEN NULL; END; END $$"
    )
    assert "6 books would belong to another account" in run.error


def test_a_column_made_by_the_script_itself_is_looked_at(world: Target, carry: Carry) -> None:
    world.execute("ALTER TABLE books DROP COLUMN universe_id")
    run = carry(f"ALTER TABLE books ADD universe_id int REFERENCES universes;\n{ANY_UNIVERSE}")
    assert "6 books would belong to another account" in run.error


@pytest.mark.parametrize("first", ["LOCK TABLE books", "ALTER TABLE books ADD note text"])
def test_a_table_that_the_script_keeps_to_itself_is_compared_with_how_it_was(
    world: Target, carry: Carry, first: str
) -> None:
    world.execute("UPDATE books SET universe_id = CASE id WHEN 1 THEN 1 ELSE user_id END")
    assert carry(f"{first};\nUPDATE books SET title = 'x'").state == RunState.SUCCEEDED
    world.execute("ALTER TABLE books DROP COLUMN IF EXISTS note")
    run = carry(f"{first};\nUPDATE books SET universe_id = 1", names=("b",))
    assert "5 books would belong to another account" in run.error


def test_a_lock_that_nobody_foresaw_leaves_nothing_to_compare_with(
    world: Target, carry: Carry
) -> None:
    run = carry(f"DO $$ BEGIN LOCK TABLE books; END $$;\n{ANY_UNIVERSE}")
    assert run.state == RunState.SUCCEEDED, run.error
    assert "Cannot tell: a table is locked" in summaries(run)


def test_where_most_rows_differ_there_is_no_rule(world: Target, carry: Carry) -> None:
    world.execute("UPDATE books SET universe_id = 1 + user_id % 3")
    run = carry("INSERT INTO books VALUES (20, 1, 2, 'another guest')")
    assert run.state == RunState.SUCCEEDED, run.error
    assert "9 of 9 committed rows differ too" in summaries(run)


def test_a_reason_in_the_script_lets_it_stand(world: Target, carry: Carry) -> None:
    run = carry(f"-- rc: allow data-safety: everybody moves in with Ana\n{ANY_UNIVERSE}")
    assert run.state == RunState.SUCCEEDED, run.error
    assert verdicts(run) == [Verdict.INCONCLUSIVE]
    assert "Allowed: 6 books" in summaries(run)


def test_sample_keys_are_masked(world: Target, carry: Carry) -> None:
    world.execute(
        "CREATE TABLE seats (mail text PRIMARY KEY, user_id int REFERENCES accounts,"
        " universe_id int REFERENCES universes)"
    )
    run = carry("INSERT INTO seats VALUES ('ana@example.org', 1, 2)")
    assert "ana@example.org" not in run.error
    assert "1 seat would belong" in run.error
    assert "mail an… (15 characters)" in run.error


@pytest.mark.parametrize(
    "script",
    [
        "ALTER TABLE books DISABLE TRIGGER ALL; UPDATE books SET user_id = 77 WHERE id < 3",
        "SET LOCAL session_replication_role = replica; UPDATE books SET user_id = 77 WHERE id < 3",
    ],
)
def test_orphans_behind_a_switched_off_foreign_key_are_found(
    world: Target, carry: Carry, script: str
) -> None:
    run = carry(script)
    assert "2 books would point at no account: books.user_id" in run.error


def test_a_parent_removed_behind_a_switched_off_foreign_key(world: Target, carry: Carry) -> None:
    world.execute(
        "ALTER TABLE books DISABLE TRIGGER ALL; ALTER TABLE universes DISABLE TRIGGER ALL"
    )
    world.execute("ALTER TABLE accounts DISABLE TRIGGER ALL")
    run = carry("DELETE FROM accounts WHERE id = 2")
    assert "3 books would point at no account" in run.error
    assert "1 universe would point at no account" in run.error


def test_rows_that_nobody_named_are_told(world: Target, carry: Carry) -> None:
    world.execute(
        "CREATE TABLE notes (id int PRIMARY KEY, book int REFERENCES books ON DELETE CASCADE);"
        "INSERT INTO notes SELECT n, n FROM generate_series(1, 9) n"
    )
    run = carry("DELETE FROM books WHERE id < 4")
    assert run.state == RunState.SUCCEEDED, run.error
    assert "Up to 3 rows left notes although no statement names it" in summaries(run)


def test_columns_changed_by_a_trigger_are_told_but_for_times(world: Target, carry: Carry) -> None:
    world.execute(
        "ALTER TABLE books ADD updated_at timestamptz;"
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " NEW.title := 'lost'; NEW.updated_at := now(); RETURN NEW; END $$;"
        "CREATE TRIGGER f BEFORE UPDATE ON books FOR EACH ROW EXECUTE FUNCTION f()"
    )
    run = carry(OWN_UNIVERSE)
    assert run.state == RunState.SUCCEEDED, run.error
    assert "books: title changed in rows where no statement assigns it" in summaries(run)


def test_without_time_nothing_is_claimed(
    world: Target, carry: Carry, settings: pytest.FixtureRequest
) -> None:
    settings.SAFETY_BUDGET_MS = 0  # type: ignore[attr-defined]
    run = carry(ANY_UNIVERSE)
    assert run.state == RunState.SUCCEEDED
    assert verdicts(run) == [Verdict.INCONCLUSIVE]


def test_partitions_composite_keys_and_odd_names(world: Target, carry: Carry) -> None:
    world.execute(
        """CREATE TABLE "Shelf %s" (a int, b text, owner int REFERENCES accounts,
               PRIMARY KEY (a, b)) PARTITION BY LIST (b);
           CREATE TABLE shelf_x PARTITION OF "Shelf %s" FOR VALUES IN ('x');
           CREATE TABLE boards (id int PRIMARY KEY, a int, b text, "Owner" int
               REFERENCES accounts, FOREIGN KEY (a, b) REFERENCES "Shelf %s");
           INSERT INTO "Shelf %s" VALUES (1, 'x', 1); INSERT INTO boards VALUES (1, 1, 'x', 1)"""
    )
    run = carry("UPDATE shelf_x SET owner = 2")
    assert "1 board would belong to another account" in run.error
    assert carry("UPDATE boards SET id = 5", names=("b",)).state == RunState.SUCCEEDED
