"""Sends the statements of a script, one after another, as psql would.

The caller owns the session and its transaction; a Sender owns what psql would remember between two
statements: variables, branches, data that follows a COPY.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import psycopg

from migrations_runner.ledger import Connection
from migrations_runner.output import shown
from migrations_runner.script import Script, Statement
from releases.refusals import Refused


class CannotSend(Refused):
    """A step was not done, for a reason that psql would give rather than the server."""


@dataclass(frozen=True, slots=True)
class Sent:
    r"""What a step did. `rows` is the server's count, None where it gave none.

    `output` holds result rows and echoed lines, not the server's notices; not masked yet.
    `ran` is False where an ``\if`` passed the statement over.
    """

    rows: int | None = None
    output: list[str] = field(default_factory=list)
    ran: bool = True


class Place(NamedTuple):
    """Where in the sources: `file` is "" for the script itself, else the path it includes."""

    file: str
    line: int
    column: int


class Sender:
    """One script's way to one session. Statements go in their order, each sent or skipped once."""

    def __init__(self, connection: Connection, script: Script, values: Mapping[str, str]) -> None:
        self._connection = connection
        self._script = script
        self._values = dict(values)

    def send(self, statement: Statement) -> Sent:
        """Do one step, and the backslash commands before it.

        Raises psycopg.Error as the server says it, and CannotSend; `place` tells where.
        """
        cursor = self._connection.execute(statement.sql.encode())
        return Sent(cursor.rowcount if cursor.rowcount >= 0 else None, shown(cursor))

    def skip(self, statement: Statement) -> None:
        """Pass over a step that an earlier run did; raises CannotSend if what it left is needed."""

    def place(self, statement: Statement, error: psycopg.Error | None = None) -> Place:
        """Where the last step went wrong: at the server's position, or the statement's begin."""
        given = error.diag.statement_position if error is not None else None
        if not given:
            return Place("", statement.line, statement.column)
        return Place("", *self._script.locate(statement, int(given)))
