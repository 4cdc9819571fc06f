"""The stand-in's own SQL, on the schema as it finds it: before, during and after a cutover."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from queue import Empty, LifoQueue
from typing import Any, Final, LiteralString
from uuid import UUID

import psycopg
from psycopg.rows import DictRow, dict_row

from releasecontrol.examples.standin import forms, queries
from releasecontrol.examples.standin.answers import Refused

MOST_CONNECTIONS: Final = 8
PATIENCE_SECONDS: Final = 3.0
Row = dict[str, Any]


class Store:
    """A few connections to the application's database, opened when first needed."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._idle: LifoQueue[psycopg.Connection[DictRow]] = LifoQueue()
        self._places = threading.BoundedSemaphore(MOST_CONNECTIONS)

    def is_there(self) -> bool:
        try:
            self._all("SELECT 1 AS one")
        except Refused:
            return False
        return True

    def account(self, user: str) -> UUID:
        """The account a request acts for; without one, the world's account for smoke tests."""
        if user:
            wanted = forms.as_uuid(user)
            found = self._all(queries.ACCOUNT, wanted) if wanted else []
        else:
            found = self._all(queries.FIRST_ACCOUNT)
        if not found:
            raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, "X-User-Id is not an account")
        account: UUID = found[0]["id"]
        return account

    def listed(self, kind: str, account: UUID, *, most: int = 100) -> list[Row]:
        """The newest things of an account first."""
        return self._all(queries.LISTS[kind], account, most)

    def total(self, kind: str, account: UUID) -> int:
        return int(self._all(queries.COUNTS[kind], account)[0]["total"])

    def latest_books(self, account: UUID | None, *, most: int) -> tuple[list[Row], int]:
        """Somebody's newest books, or everybody's, and how many there are."""
        if account is not None:
            return self.listed("projects", account, most=most), self.total("projects", account)
        rows = self._all(queries.ALL_BOOKS, most)
        return rows, int(self._all(queries.COUNT_ALL_BOOKS)[0]["total"])

    def create_universe(
        self, account: UUID, *, name: str, description: str, tags: list[str]
    ) -> Row:
        return self._all(queries.CREATE_UNIVERSE, account, name, description, tags)[0]

    def create_book(self, account: UUID, *, title: str, universe: UUID | None) -> Row:
        """A book; the universe must be one of the same account."""
        if universe is None:
            return self._all(queries.CREATE_BOOK, account, title)[0]
        made = self._all(queries.CREATE_BOOK_IN_UNIVERSE, title, universe, account)
        if not made:
            raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, "no such universe of this account")
        return made[0]

    def create_asset(self, account: UUID, *, kind: str, name: str) -> Row:
        return self._all(queries.CREATE_ASSET, account, kind, name)[0]

    def delete(self, kind: str, thing: UUID, account: UUID) -> bool:
        return bool(self._all(queries.DELETES[kind], thing, account))

    def close(self) -> None:
        while True:
            try:
                self._idle.get_nowait().close()
            except Empty:
                return

    def _all(self, query: LiteralString, *values: object) -> list[Row]:
        try:
            with self._connection() as connection:
                return connection.execute(query, values).fetchall()
        except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn) as missing:
            raise _not_yet(missing) from missing
        except psycopg.errors.ForeignKeyViolation as used:
            raise Refused(HTTPStatus.CONFLICT, "still in use by something else") from used
        except psycopg.errors.IntegrityError as clash:
            raise Refused(HTTPStatus.CONFLICT, "clashes with something there already") from clash
        except psycopg.Error as failure:
            # Away, restarting, or a migration holds the table for longer than we wait.
            raise Refused(
                HTTPStatus.SERVICE_UNAVAILABLE, "the database does not answer", {"Retry-After": "1"}
            ) from failure

    @contextmanager
    def _connection(self) -> Iterator[psycopg.Connection[DictRow]]:
        if not self._places.acquire(timeout=PATIENCE_SECONDS):
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, "too busy", {"Retry-After": "1"})
        try:
            connection = self._take()
            try:
                yield connection
            finally:
                if connection.closed or connection.broken:
                    connection.close()
                else:
                    self._idle.put(connection)
        finally:
            self._places.release()

    def _take(self) -> psycopg.Connection[DictRow]:
        """An idle connection that still answers (the server may have restarted), or a new one."""
        while True:
            try:
                connection = self._idle.get_nowait()
            except Empty:
                return self._connect()
            try:
                connection.execute("SELECT 1")
            except psycopg.Error:
                connection.close()
            else:
                return connection

    def _connect(self) -> psycopg.Connection[DictRow]:
        return psycopg.connect(
            self._url,
            autocommit=True,
            row_factory=dict_row,
            connect_timeout=3,
            # A statement prepared before a migration may not fit the table after it.
            prepare_threshold=None,
            application_name="publishing-stand-in",
            options="-c lock_timeout=2s -c statement_timeout=5s -c search_path=public",
        )


def _not_yet(missing: psycopg.Error) -> Refused:
    """Before the migration this is the expected answer, not a fault: say what is missing."""
    named = missing.diag.message_primary or ""
    what = "universes" if "universe" in named else "the application's tables"
    return Refused(HTTPStatus.SERVICE_UNAVAILABLE, f"{what} are not there yet")
