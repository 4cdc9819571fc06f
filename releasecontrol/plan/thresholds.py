"""Numbers in plain sentences: limits, percentages, durations, dates. Pure.

>>> parse_threshold("Response time > 3 seconds for 5 minutes")
Threshold(metric='Response time', operator='>', value=Decimal('3'), unit='s', window_seconds=300)
>>> parse_threshold("API success rate (target: at least 99.5 %)").operator
'>='
>>> parse_threshold("Critical bug discovered") is None
True
"""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal

from releasecontrol.plan.facts import Operator, Threshold

_OPERATORS: dict[str, Operator] = {
    "<": "<", "<=": "<=", "≤": "<=", "=<": "<=", ">": ">", ">=": ">=", "≥": ">=", "=>": ">=",
    "=": "=", "==": "=",
    "below": "<", "under": "<", "less than": "<", "lower than": "<", "fewer than": "<",
    "drops below": "<", "falls below": "<",
    "at most": "<=", "no more than": "<=", "up to": "<=", "within": "<=",
    "above": ">", "over": ">", "exceeds": ">", "more than": ">", "greater than": ">",
    "higher than": ">", "rises above": ">", "goes above": ">",
    "at least": ">=", "no less than": ">=", "equals": "=",
}  # fmt: skip
_UNITS = {
    "%": "%", "percent": "%", "ms": "ms", "millisecond": "ms", "milliseconds": "ms",
    "s": "s", "sec": "s", "secs": "s", "second": "s", "seconds": "s",
    "m": "min", "min": "min", "mins": "min", "minute": "min", "minutes": "min",
    "h": "h", "hr": "h", "hrs": "h", "hour": "h", "hours": "h",
    "d": "d", "day": "d", "days": "d", "x": "x", "times": "x",
}  # fmt: skip
_SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86_400}
_DAYS = {"hour": 1 / 24, "day": 1.0, "week": 7.0, "month": 30.0}


def _alternatives(words: dict[str, Operator] | dict[str, str]) -> str:
    longest_first = sorted(words, key=len, reverse=True)
    return "|".join(
        rf"\b{re.escape(w)}\b" if w[0].isalpha() else re.escape(w) for w in longest_first
    )


_NUMBER = r"\d{1,12}(?:,\d{3}){0,4}(?:\.\d{1,9})?"
_LIMIT = re.compile(
    rf"(?P<operator>{_alternatives(_OPERATORS)})\s{{0,4}}(?P<value>{_NUMBER})"
    r"\s{0,4}(?P<unit>(?:%|[a-z]{1,12})(?![a-z]))?",
    re.IGNORECASE,
)
_WINDOW = re.compile(
    r"\b(?:for|over|during|within)\s{1,4}(?:the\s{1,4}last\s{1,4}|at\s{1,4}least\s{1,4})?"
    r"(?P<value>\d{1,6})\s{0,4}(?P<unit>[a-z]{1,12})",
    re.IGNORECASE,
)
_GOAL_WORD = re.compile(
    r"[(\[]?\s*\b(?:target|goal|slo|limit|should be|must be)\b\s*:?\s*$", re.IGNORECASE
)
_PERCENT = re.compile(
    r"(?<![\d.])(?P<value>\d{1,3}(?:\.\d{1,3})?)\s?(?:%|percent\b)", re.IGNORECASE
)
_DURATION = re.compile(
    r"(?<![\d.])(?:\d{1,4}\s{0,2}[-–]\s{0,2})?(?P<value>\d{1,4}(?:\.\d{1,2})?)"
    r"\s{0,2}[- ]?(?P<unit>hour|day|week|month)s?\b",
    re.IGNORECASE,
)
_DATE_FORMATS = (
    "%Y-%m-%d",
    "%B %d, %Y",
    "%B %d %Y",
    "%d %B %Y",
    "%b %d, %Y",
    "%d %b %Y",
    "%d.%m.%Y",
)
_FULL = Decimal(100)


def parse_threshold(text: str) -> Threshold | None:
    """The first limit in a sentence, or None where it holds none.

    The metric is what stands before the operator, without "target:" and brackets.
    """
    found = _LIMIT.search(text)
    if not found or _is_a_stretch_of_time(found):
        return None
    rest = text[found.end() :]
    return Threshold(
        metric=_metric_name(text[: found.start()]),
        operator=_OPERATORS[found["operator"].lower()],
        value=Decimal(found["value"].replace(",", "")),
        unit=_UNITS.get((found["unit"] or "").lower(), ""),
        window_seconds=parse_window(rest),
    )


def parse_window(text: str) -> int | None:
    """How many seconds a condition must last, such as 300 for "for 5 minutes"."""
    found = _WINDOW.search(text)
    factor = _SECONDS.get(_UNITS.get(found["unit"].lower(), "")) if found else None
    return int(found["value"]) * factor if found and factor else None


def parse_percentage(text: str) -> Decimal | None:
    """The first percentage from 0 to 100 in a sentence.

    >>> parse_percentage("Week 2: 12.5% of users"), parse_percentage("140 %")
    (Decimal('12.5'), None)
    """
    found = _PERCENT.search(text)
    value = Decimal(found["value"]) if found else None
    return value if value is not None and value <= _FULL else None


def parse_days(text: str) -> float | None:
    """The longest reading of a duration, in days.

    >>> parse_days("1 day"), parse_days("1-2 weeks"), parse_days("36 hours"), parse_days("soon")
    (1.0, 14.0, 1.5, None)
    """
    found = _DURATION.search(text)
    return float(found["value"]) * _DAYS[found["unit"].lower()] if found else None


def parse_date(text: str) -> date | None:
    """The calendar date a field holds, or None.

    >>> parse_date("February 15, 2026")
    datetime.date(2026, 2, 15)
    """
    for pattern in _DATE_FORMATS:
        try:
            return datetime.strptime(text.strip()[:40], pattern).date()  # noqa: DTZ007 - a plain date has no zone
        except ValueError:
            continue
    return None


def _is_a_stretch_of_time(found: re.Match[str]) -> bool:
    # "failures over 5 minutes" says how long, not how many.
    unit = _UNITS.get((found["unit"] or "").lower(), "")
    return found["operator"].isalpha() and unit in {"min", "h", "d"}


def _metric_name(before: str) -> str:
    name = _GOAL_WORD.sub("", before.rstrip(" \t:(["))
    return name.rstrip(" \t:([-–—").strip()
