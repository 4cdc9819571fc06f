"""What a statement printed: the server's notices and the first rows of a result, bounded."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

import psycopg

from migrations_runner.ledger import Connection

MOST_NOTICES = 20
MOST_ROWS = 20
_WIDEST = 200


class Notices:
    """Collects notices while it is open; `taken()` hands out those since the last call."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._held: list[str] = []

    def __enter__(self) -> Self:
        self._connection.add_notice_handler(self._keep)
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._connection.remove_notice_handler(self._keep)

    def taken(self) -> list[str]:
        held, self._held = self._held, []
        return held

    def _keep(self, notice: psycopg.errors.Diagnostic) -> None:
        if len(self._held) < MOST_NOTICES:
            self._held.append(f"{notice.severity}: {notice.message_primary}")


def shown(cursor: psycopg.Cursor[Any]) -> list[str]:
    """The first rows of a result as tab-separated lines, below the names of their columns."""
    if cursor.description is None:
        return []
    rows = cursor.fetchmany(MOST_ROWS)
    lines = ["\t".join(column.name for column in cursor.description)]
    lines += ["\t".join(_cell(value) for value in row) for row in rows]
    more = cursor.rowcount - len(rows)
    return [*lines, f"… and {more} more rows"] if more > 0 else lines


def _cell(value: Any) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= _WIDEST else text[: _WIDEST - 1] + "…"
