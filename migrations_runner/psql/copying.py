r"""The arguments of ``\\copy``: what it would ask of the server, and where the data would be. Pure.

``\\copy t FROM stdin`` means ``COPY t FROM stdin``, with the data in the script either way.
"""

from __future__ import annotations

from typing import NamedTuple

from migrations_runner.lexing import BLANK, Token, tokens


class Copying(NamedTuple):
    """`direction` is ``from`` or ``to``; `client` the word after it, "" for a path."""

    direction: str
    client: str
    start: int
    end: int


def copying(arguments: str) -> Copying | None:
    """Which way the data goes, and arguments[start:end] that says where; None if it says neither.

    >>> copying("(SELECT 1 FROM a) TO STDOUT csv")
    Copying(direction='to', client='stdout', start=21, end=27)
    """
    direction, depth = "", 0
    for token in tokens(arguments):
        if token.kind in BLANK:
            continue
        if direction:
            return Copying(direction, _client(token), token.start, token.end)
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        if depth == 0 and token.kind == "word" and token.text.lower() in {"from", "to"}:
            direction = token.text.lower()
    return None


def reads_data(arguments: str) -> bool:
    """Whether the lines after the command are its data."""
    found = copying(arguments)
    return found is not None and (found.direction, found.client) == ("from", "stdin")


def _client(token: Token) -> str:
    return token.text.lower() if token.kind == "word" else ""
