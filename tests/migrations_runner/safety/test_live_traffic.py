"""Others write while a script runs, held to an order by locks: none of it stops the script."""

from __future__ import annotations

import threading

import psycopg
import pytest
from psycopg import sql

from migrations_runner.models import CheckResult, MigrationRun
from migrations_runner.states import RunState
from tests.migrations_runner.safety.conftest import Carry, Target

GATE = 77


@pytest.fixture
def side_by_side(world: Target, target_url: str, carry: Carry) -> object:
    """Run a script that waits in its middle; meanwhile somebody else writes and commits."""

    def do(before: str, after: str, other: str) -> MigrationRun:
        world.execute("SELECT pg_advisory_lock(%s)", [GATE])

        def write_when_the_script_waits() -> None:
            with psycopg.connect(target_url, autocommit=True) as writer:
                while (
                    not over.is_set()
                    and not writer.execute(
                        "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = %s"
                        " AND NOT granted",
                        [GATE],
                    ).fetchone()
                ):
                    writer.execute("SELECT pg_sleep(0.002)")
                writer.execute(sql.SQL(other))
            world.execute("SELECT pg_advisory_unlock(%s)", [GATE])

        over = threading.Event()
        thread = threading.Thread(target=write_when_the_script_waits)
        thread.start()
        try:
            return carry(
                f"SET LOCAL lock_timeout = '20s';\n{before};\n"
                f"SELECT pg_advisory_xact_lock({GATE});\n{after}",
                names=(f"{abs(hash(before + after + other))}.sql",),
            )
        finally:
            over.set()
            thread.join()

    return do


@pytest.mark.parametrize(
    ("before", "after", "other"),
    [
        # a book that the script did not touch goes astray
        (
            "UPDATE books SET title = 'x' WHERE id < 5",
            "SELECT 1",
            "UPDATE books SET universe_id = 1 + user_id % 3 WHERE id > 6",
        ),
        # so does the universe of books that the script did touch
        (
            "UPDATE books SET title = 'x' WHERE id < 5",
            "SELECT 1",
            "UPDATE universes SET account_id = 4 WHERE id = 2",
        ),
        # a new book, wrong at once
        (
            "UPDATE books SET title = 'x'",
            "SELECT 1",
            "INSERT INTO books VALUES (99, 1, 3, 'astray')",
        ),
    ],
)
def test_what_others_did_never_stops_a_script(
    world: Target, side_by_side: object, before: str, after: str, other: str
) -> None:
    world.execute("UPDATE books SET universe_id = user_id")
    run: MigrationRun = side_by_side(before, after, other)  # type: ignore[operator]
    assert run.state == RunState.SUCCEEDED, run.error
    assert CheckResult.objects.filter(run=run).exists()


def test_what_others_mended_does_not_stop_a_script_with_an_older_picture(
    world: Target, side_by_side: object
) -> None:
    world.execute("UPDATE books SET universe_id = user_id")
    world.execute("UPDATE universes SET account_id = 4 WHERE id = 1")
    world.execute(
        sql.SQL("ALTER DATABASE {} SET default_transaction_isolation = 'repeatable read'").format(
            sql.Identifier(world.info.dbname)
        )
    )
    run: MigrationRun = side_by_side(  # type: ignore[operator]
        "UPDATE books SET title = 'x'", "SELECT 1", "UPDATE universes SET account_id = id"
    )
    assert run.state == RunState.SUCCEEDED, run.error
    assert "live writes" in CheckResult.objects.get(run=run).summary


def test_what_the_script_itself_did_stops_it_whoever_else_writes(
    world: Target, side_by_side: object
) -> None:
    world.execute("UPDATE books SET universe_id = user_id")
    run: MigrationRun = side_by_side(  # type: ignore[operator]
        "UPDATE books SET universe_id = 1",
        "SELECT 1",
        "INSERT INTO books VALUES (99, 1, 3, 'astray')",
    )
    assert "6 books would belong to another account" in run.error
