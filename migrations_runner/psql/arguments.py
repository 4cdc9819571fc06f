r"""What stands after a backslash command: words, quoted pieces and variables. Pure.

Pieces without a blank between them are one argument. Single quotes know C-like escapes, double
quotes stay part of the argument, and variables are put in outside of quotes only: the rules of
"Meta-Commands" in psql's documentation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from migrations_runner.lexing import NAME
from migrations_runner.psql.marks import Form

_PART = re.compile(
    rf"""
    (?P<gap>\s+)
  | '(?P<quoted>(?:[^'\\]|\\.|'')*)'
  | (?P<double>"[^"]*")
  | :'(?P<literal>[{NAME}]+)'
  | :"(?P<identifier>[{NAME}]+)"
  | :\{{\?(?P<test>[{NAME}]+)\}}
  | :(?P<raw>[{NAME}]+)
  | (?P<plain>[^\s'"`:]+|:)
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(
    r"''|\\(?P<octal>[0-7]{1,3})|\\x(?P<hex>[0-9A-Fa-f]{1,2})|\\(?P<char>.)", re.DOTALL
)
_CONTROLS = {"n": "\n", "t": "\t", "b": "\b", "r": "\r", "f": "\f"}


class NotUnderstood(ValueError):
    """Arguments that only psql itself could read; says which character is in the way."""


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of an argument: `text` as it is, or, with a form, the name of a variable."""

    text: str
    form: Form | None = None
    quoted: bool = False


Argument = tuple[Part, ...]


def split_arguments(text: str) -> tuple[Argument, ...]:
    r"""The arguments, each with its parts.

    Raises NotUnderstood for backquotes, which run a program, and for a quote that nothing ends.

    >>> [[part.text for part in argument] for argument in split_arguments("a 'b\\tc':x")]
    [['a'], ['b\tc', 'x']]
    """
    arguments: list[list[Part]] = []
    fresh = True
    for part in _parts(text):
        if part is None:
            fresh = True
            continue
        if fresh:
            arguments.append([])
        arguments[-1].append(part)
        fresh = False
    return tuple(tuple(parts) for parts in arguments)


def _parts(text: str) -> Iterator[Part | None]:
    """The parts, and None for each gap between two arguments."""
    at = 0
    while at < len(text):
        found = _PART.match(text, at)
        if found is None:
            raise NotUnderstood("a backquote" if text[at] == "`" else "a quote that nothing ends")
        at = found.end()
        yield _part(found)


def _part(found: re.Match[str]) -> Part | None:
    kind, value = found.lastgroup, found[found.lastgroup or 0]
    if kind == "gap":
        return None
    if kind == "quoted":
        return Part(_ESCAPE.sub(_unescaped, value), quoted=True)
    forms: tuple[Form, ...] = ("literal", "identifier", "test", "raw")
    return Part(value, next((form for form in forms if form == kind), None))


def _unescaped(found: re.Match[str]) -> str:
    if found["octal"]:
        return chr(int(found["octal"], 8) & 0xFF)
    if found["hex"]:
        return chr(int(found["hex"], 16))
    char: str | None = found["char"]
    return "'" if char is None else _CONTROLS.get(char, char)
