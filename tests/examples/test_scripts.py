"""The corrected scripts, run by psql itself: right links, nothing lost, twice is once, and back."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import psycopg
import pytest

from releasecontrol.examples import world
from tests.examples.kit import (
    OWN_ROLLBACK,
    OWN_SCRIPTS,
    PLAN_ROLLBACK,
    PLAN_SCRIPTS,
    SCRIPTS,
    SMALL,
    ask,
    count_of,
    do,
    psql,
)

if TYPE_CHECKING:
    from collections.abc import Callable

INDEX_SCRIPT = SCRIPTS / "extra" / "020_index_books_concurrently.sql"
ROADS = {"own": (OWN_SCRIPTS, OWN_ROLLBACK), "plan": (PLAN_SCRIPTS, PLAN_ROLLBACK)}
BOTH_ROADS = pytest.mark.parametrize("road", ROADS)

# Each counts what must not be: 0 is the only right answer.
WRONGS = {
    "book in another account's universe": """
        SELECT count(*) FROM projects AS p JOIN universes AS u ON u.id = p.universe_id
        WHERE u.account_id <> p.user_id""",
    "character in another account's universe": """
        SELECT count(*) FROM characters AS c JOIN universes AS u ON u.id = c.universe_id
        WHERE u.account_id <> c.user_id""",
    "book without a universe": "SELECT count(*) FROM projects WHERE universe_id IS NULL",
    "character without a universe": "SELECT count(*) FROM characters WHERE universe_id IS NULL",
    "second default of one account": """
        SELECT count(*) FROM (SELECT account_id FROM universes WHERE 'default' = ANY (tags)
                              GROUP BY account_id HAVING count(*) > 1) AS twice""",
    "content without a default": """
        SELECT count(*) FROM (SELECT user_id FROM projects UNION SELECT user_id FROM characters)
          AS o WHERE NOT EXISTS (SELECT FROM universes AS u WHERE u.account_id = o.user_id
                                 AND 'default' = ANY (u.tags))""",
    "universe for an account without content": """
        SELECT count(*) FROM universes AS u
        WHERE NOT EXISTS (SELECT FROM projects AS p WHERE p.user_id = u.account_id)
          AND NOT EXISTS (SELECT FROM characters AS c WHERE c.user_id = u.account_id)""",
    "link that was never validated": """
        SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND NOT convalidated""",
}
CONTENT = """
    SELECT md5(string_agg(part, '' ORDER BY part)) FROM (
      SELECT concat_ws('|', p.id, user_id, title, status, age_range, template,
                       created_at, updated_at)
        FROM projects AS p
      UNION ALL SELECT concat_ws('|', c.id, user_id, project_id, name, part) FROM characters AS c
      UNION ALL SELECT concat_ws('|', s.id, user_id, project_id, type, name) FROM assets AS s
      UNION ALL SELECT concat_ws('|', a.id, email, name, created_at) FROM accounts AS a
      UNION ALL SELECT concat_ws('|', l.id, user_id, created_at) FROM sessions AS l
    ) AS parts (part)"""


def rows_changed(tags: str) -> int:
    """Sum of the counts in psql's command tags."""
    return sum(
        int(n) for n in re.findall(r"^(?:INSERT 0|UPDATE|DELETE) (\d+)$", tags, re.MULTILINE)
    )


def set_aside(url: str) -> dict[str, str]:
    """What a rollback kept: the kind of thing and the name of its table, which ends in the time."""
    names = ask(
        url,
        "SELECT array_agg(relname::text) FROM pg_class"
        " WHERE relnamespace = 'set_aside'::regnamespace",
    )
    return {re.sub(r"_\d{8}_.*", "", name): name for name in names}


def run_all(run: Callable[..., str], url: str, road: str) -> str:
    return "\n".join(run(url, script) for script in ROADS[road][0])


@BOTH_ROADS
def test_every_wrong_is_absent_and_all_content_is_as_before(
    small_world: str, run_script: Callable[..., str], road: str
) -> None:
    before = ask(small_world, CONTENT)
    run_all(run_script, small_world, road)
    assert {wrong: ask(small_world, query) for wrong, query in WRONGS.items()} == dict.fromkeys(
        WRONGS, 0
    )
    assert ask(small_world, CONTENT) == before


@BOTH_ROADS
def test_a_second_run_changes_no_row_and_no_schema(
    small_world: str,
    run_script: Callable[..., str],
    schema_of: Callable[[str], str],
    road: str,
) -> None:
    assert rows_changed(run_all(run_script, small_world, road)) > SMALL["books"]
    schema = schema_of(small_world)
    assert rows_changed(run_all(run_script, small_world, road)) == 0
    assert schema_of(small_world) == schema


