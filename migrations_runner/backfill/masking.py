"""Keys and errors of rows as they may be stored with us: enough to find a row, no more. Pure."""

from __future__ import annotations

import re

from releases.redaction import redact

_PLAIN = re.compile(r"-?\d{1,19}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_QUOTED = re.compile(r'"[^"]*"|\'[^\']*\'')
_SHOWN = 2


def masked(value: str) -> str:
    """A key's value: whole numbers and UUIDs as they are, of a text only its beginning.

    >>> masked("42"), masked("ana@example.org"), masked("x")
    ('42', 'an… (15 characters)', '… (1 character)')
    """
    if _PLAIN.fullmatch(value):
        return value
    begin = value[:_SHOWN] if len(value) > 2 * _SHOWN else ""
    many = "" if len(value) == 1 else "s"
    return redact(f"{begin}… ({len(value)} character{many})")


def labelled(names: tuple[str, ...], values: list[str]) -> str:
    """Several of them with their names.

    >>> labelled(("id", "mail"), ["7", "ana@example.org"])
    'id 7, mail an… (15 characters)'
    """
    return ", ".join(f"{name} {masked(value)}" for name, value in zip(names, values, strict=True))


def error_of_a_row(message: str, sqlstate: str) -> str:
    """The server's sentence without its DETAIL, and without values where it quotes them.

    >>> error_of_a_row('invalid input syntax for type integer: "07 Elm St"', "22P02")
    'invalid input syntax for type integer: "…" (SQLSTATE 22P02)'
    >>> error_of_a_row('null value in column "a" violates not-null constraint', "23502")
    'null value in column "a" violates not-null constraint (SQLSTATE 23502)'
    """
    told = message if sqlstate.startswith("23") else _QUOTED.sub('"…"', message)
    return f"{redact(told)[:300]} (SQLSTATE {sqlstate})"
