"""Percentages as people type them, and as the dial keeps them: thousandths of a percent.

Refusals::

    PercentRefused
    ├── NotAPercentage
    ├── TooManyDecimals
    └── PercentOutOfRange
"""

from __future__ import annotations

import re

from flags.core.bucketing import POSITIONS
from releases.refusals import Refused

DECIMALS = 3
THOUSANDTHS = 1000
LONGEST = 20
_NUMBER = re.compile(r"(-?)([0-9]+)(?:\.([0-9]+))?")


class PercentRefused(Refused):
    """That percentage cannot be used."""

    def __init__(self, text: object) -> None:
        super().__init__(f"Got: “{str(text)[:LONGEST]}”.")


class NotAPercentage(PercentRefused):
    """A percentage is a plain number from 0 to 100, such as 10 or 12.5."""


class TooManyDecimals(PercentRefused):
    """A percentage has no more than three decimals."""


class PercentOutOfRange(PercentRefused):
    """A percentage lies between 0 and 100."""


def parse_percent(text: str | float) -> int:
    """Return thousandths of a percent, 0 to 100,000, for a percentage as a person writes it.

    One trailing percent sign and surrounding blanks are allowed. Decimals are read as digits and
    never pass through a float that could round them. Raises a `PercentRefused` otherwise.

    >>> parse_percent("12.5"), parse_percent(" 10 % "), parse_percent("0.001"), parse_percent(100)
    (12500, 10000, 1, 100000)
    >>> parse_percent("12.5000")
    12500
    """
    written = str(text).strip().removesuffix("%").rstrip()
    match = _NUMBER.fullmatch(written) if len(written) <= LONGEST else None
    if match is None:
        raise NotAPercentage(text)
    sign, whole, fraction = match.groups()
    digits = (fraction or "").rstrip("0")
    if len(digits) > DECIMALS:
        raise TooManyDecimals(text)
    thousandths = int(whole) * THOUSANDTHS + int(digits.ljust(DECIMALS, "0"))
    if thousandths > POSITIONS or (sign and thousandths):
        raise PercentOutOfRange(text)
    return thousandths


def format_percent(dial: int) -> str:
    """Return the shortest way to write a dial as a percentage, without the sign.

    >>> format_percent(12_500), format_percent(100_000), format_percent(1), format_percent(0)
    ('12.5', '100', '0.001', '0')
    """
    whole, rest = divmod(dial, THOUSANDTHS)
    return f"{whole}.{rest:03d}".rstrip("0").removesuffix(".")
