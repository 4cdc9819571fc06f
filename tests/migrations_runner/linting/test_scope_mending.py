"""The corrected SQL for the plan's own scripts, run on the example's database."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from migrations_runner import catalog
from migrations_runner.linting import lint
from migrations_runner.linting.catalog import Catalog
from migrations_runner.linting.ddl import after
from migrations_runner.parsing import parse_script
from releasecontrol.examples import world as example
from tests import databases
from tests.migrations_runner.linting.labelled_set import FOLDER
from tests.migrations_runner.linting.world import LINKS

Session = psycopg.Connection[tuple[object, ...]]
PLAN = Path(__file__).parents[4] / "shared" / "plans" / "phase-12-cutover.md"
WRONG = """
SELECT count(*) FROM (SELECT user_id, universe_id FROM projects
  UNION ALL SELECT user_id, universe_id FROM characters) thing
LEFT JOIN universes u ON u.id = thing.universe_id WHERE u.account_id IS DISTINCT FROM thing.user_id
"""
AN_OWNER = (
    "SELECT user_id::text FROM projects GROUP BY user_id ORDER BY count(*) DESC, user_id LIMIT 1"
)
#: The plan's first two scripts as the labelled set has them, and its third with its variable bare.
ONE = (FOLDER / "scope_bad_unknown_plan_one.sql").read_text(encoding="utf-8")
TWO = (FOLDER / "scope_bad_capture_plan_two.sql").read_text(encoding="utf-8")
THREE = (FOLDER / "scope_ok_capture_plan_three.sql").read_text(encoding="utf-8")


@pytest.fixture
def server(transactional_db: None) -> Iterator[Session]:
    with databases.scratch() as url:
        example.build(url, accounts=30, books=300)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute((example.SCRIPTS / "001_create_universes.sql").read_bytes())
            connection.execute(LINKS.encode())
            yield connection


def corrected(text: str, rule: str, known: Catalog) -> str:
    found = next(each for each in lint(text, catalog=known) if each.rule == rule)
    assert found.rewrite is not None, found
    return found.rewrite


def with_user(text: str, user: str) -> bytes:
    return text.replace(":'user_id'", f"'{user}'").encode()


def number(server: Session, question: str) -> object:
    row = server.execute(question.encode()).fetchone()
    assert row is not None
    return row[0]


def owners(server: Session) -> list[str]:
    rows = server.execute(
        "SELECT user_id::text FROM projects UNION SELECT user_id::text FROM characters"
    ).fetchall()
    return [str(row[0]) for row in rows]


@pytest.mark.parametrize("key_is_there", [True, False])
def test_the_plans_scripts_as_corrected_give_every_book_its_owners_universe_once(
    server: Session,
    *,
    key_is_there: bool,
) -> None:
    if not key_is_there:
        server.execute("DROP INDEX universes_one_default_per_account")
    known = catalog.read(server)
    one = corrected(ONE, "unknown-column", known)
    two = corrected(TWO, "outer-column-capture", known)
    assert ("CREATE UNIQUE INDEX" in one) is not key_is_there
    assert ("Needs a unique key" in two) is not key_is_there
    for _ in range(2):
        server.execute(one.encode())
    assert number(server, "SELECT count(*) FROM universes") == len(owners(server))
    for user in owners(server):
        server.execute(with_user(two, user))
        server.execute(with_user(two.replace("projects", "characters"), user))
    assert number(server, WRONG) == 0
    for user in owners(server):
        assert server.execute(with_user(two, user)).rowcount == 0


def test_the_plans_second_script_as_written_links_books_to_strangers(server: Session) -> None:
    """Why the rule is there: the server takes it, and books end in another one's universe."""
    server.execute(corrected(ONE, "unknown-column", catalog.read(server)).encode())
    for user in owners(server):
        server.execute(with_user(TWO, user))
    assert int(str(number(server, WRONG))) > 0


def test_an_insert_that_asks_first_adds_nothing_the_second_time(server: Session) -> None:
    user = number(server, AN_OWNER)
    text = f"INSERT INTO characters (user_id, name) VALUES ('{user}', 'Hero')"
    mended = corrected(text, "insert-without-conflict-key", catalog.read(server))
    assert server.execute(mended.encode()).rowcount == 1
    assert server.execute(mended.encode()).rowcount == 0


def test_of_a_bare_variable_only_the_variable_is_corrected(server: Session) -> None:
    """The statement around it may be wrong in its own ways: it is not offered for copying."""
    bare = THREE.replace(":'user_id'", ":user_id")
    assert corrected(bare, "unquoted-variable", catalog.read(server)) == ":'user_id'"
    assert {each.rule for each in lint(THREE, catalog=catalog.read(server))} == set()


