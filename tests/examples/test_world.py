"""The example world: the same on every machine, whole or not there, and never on top of others."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
import unicodedata

import psycopg
import pytest

from releasecontrol.examples import world
from tests.examples.kit import SMALL, ask, count_of, do

FINGERPRINT = """
    SELECT md5(string_agg(part, '' ORDER BY part)) FROM (
        SELECT 'a' || md5(a::text) FROM accounts AS a UNION ALL
        SELECT 'p' || md5(p::text) FROM projects AS p UNION ALL
        SELECT 'c' || md5(c::text) FROM characters AS c UNION ALL
        SELECT 's' || md5(s::text) FROM assets AS s UNION ALL
        SELECT 'l' || md5(l::text) FROM sessions AS l
    ) AS parts (part)
"""


def test_the_world_has_as_many_accounts_and_books_as_asked(small_world: str) -> None:
    assert count_of(small_world, "accounts") == SMALL["accounts"]
    assert count_of(small_world, "projects") == SMALL["books"]


def test_there_are_no_universes_before_the_cutover(small_world: str) -> None:
    assert ask(small_world, "SELECT to_regclass('universes')") is None


def test_staging_is_a_tenth_of_production() -> None:
    production, staging = world.SIZES["production"], world.SIZES["staging"]
    assert production == {"accounts": 2_000, "books": 50_000}
    assert (staging["accounts"] * 10, staging["books"] * 10) == (2_000, 50_000)


def test_the_same_seed_gives_the_same_rows_and_another_seed_others(small_world: str) -> None:
    first = ask(small_world, FINGERPRINT)
    world.reset(small_world)
    assert ask(small_world, FINGERPRINT) == first
    world.reset(small_world, seed=13)
    assert ask(small_world, FINGERPRINT) != first


def test_some_accounts_have_characters_only_and_some_have_nothing(small_world: str) -> None:
    # Every tenth of 120 owns no book; 11, 51 and 91 of those have drawn figures.
    bookless = """SELECT count(*) FROM (
        SELECT id FROM accounts EXCEPT SELECT user_id FROM projects) AS a"""
    empty = """SELECT count(*) FROM (
        SELECT id FROM accounts EXCEPT SELECT user_id FROM projects
        EXCEPT SELECT user_id FROM characters) AS a"""
    assert ask(small_world, bookless) == 12
    assert ask(small_world, empty) == 9


def test_books_are_spread_unevenly(small_world: str) -> None:
    most, median = ask(
        small_world,
        "SELECT ARRAY[max(books), percentile_cont(0.5) WITHIN GROUP (ORDER BY books)]"
        " FROM (SELECT count(*) AS books FROM projects GROUP BY user_id) AS o",
    )
    assert most >= 5 * median


def test_names_come_in_several_scripts(small_world: str) -> None:
    names = ask(small_world, "SELECT string_agg(name, E'\\n') FROM accounts")
    titles = ask(small_world, "SELECT string_agg(title, E'\\n') FROM projects")
    for text in (names, titles):
        assert any(unicodedata.bidirectional(letter) == "AL" for letter in text)  # Arabic
        assert any(unicodedata.category(letter) == "So" for letter in text)  # emoji
        assert "'" in text
    assert "\N{ZERO WIDTH JOINER}" in names


def test_a_character_belongs_to_the_owner_of_its_book(small_world: str) -> None:
    strays = ask(
        small_world,
        "SELECT count(*) FROM (SELECT project_id, user_id FROM characters"
        " UNION ALL SELECT project_id, user_id FROM assets) AS x"
        " JOIN projects AS p ON p.id = x.project_id WHERE p.user_id <> x.user_id",
    )
    assert strays == 0


def test_a_second_build_changes_nothing_people_did(small_world: str) -> None:
    do(small_world, "UPDATE accounts SET name = 'Renamed' WHERE email LIKE 'smoke%'")
    world.build(small_world, **SMALL)
    assert ask(small_world, "SELECT count(*) FROM accounts WHERE name = 'Renamed'") == 1


def test_two_builders_at_once_make_one_world(scratch_database: str) -> None:
    failures: list[BaseException] = []

    def build() -> None:
        try:
            world.build(scratch_database, **SMALL)
        except Exception as failure:  # noqa: BLE001 - shown by the assertion below
            failures.append(failure)

    builders = [threading.Thread(target=build) for _ in range(3)]
    for builder in builders:
        builder.start()
    for builder in builders:
        builder.join()
    assert failures == []
    assert count_of(scratch_database, "projects") == SMALL["books"]


def test_a_build_that_breaks_half_way_leaves_nothing(
    scratch_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world, "MARK", "Example \0 world")  # PostgreSQL refuses it, after all rows
    with pytest.raises(psycopg.Error):
        world.build(scratch_database, **SMALL)
    assert ask(scratch_database, "SELECT to_regclass('accounts')") is None
    monkeypatch.undo()
    assert not world.is_built(scratch_database)
    world.build(scratch_database, **SMALL)
    assert world.is_built(scratch_database)


@pytest.mark.faults
def test_a_builder_killed_half_way_leaves_nothing_and_the_next_one_builds(
    scratch_database: str,
) -> None:
    code = "import sys; from releasecontrol.examples import world; world.build(sys.argv[1], **{})"
    size = world.SIZES["production"]
    with subprocess.Popen(
        [sys.executable, "-c", code.format(size), scratch_database], stderr=subprocess.DEVNULL
    ) as builder:
        working = (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND state = 'active' AND query LIKE '-- Fills the world%'"
            " AND pid <> pg_backend_pid()"
        )
        deadline = time.monotonic() + 30
        while not ask(scratch_database, working):
            assert builder.poll() is None
            assert time.monotonic() < deadline
        builder.kill()
    world.build(scratch_database, **SMALL)  # waits until the server has noticed the death
    assert count_of(scratch_database, "projects") == SMALL["books"]


def test_somebody_elses_tables_are_named_and_left_alone(scratch_database: str) -> None:
    do(scratch_database, "CREATE TABLE invoices (id int)")
    do(scratch_database, "CREATE TABLE accounts (id int)")
    for verb in (world.build, world.reset):
        with pytest.raises(world.SomebodyElseLivesHere, match=r"accounts, invoices\."):
            verb(scratch_database, **SMALL)
    assert ask(scratch_database, "SELECT to_regclass('projects')") is None
    assert not world.is_built(scratch_database)


def test_a_ledger_in_a_schema_of_its_own_is_no_stranger(scratch_database: str) -> None:
    do(scratch_database, "CREATE SCHEMA ledger")
    do(scratch_database, "CREATE TABLE ledger.applied (id int)")
    world.build(scratch_database, **SMALL)
    assert world.is_built(scratch_database)


def test_reset_takes_what_was_added_with_it_the_ledger_too(small_world: str) -> None:
    do(small_world, "CREATE TABLE universes (id int)")
    do(small_world, "CREATE SCHEMA ledger")
    world.reset(small_world)
    assert ask(small_world, "SELECT to_regclass('universes')") is None
    assert ask(small_world, "SELECT to_regnamespace('ledger')") is None
    assert count_of(small_world, "projects") == SMALL["books"]


def test_reset_of_an_empty_database_builds_only_when_told_the_sizes(scratch_database: str) -> None:
    world.reset(scratch_database)
    assert not world.is_built(scratch_database)
    world.reset(scratch_database, accounts=12, books=30)
    assert count_of(scratch_database, "projects") == 30


@pytest.mark.parametrize(("accounts", "books"), [(1, 10), (-5, 10), (10, -1), (10, 10**9)])
def test_an_odd_size_is_refused_before_anything_happens(
    scratch_database: str, accounts: int, books: int
) -> None:
    with pytest.raises(world.SizeRefused):
        world.build(scratch_database, accounts=accounts, books=books)
    assert not world.is_built(scratch_database)


@pytest.mark.parametrize(
    "url", ["postgresql://u:hunter2@127.0.0.1:1/none", "not a url hunter2", "postgres:hunter2"]
)
def test_an_unreachable_database_is_refused_without_showing_its_password(url: str) -> None:
    with pytest.raises(world.WorldUnreachable) as refused:
        world.is_built(url)
    assert "hunter2" not in str(refused.value)
    assert refused.value.__cause__ is None
