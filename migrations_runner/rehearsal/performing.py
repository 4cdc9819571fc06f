"""One script on the clone: the same parser, the same sending, the same transaction as in a run."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import psycopg

from migrations_runner import ledger, session
from migrations_runner.failures import told
from migrations_runner.keys import key_of
from migrations_runner.ledger import Connection, Key
from migrations_runner.models import (
    MigrationRun,
    MigrationScript,
    RehearsedScript,
    RehearsedStatement,
    RunScript,
    content_hash,
)
from migrations_runner.parsing import parse_script
from migrations_runner.progress import milliseconds_since
from migrations_runner.rehearsal.observing import Observer, Seen
from migrations_runner.script import Script
from migrations_runner.script import Statement as Parsed
from migrations_runner.sending import CannotSend, Sender
from releases.redaction import redact
from releases.refusals import Refused


class StatementFailedInRehearsal(Refused):
    """A statement failed on the clone; the target was not touched."""


class RehearsalStopped(Refused):
    """The rehearsal was cancelled; the target was not touched."""


@dataclass
class Stage:
    """A clone to perform on: the session of the scripts, and one beside it that looks on."""

    run: MigrationRun
    connection: Connection
    beside: Connection
    wait: Callable[[float], bool]
    notes: list[str] = field(default_factory=list)


@dataclass
class Part:
    """One script to perform: its text, and the ledger's key where it is to be recorded."""

    name: str
    text: str
    includes: dict[str, str]
    values: Mapping[str, str]
    key: Key | None = None


def part_of(run: MigrationRun, script: RunScript) -> Part:
    """A script of the run exactly as it was queued."""
    return Part(script.name, script.text, script.includes, run.variables, key_of(run, script))


def down_part(run: MigrationRun, down: MigrationScript) -> Part:
    """A down script as it stands now, with the values of the run."""
    return Part(down.name, down.text, {}, run.variables)


def sha256_of(part: Part) -> str:
    """What the ledger remembers of the part's text."""
    return content_hash(part.text)


def first_row(stage: Stage, script: RunScript) -> dict[str, str] | None:
    """The values that the driver query gives first; None when it gives no row."""
    with stage.connection.cursor() as cursor:
        cursor.execute(script.driver_query.encode())
        row = cursor.fetchone()
        names = [column.name for column in cursor.description or ()]
    return None if row is None else {n: str(v) for n, v in zip(names, row, strict=True)}


def perform(stage: Stage, part: Part, written: RehearsedScript) -> None:
    """Perform a script and write what each statement did.

    Raises StatementFailedInRehearsal, RehearsalStopped, ScriptRefused.
    """
    text = parse_script(part.text, part.values, part.includes)
    session.refresh(stage.connection, stage.run.target)
    one = _Performance(stage, part, text, written)
    try:
        if text.transactional:
            one.in_one_transaction()
        else:
            one.one_by_one()
    except psycopg.Error as error:
        raise StatementFailedInRehearsal(f"{part.name}: {told(error)}") from None


class _Performance:
    def __init__(self, stage: Stage, part: Part, text: Script, written: RehearsedScript) -> None:
        self._stage, self._part, self._text, self._written = stage, part, text, written
        self._sender = Sender(stage.connection, text, part.values)
        self._observer = Observer(stage.connection, stage.beside)
        self._began = time.perf_counter()

    def in_one_transaction(self) -> None:
        with self._stage.connection.transaction():
            self._record()
            self._began = time.perf_counter()
            self._observer.after()  # what the ledger's row did is not the script's
            for statement in self._text.statements:
                self._send(statement, whole=True)

    def one_by_one(self) -> None:
        for statement in self._text.statements:
            self._send(statement, whole=False)
        with self._stage.connection.transaction():
            self._record()

    def _record(self) -> None:
        if self._part.key is not None:
            ledger.record_applied(self._stage.connection, self._part.key, self._stage.run.pk)

    def _send(self, statement: Parsed, *, whole: bool) -> None:
        if self._stage.wait(0):
            raise RehearsalStopped
        row = RehearsedStatement(
            script=self._written,
            index=statement.index,
            line=statement.line,
            kind=statement.kind[:60],
            began_ms=milliseconds_since(self._began),
        )
        began = time.perf_counter()
        try:
            seen = self._inside(statement, row) if whole else self._outside(statement, row)
        except (CannotSend, psycopg.Error) as error:
            row.milliseconds = milliseconds_since(began)
            raise self._failed(statement, row, error) from None
        row.locks, row.rewrites, row.scans = seen.locks, seen.rewrites, seen.scans
        row.wal_bytes = seen.wal_bytes
        row.save(force_insert=True)

    def _inside(self, statement: Parsed, row: RehearsedStatement) -> Seen:
        self._time(statement, row)
        return self._observer.after()

    def _outside(self, statement: Parsed, row: RehearsedStatement) -> Seen:
        with self._observer.outside() as seen:
            self._time(statement, row)
        return seen

    def _time(self, statement: Parsed, row: RehearsedStatement) -> None:
        began = time.perf_counter()
        row.rows = self._sender.send(statement).rows
        row.milliseconds = milliseconds_since(began)

    def _failed(
        self, statement: Parsed, row: RehearsedStatement, error: CannotSend | psycopg.Error
    ) -> Refused:
        if self._stage.wait(0):
            return RehearsalStopped()
        said = told(error) if isinstance(error, psycopg.Error) else redact(error.detail)
        row.error = said
        row.save(force_insert=True)
        return StatementFailedInRehearsal(f"{self._part.name}, line {statement.line}: {said}")
