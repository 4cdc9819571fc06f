"""Sends the statements of a script, one after another, as psql would.

The caller owns the session and its transaction; a Sender owns what psql would remember between two
statements: variables, branches, data that follows a COPY.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import psycopg

from migrations_runner import data_blocks
from migrations_runner.kinds import result_columns
from migrations_runner.ledger import Connection
from migrations_runner.output import MOST_ROWS, shown
from migrations_runner.parsing import require_plain
from migrations_runner.psql.machine import CannotGoOn, Machine
from migrations_runner.psql.pieces import Substituted
from migrations_runner.psql.program import Query
from migrations_runner.refusals import ScriptRefused
from migrations_runner.script import Script, Statement
from releases.refusals import Refused

#: How much of a COPY's data is handed over at once, in characters.
_CHUNK = 1 << 18
_WIDEST = 200
_LINE_OF_DATA = re.compile(r"^COPY .*?, \D*([0-9]+)", re.MULTILINE)


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
    """One script's way to one session.

    Every statement is sent or skipped, in their order; one that failed may be sent once more.
    """

    def __init__(self, connection: Connection, script: Script, values: Mapping[str, str]) -> None:
        """Raises DataMissing if the script refers to data that is not kept."""
        data_blocks.require(script.blocks)
        self._connection = connection
        self._machine = Machine(values, _given(connection))
        self._moves = iter(script.moves)
        self._left = len(script.statements)
        self._current = -1
        self._origin: Substituted | None = None
        self._offset = 0

    def send(self, statement: Statement) -> Sent:
        """Do one step, and the backslash commands before it; after the last one, those behind it.

        Raises psycopg.Error as the server says it, and CannotSend; `place` tells where.
        """
        try:
            output = self._reach(statement)
            sent = self._execute(statement) if self._machine.active else Sent(ran=False)
            output += sent.output
            if self._left == 0:
                output += self._reach(None)
        except (CannotGoOn, ScriptRefused) as why:
            raise CannotSend(str(why)) from None
        return Sent(sent.rows, output, sent.ran)

    def skip(self, statement: Statement) -> None:
        """Pass over a step that an earlier run did; raises CannotSend if what it left is needed."""
        try:
            self._reach(statement)
        except CannotGoOn as why:
            raise CannotSend(str(why)) from None
        if statement.action == "gset" and statement.query is not None and self._machine.active:
            names, others = result_columns(statement.node)
            self._machine.forget(statement.query.prefix, names, others=others)

    def place(self, statement: Statement, error: psycopg.Error | None = None) -> Place:
        """Where the last step went wrong: at the server's position, or the statement's begin."""
        line = data_line(error) if error is not None and statement.action == "copy" else None
        query = statement.query
        if line is not None and query is not None and query.data is not None:
            first, _ = query.source.lines.locate(query.data.start)
            return Place(statement.file, first if query.data.block else first + line - 1, 1)
        given = error.diag.statement_position if error is not None else None
        if not given or self._origin is None:
            return Place(statement.file, statement.line, statement.column)
        return Place(statement.file, *self._origin.place(self._offset + int(given) - 1))

    def _reach(self, statement: Statement | None) -> list[str]:
        """Carry out the commands up to the statement, or to the end."""
        output: list[str] = []
        if statement is not None and statement.index == self._current:
            return output
        for move in self._moves:
            if isinstance(move, Statement):
                if statement is None or move.index != statement.index:
                    raise ValueError(f"statement {move.index} was neither sent nor skipped")
                self._current, self._left = move.index, self._left - 1
                break
            if not isinstance(move, Query):
                output += self._machine.carry_out(move)
        return output

    def _execute(self, statement: Statement) -> Sent:
        sql = self._put_in(statement)
        if statement.action == "copy":
            sent = self._copy(statement, sql)
        else:
            sent = self._run(statement, sql)
        self._machine.note_count(sent.rows)
        return sent

    def _put_in(self, statement: Statement) -> str:
        """The statement with all values in it, as the server will see it."""
        self._origin, self._offset = statement.origin, statement.offset
        if statement.query is None or statement.query.settled:
            return statement.sql
        self._origin, self._offset = self._machine.put_in(statement.query)
        return self._origin.text[self._offset :].rstrip()

    def _run(self, statement: Statement, sql: str) -> Sent:
        cursor = self._connection.execute(sql.encode())
        if statement.action == "gset":
            return Sent(_count(cursor), self._gset(statement, cursor))
        if statement.action == "gexec":
            return self._gexec(cursor)
        return Sent(_count(cursor), shown(cursor))

    def _gset(self, statement: Statement, cursor: psycopg.Cursor[tuple[object, ...]]) -> list[str]:
        """The only row's values become variables, under the names of their columns."""
        result = cursor.pgresult
        if result is None or not result.nfields:
            return []
        if result.ntuples != 1:
            which = "no rows" if result.ntuples == 0 else "more than one row"
            raise CannotGoOn(f"{which} returned for \\gset.")
        prefix, told = statement.query.prefix if statement.query else "", list[str]()
        for field_ in range(result.nfields):
            name, value = result.fname(field_) or b"", result.get_value(0, field_)
            text = None if value is None else value.decode()
            told += self._machine.assign(prefix + name.decode(), text)
        return told

    def _gexec(self, cursor: psycopg.Cursor[tuple[object, ...]]) -> Sent:
        """Each cell is a statement, row by row; NULL is none."""
        output, rows = list[str](), None
        # What goes wrong in a cell has no place of its own in the script.
        self._origin = None
        for cell in _cells(cursor):
            require_plain(cell.decode())
            done = self._connection.execute(cell)
            rows = _count(done)
            output += shown(done)
        return Sent(rows, output[:MOST_ROWS])

    def _copy(self, statement: Statement, sql: str) -> Sent:
        with self._connection.cursor() as cursor:
            with cursor.copy(sql.encode()) as copy:
                if statement.node.is_from:
                    for chunk in _data(statement):
                        copy.write(chunk)
                    output = list[str]()
                else:
                    output = list(_first_lines(copy))
            return Sent(_count(cursor), output)


