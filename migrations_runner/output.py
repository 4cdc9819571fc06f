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

    def say(self, lines: list[str]) -> None:
        """Add something of our own."""
        self._held += lines

    def _keep(self, notice: psycopg.errors.Diagnostic) -> None:
        if len(self._held) < MOST_NOTICES:
            self._held.append(f"{notice.severity}: {notice.message_primary}")


def shown(cursor: psycopg.Cursor[Any]) -> list[str]:
    """The first rows of a result as tab-separated lines, below the names of their columns.

    The server's own text of each value, as psql prints it: Python has no date for ``infinity``.
    """
    result = cursor.pgresult
    if result is None or not result.nfields:
        return []
    fields = range(result.nfields)
    lines = ["\t".join(_text(result.fname(field)) for field in fields)]
    lines += [
        "\t".join(_text(result.get_value(row, field)) for field in fields)
        for row in range(min(result.ntuples, MOST_ROWS))
    ]
    more = result.ntuples - MOST_ROWS
    return [*lines, f"… and {more} more rows"] if more > 0 else lines


def _text(value: bytes | None) -> str:
    text = "" if value is None else value.decode("utf-8", "replace")
    return text if len(text) <= _WIDEST else text[: _WIDEST - 1] + "…"
