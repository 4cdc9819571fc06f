"""A database of its own for each test, on the project's PostgreSQL, and psql to run scripts."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager
from secrets import token_hex
from typing import TYPE_CHECKING

import psycopg
import pytest
from django.conf import settings
from psycopg import sql
from psycopg.conninfo import make_conninfo

from releasecontrol.examples import world
from tests.examples.kit import SMALL, binary, psql

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


def server_url(database: str) -> str:
    """Connection string for one database on the server that the project itself uses."""
    ours = settings.DATABASES["default"]
    wanted = {"host": "HOST", "port": "PORT", "user": "USER", "password": "PASSWORD"}
    known = {name: str(ours[key]) for name, key in wanted.items() if ours.get(key)}
    return make_conninfo("", dbname=database, **known)


@contextmanager
def new_database() -> Iterator[str]:
    server = server_url(str(settings.DATABASES["default"]["NAME"]))
    name = f"examples_{token_hex(6)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    try:
        yield server_url(name)
    finally:
        with psycopg.connect(server, autocommit=True) as connection:
            drop = sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name))
            connection.execute(drop)


@pytest.fixture
def scratch_database() -> Iterator[str]:
    """URL of a new, empty database that is gone after the test."""
    with new_database() as url:
        yield url


@pytest.fixture(scope="module")
def shared_world() -> Iterator[str]:
    """A small world for tests that are refused whatever they ask, and so can share it."""
    with new_database() as url:
        world.build(url, **SMALL)
        yield url


@pytest.fixture
def small_world(scratch_database: str) -> str:
    world.build(scratch_database, **SMALL)
    return scratch_database


@pytest.fixture(scope="session")
def run_script() -> Callable[..., str]:
    """Run a file as the scripts ask for, and return what psql printed (one tag a statement)."""

    def run(url: str, script: Path, *, transaction: bool = True) -> str:
        done = psql(url, script, transaction=transaction)
        assert done.returncode == 0, f"{script.name}: {done.stderr}"
        return done.stdout

    return run


@pytest.fixture(scope="session")
def schema_of() -> Callable[[str], str]:
    """The schema as pg_dump writes it, without the line that holds a random key."""

    def schema(url: str) -> str:
        command = [binary("pg_dump"), "--schema-only", "-d", url]
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        return "\n".join(line for line in text.splitlines() if "restrict " not in line)

    return schema
