"""Small questions to a target's catalog, shared by the probes."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Any

from psycopg import sql

from migrations_runner.ledger import Connection


class Seen(Enum):
    """What the catalog says of a statement whose end nobody saw."""

    DONE = "done"
    OPEN = "open"
    """Not done; it may be sent (again), after `clear`."""
    UNSURE = "unsure"


def one(connection: Connection, question: str, values: Sequence[Any] = ()) -> object:
    """The first column of the first row; None where there is no row."""
    row = connection.execute(question.encode(), values).fetchone()
    return row[0] if row is not None else None


def relation(connection: Connection, name: Sequence[str]) -> int | None:
    """The object id behind a name as this session's search path finds it."""
    path = sql.Identifier(*[part for part in name if part]).as_string(connection)
    found = one(connection, "SELECT to_regclass(%s)::oid::bigint", [path])
    return int(str(found)) if found is not None else None
