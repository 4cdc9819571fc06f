"""What a context says, read as text, number, date or version. Pure.

Attributes are compared as text, because clients in different languages send the same fact as
different JSON. How a text is read as something else follows what the engine inside the Unleash SDKs
accepts, so that a rule decides the same in both; what can't be read so is None, never an error.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, TypeAlias

Context: TypeAlias = Mapping[str, Any]
"""What is known of the one who asks, by attribute; ``targetingKey`` is who it is."""

Moment: TypeAlias = tuple[int, int]
"""Seconds since 1970 in UTC, and nanoseconds; in a leap second the latter are above 10^9."""
Version: TypeAlias = tuple[int, int, int, bool, tuple[tuple[int, int, str], ...]]
"""A semantic version such that tuples compare by its precedence."""

_LARGEST_WHOLE = 2**64 - 1
_SMALLEST_WHOLE = -(2**63)
_NANOSECONDS = 10**9
_LEAP_SECOND = 60

_NUMBER = re.compile(
    r"[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?|inf|infinity|nan)", re.IGNORECASE
)
_DATE = re.compile(
    r"\s*([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})(?:[Tt]|\s)\s*"
    r"([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?:\.([0-9]+))?"
    r"\s*(?:[Zz]|[Uu][Tt][Cc]|([+\-−])([0-9]{2})[: ]*([0-5][0-9]))\s*"
)
# The pattern that semver.org suggests, with its parts in fewer groups.
_VERSION = re.compile(
    r"(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)"
    r"(?:-((?:0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*)"
    r"(?:\.(?:0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*))*))?"
    r"(?:\+[0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*)?"
)


def text_of(value: object) -> str | None:
    """Return an attribute's value as the text it is compared by; None counts as missing.

    >>> [text_of(value) for value in ("DE", True, 5, 5.0, 1e-5, 1e-7, None, ["DE"], {})]
    ['DE', 'true', '5', '5.0', '0.00001', '1e-7', None, None, None]
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return _whole_text(value)
    return _float_text(value) if isinstance(value, float) else None


def bucket_text(value: object) -> str | None:
    """Return what a bucketing attribute is hashed as, or None where it counts as missing.

    Only names of somebody: a text that is not empty, or a whole number.

    >>> [bucket_text(value) for value in ("u1", 7, "", True, 7.0, None)]
    ['u1', '7', None, None, None, None]
    """
    if isinstance(value, str):
        return value or None
    if isinstance(value, int) and not isinstance(value, bool):
        return _whole_text(value)
    return None


def number_of(text: str) -> float | None:
    """Return a text as a number, or None; infinities and "not a number" are numbers here.

    >>> [number_of(text) for text in ("5", "+5.", ".5", "5e0", " 5", "5_0", "0x5", "")]
    [5.0, 5.0, 0.5, 5.0, None, None, None, None]
    """
    return float(text) if _NUMBER.fullmatch(text) else None


def moment_of(text: str) -> Moment | None:
    """Return a date with its time of day and zone (RFC 3339, and a little laxer), or None.

    >>> moment_of("1970-01-01T01:00:00.5+01:00"), moment_of("1970-01-02")
    ((0, 500000000), None)
    """
    match = _DATE.fullmatch(text)
    if match is None:
        return None
    *date, second = (int(match[group]) for group in range(1, 7))
    leap = second == _LEAP_SECOND
    try:
        minute = datetime(*date, second - leap, tzinfo=_zone(match))  # type: ignore[misc,arg-type]
        seconds = int(minute.astimezone(UTC).timestamp())
    except (ValueError, OverflowError):
        return None
    return seconds, int((match[7] or "")[:9].ljust(9, "0")) + leap * _NANOSECONDS


def clock_moment(seconds: float) -> Moment:
    """Return a clock's seconds since 1970 as a moment."""
    whole = int(seconds // 1)
    return whole, int((seconds - whole) * _NANOSECONDS)


def version_of(text: str) -> Version | None:
    """Return a semantic version 2.0.0, comparable by precedence, or None; its build is left out.

    >>> version_of("1.0.0-rc.1") < version_of("1.0.0-rc.11") < version_of("1.0.0+build")
    True
    >>> version_of("v1.0.0"), version_of("1.0")
    (None, None)
    """
    match = _VERSION.fullmatch(text)
    if match is None:
        return None
    numbers = [_counted(part) for part in match.group(1, 2, 3)]
    if max(numbers) > _LARGEST_WHOLE:
        return None
    before = match[4]
    identifiers = tuple(map(_identifier, before.split("."))) if before else ()
    return (numbers[0], numbers[1], numbers[2], not before, identifiers)


def _zone(match: re.Match[str]) -> timezone:
    if match[8] is None:
        return UTC
    offset = timedelta(hours=int(match[9]), minutes=int(match[10]))
    return timezone(offset if match[8] == "+" else -offset)


def _counted(digits: str) -> int:
    # Python refuses to read thousands of digits; such a number is larger than any that counts.
    return int(digits) if len(digits) <= len(str(_LARGEST_WHOLE)) else _LARGEST_WHOLE + 1


def _identifier(text: str) -> tuple[int, int, str]:
    # Numbers stand before words. Without leading zeros the longer one is the larger.
    return (0, len(text), text) if text.isdigit() else (1, 0, text)


def _whole_text(value: int) -> str | None:
    if _SMALLEST_WHOLE <= value <= _LARGEST_WHOLE:
        return str(value)
    try:
        return _float_text(float(value))
    except OverflowError:
        return None


def _float_text(value: float) -> str | None:
    mantissa, _, exponent = repr(value).partition("e")
    if not exponent:
        return mantissa if value == value and abs(value) != float("inf") else None  # noqa: PLR0124
    if int(exponent) == -5:  # noqa: PLR2004  (the one exponent that the engine writes out)
        sign, digits = ("-", mantissa[1:]) if mantissa[0] == "-" else ("", mantissa)
        return f"{sign}0.0000{digits.replace('.', '')}"
    return f"{mantissa}e{int(exponent):+d}"