@pytest.mark.skipif(not PLAN.exists(), reason="the plan itself is not here")
def test_of_the_plans_own_text_scripts_one_and_two_are_named_and_three_is_not(
    server: Session,
) -> None:
    known = catalog.read(server)
    texts = re.findall(r"```sql\n(.*?)```", PLAN.read_text(encoding="utf-8"), re.DOTALL)[:3]
    errors = [
        {(each.rule, each.line) for each in lint(text, catalog=known) if each.level == "error"}
        for text in texts
    ]
    assert errors[0] == {("unknown-column", 9)}
    assert errors[1] == {
        ("arbitrary-row-as-key", 3),
        ("outer-column-capture", 5),
        ("unquoted-variable", 10),
    }
    assert errors[2] == {("unquoted-variable", 10)}


DEFINITIONS = """
CREATE TYPE mood AS ENUM ('fine', 'bad');
CREATE TABLE shelves (id bigserial PRIMARY KEY, account_id uuid NOT NULL REFERENCES accounts (id),
  label varchar(20) UNIQUE, width numeric(5, 2) DEFAULT 1, at timestamp(3) with time zone,
  mood mood, tags text[] NOT NULL, n int GENERATED ALWAYS AS IDENTITY);
CREATE TABLE copies (LIKE shelves, extra char(3), UNIQUE (label, extra));
CREATE TABLE parts (id int, at date NOT NULL) PARTITION BY RANGE (at);
CREATE TABLE parts_2026 PARTITION OF parts FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE VIEW drafts (draft, heading) AS SELECT id, title FROM projects;
CREATE TABLE counted AS SELECT user_id, count(*) AS n, max(title) FROM projects GROUP BY user_id;
CREATE MATERIALIZED VIEW named AS
  SELECT a.name, p.* FROM accounts a JOIN projects p ON p.user_id = a.id;
ALTER TABLE shelves ADD COLUMN IF NOT EXISTS label text, ADD COLUMN depth real, DROP COLUMN mood;
ALTER TABLE shelves RENAME COLUMN width TO breadth;
ALTER TABLE shelves ALTER COLUMN label TYPE text, ALTER COLUMN at SET NOT NULL;
ALTER TABLE shelves RENAME TO racks;
CREATE UNIQUE INDEX racks_one ON racks (account_id) WHERE label = 'main';
CREATE SCHEMA attic CREATE TABLE boxes (id int);
ALTER TABLE copies SET SCHEMA attic;
ALTER TABLE racks DROP CONSTRAINT shelves_label_key;
DROP TABLE sessions;
CREATE TABLE pairs (a uuid REFERENCES projects, b uuid, PRIMARY KEY (a, b));
"""


def test_what_statements_leave_behind_is_told_as_the_server_tells_it(server: Session) -> None:
    """Names, types, keys and NOT NULL, without asking."""
    told = after(catalog.read(server), parse_script(DEFINITIONS, None).statements)
    server.execute(DEFINITIONS.encode())
    assert facts(told) == facts(catalog.read(server))


def facts(known: Catalog) -> dict[tuple[str, str], object]:
    return {
        place: (
            table.kind,
            [(c.name, c.not_null) for c in table.columns],
            [c.type for c in table.columns] if table.name in {"racks", "copies", "pairs"} else [],
            table.primary_key,
            set(table.row_keys()),
            {(key.columns, key.to_table, key.to_columns) for key in table.foreign_keys},
        )
        for place, table in known.tables.items()
    }


def test_a_catalog_travels_as_json(server: Session) -> None:
    known = catalog.read(server)
    assert Catalog.from_json(known.to_json()) == known


def test_a_name_that_may_be_from_outside_is_told_where_no_table_is_known() -> None:
    text = "UPDATE p SET u = (SELECT id FROM u WHERE user_id = p.user_id) WHERE u IS NULL;"
    found = [each for each in lint(text) if each.rule == "outer-column-capture"]
    assert [each.level for each in found] == ["warning"]
    assert found[0].message.startswith("Cannot tell whether u has a column user_id")
    qualified = lint(text.replace("user_id =", "u.user_id ="))
    assert not [each for each in qualified if each.rule == "outer-column-capture"]
    made = [each for each in lint(f"CREATE TABLE u (id int);{text}") if each.line == 1]
    assert "u has no column user_id, so user_id is p.user_id here" in str(
        [each.message for each in made if each.rule == "outer-column-capture"]
    )
