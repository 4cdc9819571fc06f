"""The example target databases: a small publishing application, the same on every machine.

A target for trying a cutover on has to look like one: foreign keys, thousands of rows, a few owners
with hundreds of books and some with none, names in several scripts. `build` makes it in one
transaction, so a crash leaves either nothing or all of it, and the mark that says "ours" (a comment
on the table of accounts) is part of the same transaction.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypedDict

import psycopg
from psycopg import sql

from releases.refusals import Refused

log = logging.getLogger(__name__)

HERE: Final = Path(__file__).parent
SCRIPTS: Final = HERE / "scripts"
MARK: Final = "Release Control example world "
# Any number will do as long as nobody else on the example databases locks it.
BUILDERS_LOCK: Final = 122_026
MOST_ACCOUNTS: Final = 200_000
MOST_BOOKS: Final = 2_000_000


class WorldSize(TypedDict):
    """How many accounts and books (= rows of `projects`) a world has."""

    accounts: int
    books: int


class MadeWith(WorldSize):
    """What a world says of itself: its size and the seed all its rows were drawn from."""

    seed: int


# Staging is a tenth of production: quick to rebuild, and still has every kind of row.
SIZES: Final[dict[str, WorldSize]] = {
    "production": {"accounts": 2_000, "books": 50_000},
    "staging": {"accounts": 200, "books": 5_000},
}


class WorldRefused(Refused):
    """The example world cannot be made here."""


class SizeRefused(WorldRefused):
    """The size of an example world is out of range."""


class WorldUnreachable(WorldRefused):
    """The database for the example world cannot be reached."""


class SomebodyElseLivesHere(WorldRefused):
    """This database already holds tables that are not the example world's; nothing was changed."""


def build(url: str, *, accounts: int, books: int, seed: int = 12) -> None:
    """Make the world on the database at `url`; a world already there is left as it is.

    `accounts` is 2 to 200,000, `books` 0 to 2,000,000. Same numbers, same rows. Two builders at
    once wait for each other. Raises SizeRefused, WorldUnreachable, SomebodyElseLivesHere.
    """
    asked: MadeWith = {"accounts": accounts, "books": books, "seed": seed}
    _refuse_odd_sizes(asked)
    with _locked(url) as connection:
        there = _made_with(connection)
        if there is None:
            _refuse_strangers(connection)
            _fill(connection, asked)
        elif there != asked:
            log.info("The example world stands already, made with %s; left as it is.", there)


def reset(
    url: str, *, accounts: int | None = None, books: int | None = None, seed: int | None = None
) -> None:
    """Throw the world away and make it afresh, as it was made before unless told otherwise.

    Everything in the database goes, what scripts and people added and any ledger of runs as well: a
    ledger that outlived its tables would have every script skipped. On a database without a world
    this builds one if both sizes are given and does nothing otherwise. Raises as `build` does.
    """
    with _locked(url) as connection:
        there = _made_with(connection)
        if there is None:
            _refuse_strangers(connection)
        asked = _merged(there, accounts=accounts, books=books, seed=seed)
        if asked is None:
            return
        _refuse_odd_sizes(asked)
        _sweep(connection)
        _fill(connection, asked)


def is_built(url: str) -> bool:
    """Say whether a whole example world stands at `url`. Raises WorldUnreachable."""
    with _connected(url) as connection:
        return _made_with(connection) is not None


def _refuse_odd_sizes(asked: MadeWith) -> None:
    if not 2 <= asked["accounts"] <= MOST_ACCOUNTS:  # noqa: PLR2004 - the smoke tester and a writer
        raise SizeRefused(f"accounts must be 2 to {MOST_ACCOUNTS}, not {asked['accounts']}.")
    if not 0 <= asked["books"] <= MOST_BOOKS:
        raise SizeRefused(f"books must be 0 to {MOST_BOOKS}, not {asked['books']}.")


def _merged(
    there: MadeWith | None, *, accounts: int | None, books: int | None, seed: int | None
) -> MadeWith | None:
    accounts = there["accounts"] if accounts is None and there else accounts
    books = there["books"] if books is None and there else books
    seed = there["seed"] if seed is None and there else seed
    if accounts is None or books is None:
        return None
    return {"accounts": accounts, "books": books, "seed": 12 if seed is None else seed}


@contextmanager
def _connected(url: str) -> Iterator[psycopg.Connection]:
    try:
        connection = psycopg.connect(
            url, connect_timeout=10, application_name="release-control-example-world"
        )
    except psycopg.Error as error:
        # A malformed URL is quoted in the driver's message, password and all: keep only its class.
        raise WorldUnreachable(f"({type(error).__name__})") from None
    with connection:
        yield connection


@contextmanager
def _locked(url: str) -> Iterator[psycopg.Connection]:
    """One transaction, one builder. One whose client dies gives up and lets the next one in."""
    with _connected(url) as connection:
        connection.execute("SET LOCAL client_connection_check_interval = '500ms'")
        connection.execute("SET LOCAL search_path = public")
        connection.execute("SET LOCAL lock_timeout = '60s'")
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [BUILDERS_LOCK])
        yield connection


def _made_with(connection: psycopg.Connection) -> MadeWith | None:
    row = connection.execute(
        "SELECT obj_description(to_regclass('public.accounts'), 'pg_class')"
    ).fetchone()
    comment = row[0] if row else None
    if not isinstance(comment, str) or not comment.startswith(MARK):
        return None
    made_with: MadeWith = json.loads(comment.removeprefix(MARK))
    return made_with


def _refuse_strangers(connection: psycopg.Connection) -> None:
    """A ledger of runs has a schema of its own: only what is in `public` counts as somebody's."""
    rows = connection.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = to_regnamespace('public')"
        " AND relkind IN ('r', 'p', 'v', 'm', 'f') ORDER BY relname LIMIT 6"
    ).fetchall()
    if rows:
        names = ", ".join(str(row[0]) for row in rows[:5])
        raise SomebodyElseLivesHere(f"Found: {names}{' and more' if len(rows) > 5 else ''}.")  # noqa: PLR2004


def _sweep(connection: psycopg.Connection) -> None:
    """Drop every schema that is not PostgreSQL's own; the mark has said that all of it is ours."""
    rows = connection.execute(
        "SELECT nspname FROM pg_namespace WHERE nspname NOT LIKE 'pg\\_%'"
        " AND nspname <> 'information_schema'"
    ).fetchall()
    for (name,) in rows:
        connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(name)))
    connection.execute("CREATE SCHEMA public")


def _fill(connection: psycopg.Connection, asked: MadeWith) -> None:
    for name, value in asked.items():
        connection.execute("SELECT set_config(%s, %s, true)", [f"example.{name}", str(value)])
    for name in ("world_schema.sql", "world_data.sql", "world_keys.sql"):
        connection.execute((HERE / name).read_bytes())
    mark = sql.Literal(MARK + json.dumps(asked))
    connection.execute(sql.SQL("COMMENT ON TABLE accounts IS {}").format(mark))
