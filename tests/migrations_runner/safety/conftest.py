"""Runs through the real path, with only this room's guard and checks around them."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest

from migrations_runner import execution, hooks
from migrations_runner.models import MigrationRun
from migrations_runner.safety import guard
from tests.migrations_runner.conftest import QueueRun

Target = psycopg.Connection[tuple[object, ...]]
Carry = Callable[..., MigrationRun]

#: Two owners with a universe each; a book may be in one.
SCHEMA = """
CREATE TABLE accounts (id int PRIMARY KEY, email text NOT NULL);
CREATE TABLE universes (
    id int PRIMARY KEY, account_id int NOT NULL REFERENCES accounts, name text NOT NULL
);
CREATE TABLE books (
    id int PRIMARY KEY, user_id int NOT NULL REFERENCES accounts,
    universe_id int REFERENCES universes, title text NOT NULL
);
INSERT INTO accounts SELECT n, n || '@example.org' FROM generate_series(1, 4) n;
INSERT INTO universes SELECT n, n, 'My Books' FROM generate_series(1, 3) n;
INSERT INTO books SELECT n, 1 + n % 3, NULL, 'book ' || n FROM generate_series(1, 9) n;
"""


@pytest.fixture
def world(on_target: Target) -> Target:
    on_target.execute(SCHEMA)
    return on_target


@pytest.fixture
def carry(queue: QueueRun, monkeypatch: pytest.MonkeyPatch) -> Carry:
    """Queue texts and carry them out; what other rooms would refuse is not looked at."""
    monkeypatch.setattr(hooks, "PREFLIGHT", ())
    monkeypatch.setattr(hooks, "GUARDS", (guard,))

    def do(*texts: str, **facts: str) -> MigrationRun:
        run = queue(*texts, **facts)
        execution.execute(run.pk)
        return MigrationRun.objects.get(pk=run.pk)

    return do
