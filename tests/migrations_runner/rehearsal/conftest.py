from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg
import pytest

from migrations_runner.models import MigrationRun, Rehearsal
from migrations_runner.rehearsal import rehearse, verbs
from releases.timeline import Actor
from tests import databases

#: The same names as the runner's own fixtures, which stand one folder above.
Rehearse = Callable[..., Rehearsal]
Target = psycopg.Connection[tuple[object, ...]]


@pytest.fixture
def rehearsed() -> Rehearse:
    """Have a run rehearsed here and now."""

    def perform(run: MigrationRun, *, with_down: bool = False) -> Rehearsal:
        made = verbs.request(run=run, actor=Actor.command("test"), with_down=with_down)
        rehearse.rehearse(made.pk)
        made.refresh_from_db()
        return made

    return perform


@pytest.fixture
def seed(target_url: str) -> Callable[[str], None]:
    """Run SQL on the target and be gone again."""

    def run(sql: str) -> None:
        with psycopg.connect(target_url, autocommit=True) as connection:
            connection.execute(sql.encode())

    return run


@pytest.fixture
def somebody(target_url: str) -> Iterator[Target]:
    """Somebody who is connected to the target, so that it can't be copied whole."""
    with psycopg.connect(target_url, autocommit=True) as connection:
        yield connection


def clones(rehearsal: Rehearsal) -> int:
    """How many clones of a rehearsal are left on the server."""
    with psycopg.connect(databases.url_of("postgres"), autocommit=True) as server:
        row = server.execute(
            "SELECT count(*) FROM pg_database WHERE datname LIKE %s",
            [f"rc\\_clone\\_{rehearsal.pk}\\_%"],
        ).fetchone()
    return int(str(row[0])) if row else 0
