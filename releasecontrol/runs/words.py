"""A run in plain words: where it is, what it waits for, how long a thing took. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

_PLACE = re.compile(r"line (?P<line>\d+), column (?P<column>\d+)")
_AROUND = 2
_SECOND, _MINUTE, _HOUR = 1000, 60_000, 3_600_000


@dataclass(frozen=True)
class Line:
    """One line of a script around the place that failed."""

    number: int
    text: str
    is_it: bool
    pointer: str


def took(milliseconds: float | None) -> str:
    """How long, as people say it.

    >>> [took(value) for value in (0.2, 34.4, 2500, 125_000, 900_000, 3_725_000, None)]
    ['< 1 ms', '34 ms', '2.5 s', '2 min 5 s', '15 min', '1 h 2 min', '']
    """
    if milliseconds is None:
        return ""
    if milliseconds < 1:
        return "< 1 ms"
    if milliseconds < _SECOND:
        return f"{milliseconds:.0f} ms"
    if milliseconds < _MINUTE:
        return f"{milliseconds / _SECOND:.1f}".removesuffix(".0") + " s"
    minutes, rest = divmod(int(milliseconds), _MINUTE)
    if milliseconds < _HOUR:
        return f"{minutes} min {rest // _SECOND} s".removesuffix(" 0 s")
    return f"{minutes // 60} h {minutes % 60} min".removesuffix(" 0 min")


def excerpt(text: str, error: str) -> list[Line]:
    r"""The lines of a script around the place that an error names; empty where it names none.

    >>> [(line.number, line.pointer) for line in excerpt("a\nb b\nc", "1.sql, line 2, column 3: x")]
    [(1, ''), (2, '  ^'), (3, '')]
    """
    place = _PLACE.search(error)
    if place is None:
        return []
    wanted, column = int(place["line"]), int(place["column"])
    lines = text.split("\n")
    first = max(wanted - _AROUND, 1)
    return [
        Line(
            number,
            lines[number - 1].rstrip("\r"),
            number == wanted,
            _pointer(lines[number - 1], column) if number == wanted else "",
        )
        for number in range(first, min(wanted + _AROUND, len(lines)) + 1)
    ]


def _pointer(line: str, column: int) -> str:
    """A mark under a column; tabs stay tabs, so that it stands where the eye looks."""
    return "".join("\t" if char == "\t" else " " for char in line[: column - 1]) + "^"