def _count(cursor: psycopg.Cursor[tuple[object, ...]]) -> int | None:
    return cursor.rowcount if cursor.rowcount >= 0 else None


def _cells(cursor: psycopg.Cursor[tuple[object, ...]]) -> list[bytes]:
    result = cursor.pgresult
    if result is None:
        return []
    rows, columns = range(result.ntuples), range(result.nfields)
    cells = (result.get_value(row, column) for row in rows for column in columns)
    return [cell for cell in cells if cell is not None]


def _data(statement: Statement) -> Iterator[str | bytes]:
    """The data that follows a COPY, piece by piece."""
    query = statement.query
    if query is None or query.data is None:
        return
    if query.data.block:
        yield from data_blocks.read(query.data.block)
        return
    for start in range(query.data.start, query.data.end, _CHUNK):
        yield query.source.text[start : min(start + _CHUNK, query.data.end)]


def _first_lines(blocks: Iterable[bytes | bytearray | memoryview]) -> Iterator[str]:
    """The first lines of what COPY TO STDOUT sends, and how many there were beyond."""
    more = 0
    for number, block in enumerate(blocks):
        if number < MOST_ROWS:
            yield bytes(block).decode("utf-8", "replace").rstrip("\n")[:_WIDEST]
        else:
            more += 1
    if more:
        yield f"… and {more} more rows"


def _given(connection: Connection) -> dict[str, str]:
    """The variables that psql sets when it connects."""
    info = connection.info
    return {
        "DBNAME": info.dbname,
        "USER": info.user,
        "SERVER_VERSION_NUM": str(info.server_version),
        "SERVER_VERSION_NAME": info.parameter_status("server_version") or "",
        "ENCODING": "UTF8",
    }


def data_line(error: psycopg.Error) -> int | None:
    """The line of the data that the server complains about, from 1; None if it names none."""
    found = _LINE_OF_DATA.search(error.diag.context or "")
    return int(found[1]) if found else None