@BOTH_ROADS
def test_rollback_restores_schema_and_content_and_may_run_twice(
    small_world: str,
    run_script: Callable[..., str],
    schema_of: Callable[[str], str],
    road: str,
) -> None:
    schema, content = schema_of(small_world), ask(small_world, CONTENT)
    run_all(run_script, small_world, road)
    assert schema_of(small_world) != schema
    for _ in range(2):
        run_script(small_world, ROADS[road][1])
        assert schema_of(small_world) == schema
        assert ask(small_world, CONTENT) == content


@BOTH_ROADS
@pytest.mark.parametrize("reached", [1, 2, 3])
def test_rollback_works_from_half_way(
    small_world: str,
    run_script: Callable[..., str],
    schema_of: Callable[[str], str],
    road: str,
    reached: int,
) -> None:
    schema = schema_of(small_world)
    scripts, rollback = ROADS[road]
    for script in scripts[:reached]:
        run_script(small_world, script)
    run_script(small_world, rollback)
    assert schema_of(small_world) == schema


@BOTH_ROADS
def test_the_scripts_go_forward_again_after_a_rollback(
    small_world: str, run_script: Callable[..., str], road: str
) -> None:
    run_all(run_script, small_world, road)
    run_script(small_world, ROADS[road][1])
    run_all(run_script, small_world, road)
    assert ask(small_world, WRONGS["book without a universe"]) == 0


@pytest.mark.parametrize("order", [("own", "plan"), ("plan", "own")])
def test_either_set_of_scripts_may_follow_the_other(
    small_world: str, run_script: Callable[..., str], order: tuple[str, str]
) -> None:
    for road in order:
        run_all(run_script, small_world, road)
    assert {wrong: ask(small_world, query) for wrong, query in WRONGS.items()} == dict.fromkeys(
        WRONGS, 0
    )


@BOTH_ROADS
def test_rollback_sets_aside_what_people_made_since(
    small_world: str, run_script: Callable[..., str], road: str
) -> None:
    run_all(run_script, small_world, road)
    do(
        small_world,
        "WITH made AS (INSERT INTO universes (account_id, name)"
        " SELECT user_id, 'مدينة النور' FROM projects ORDER BY id LIMIT 1 RETURNING id, account_id)"
        " UPDATE projects AS p SET universe_id = made.id FROM made WHERE p.user_id = account_id",
    )
    moved = ask(
        small_world,
        "SELECT count(*) FROM projects AS p JOIN universes AS u ON u.id = p.universe_id"
        " WHERE u.name = 'مدينة النور'",
    )
    run_script(small_world, ROADS[road][1])
    kept = set_aside(small_world)
    assert set(kept) == {"universes", "project_links"}
    assert count_of(small_world, "set_aside", kept["universes"]) == 1
    assert count_of(small_world, "set_aside", kept["project_links"]) == moved


def test_the_plan_rollback_sets_aside_documents_files_outlines_and_details(
    small_world: str, run_script: Callable[..., str]
) -> None:
    run_all(run_script, small_world, "plan")
    do(
        small_world,
        """
        INSERT INTO documents (user_id, title) SELECT id, 'Notes' FROM accounts LIMIT 1;
        INSERT INTO asset_files (asset_id, storage_key, media_type, byte_size, sha256)
          SELECT id, 'a/1', 'image/png', 1, repeat('0', 64) FROM assets LIMIT 1;
        INSERT INTO outline_versions (project_id, version) SELECT id, 2 FROM projects LIMIT 1;
        INSERT INTO project_characters (project_id, character_id)
          SELECT p.id, c.id FROM projects AS p, characters AS c
          WHERE c.project_id IS NULL AND c.user_id = p.user_id LIMIT 1;
        UPDATE projects SET subtitle = 'A tale'
          WHERE id = (SELECT id FROM projects ORDER BY id LIMIT 1);
        UPDATE projects SET presets = '{"font": "Serif"}'
          WHERE id = (SELECT id FROM projects ORDER BY id DESC LIMIT 1);
        """,
    )
    run_script(small_world, PLAN_ROLLBACK)
    kept = set_aside(small_world)
    counts = {what: count_of(small_world, "set_aside", name) for what, name in kept.items()}
    assert counts == {
        "documents": 1,
        "asset_files": 1,
        "outline_versions": 1,
        "project_characters": 1,
        "project_details": 2,
    }


