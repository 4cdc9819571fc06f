"""How a value becomes part of SQL text without becoming code. Pure."""

from __future__ import annotations

import re

_PLAIN_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*")
#: A sign next to one of these begins a comment, or makes another operator.
_OPERATOR_CHARACTERS = frozenset("+-*/<>=~!@#%^&|`?")
#: A name next to one of these becomes part of what opens a quote: E'…', $name$, U&"…".
_OPENS_QUOTE_BEFORE = frozenset("$&")
_OPENS_QUOTE_AFTER = frozenset("$&'\"")
_QUOTE_FOLLOWS = re.compile(r"(?:\s|--[^\n\r]*[\n\r])*'")


def quote_literal(value: str) -> str:
    r"""A value as an SQL string.

    >>> quote_literal("O'Hara"), quote_literal("a\\b")
    ("'O''Hara'", " E'a\\\\b'")
    """
    quoted = value.replace("'", "''")
    if "\\" not in quoted:
        return f"'{quoted}'"
    # The blank keeps the E from melting into a word before it, as psql does.
    return " E'" + quoted.replace("\\", "\\\\") + "'"


def quote_literal_before(value: str, following: str, at: int) -> str:
    """The same, where following[at:] comes next.

    Another piece of the same string there must not be read as the rest of an E string.
    """
    if _QUOTE_FOLLOWS.match(following, at):
        return "'" + value.replace("'", "''") + "'"
    return quote_literal(value)


def quote_identifier(value: str) -> str:
    """A value as an SQL name.

    >>> quote_identifier('a"b')
    '"a""b"'
    """
    return '"' + value.replace('"', '""') + '"'


def stands_alone(value: str, *, before: str, after: str) -> bool:
    """Whether a bare value stays one plain number or name between its two neighbour characters.

    >>> stands_alone("-5", before=" ", after=";"), stands_alone("-5", before="-", after=";")
    (True, False)
    >>> stands_alone("books", before=" ", after=" "), stands_alone("1 OR 2", before=" ", after=" ")
    (True, False)
    """
    if _PLAIN_NUMBER.fullmatch(value):
        return before not in (_OPERATOR_CHARACTERS if value[0] in "+-" else _OPENS_QUOTE_BEFORE)
    if _PLAIN_NAME.fullmatch(value):
        return before not in _OPENS_QUOTE_BEFORE and after not in _OPENS_QUOTE_AFTER
    return False


def encodable(value: str) -> bool:
    """Whether PostgreSQL can hold the text at all: no NUL, no half of a surrogate pair."""
    try:
        return b"\0" not in value.encode()
    except UnicodeEncodeError:
        return False