def test_rollback_stops_rather_than_drop_what_others_built_on_universes(
    small_world: str, run_script: Callable[..., str]
) -> None:
    run_all(run_script, small_world, "own")
    do(small_world, "CREATE TABLE reviews (universe_id uuid REFERENCES universes (id))")
    done = psql(small_world, OWN_ROLLBACK)
    assert done.returncode == 3
    assert "other objects depend on it" in done.stderr
    assert ask(small_world, WRONGS["book without a universe"]) == 0


def test_the_database_itself_refuses_a_link_across_accounts(
    small_world: str, run_script: Callable[..., str]
) -> None:
    """What the plan's second script does when written as planned: everybody into one universe."""
    run_all(run_script, small_world, "own")
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        do(small_world, "UPDATE projects SET universe_id = (SELECT id FROM universes LIMIT 1)")


def test_the_checks_above_do_see_what_the_flawed_script_of_a_plan_does(
    small_world: str, run_script: Callable[..., str]
) -> None:
    """A bare user_id inside the subquery is the book's own, so any universe fits every book."""
    run_all(run_script, small_world, "plan")
    do(
        small_world,
        "UPDATE projects SET universe_id ="
        " (SELECT id FROM universes WHERE user_id = projects.user_id LIMIT 1)",
    )
    assert ask(small_world, WRONGS["book without a universe"]) == 0  # what people usually check
    astray = ask(small_world, WRONGS["book in another account's universe"])
    assert 0 < astray < SMALL["books"]


def test_the_plans_data_migration_undoes_itself_when_a_link_is_wrong(
    small_world: str, run_script: Callable[..., str]
) -> None:
    for script in PLAN_SCRIPTS[:-1]:
        run_script(small_world, script)
    do(
        small_world,
        "INSERT INTO universes (account_id, name) SELECT id, 'Astray' FROM accounts LIMIT 1;"
        "UPDATE projects SET universe_id = (SELECT id FROM universes)"
        " WHERE id = (SELECT p.id FROM projects AS p JOIN universes AS u ON u.account_id"
        " <> p.user_id LIMIT 1)",
    )
    done = psql(small_world, PLAN_SCRIPTS[-1])
    assert done.returncode == 3
    assert "universe of another account" in done.stderr
    assert ask(small_world, "SELECT count(*) FROM universes") == 1


def test_a_renamed_default_universe_is_still_the_default(
    small_world: str, run_script: Callable[..., str]
) -> None:
    run_all(run_script, small_world, "own")
    do(small_world, "UPDATE universes SET name = 'Shelf'; UPDATE projects SET universe_id = NULL")
    tags = run_script(small_world, OWN_SCRIPTS[2])
    assert "INSERT 0 0" in tags
    assert ask(small_world, WRONGS["book without a universe"]) == 0


def test_the_concurrent_index_replaces_an_invalid_one(
    small_world: str, run_script: Callable[..., str]
) -> None:
    do(small_world, "CREATE INDEX projects_newest_idx ON projects (user_id)")
    do(
        small_world,
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'projects_newest_idx'::regclass",
    )
    for _ in range(2):
        run_script(small_world, INDEX_SCRIPT, transaction=False)
        assert ask(
            small_world,
            "SELECT indisvalid FROM pg_index WHERE indexrelid = 'projects_newest_idx'::regclass",
        )


def test_the_concurrent_index_cannot_run_in_a_transaction(small_world: str) -> None:
    done = psql(small_world, INDEX_SCRIPT)
    assert done.returncode == 3
    assert "cannot run inside a transaction block" in done.stderr


def test_no_script_takes_a_variable_or_opens_a_transaction_of_its_own() -> None:
    for script in SCRIPTS.rglob("*.sql"):
        code = re.sub(r"--.*", "", script.read_text(encoding="utf-8"))
        assert not re.search(r"(?<!:):['\"]?[a-z_]", code), script.name
        assert not re.search(
            r"^\s*(BEGIN|COMMIT|ROLLBACK)\s*;", code, re.MULTILINE | re.IGNORECASE
        ), script.name


@pytest.mark.parametrize("name", world.SIZES)
def test_both_example_worlds_take_both_sets_of_scripts(
    scratch_database: str,
    run_script: Callable[..., str],
    schema_of: Callable[[str], str],
    name: str,
) -> None:
    world.build(scratch_database, **world.SIZES[name])
    schema, content = schema_of(scratch_database), ask(scratch_database, CONTENT)
    for road, (_, rollback) in ROADS.items():
        run_all(run_script, scratch_database, road)
        wrong = {what for what, query in WRONGS.items() if ask(scratch_database, query)}
        assert (road, wrong) == (road, set())
        run_script(scratch_database, rollback)
        assert schema_of(scratch_database) == schema
    assert ask(scratch_database, CONTENT) == content
