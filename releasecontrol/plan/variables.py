"""Environment variables of a plan, by name. Pure.

Values are never kept, except those that cannot be a secret: yes or no, a small whole number, the
name of an environment.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from releasecontrol.plan.shell import comment_text
from releases.redaction import MASK

LANGUAGES = frozenset({"env", "dotenv", "properties", "ini", "envrc"})

_ASSIGNMENT = re.compile(r"^\s*(?:export\s+)?(?P<name>[A-Za-z_][A-Za-z0-9_]{0,99})=(?P<value>.*)$")
_NAME = re.compile(r"^[`*]{0,3}(?P<name>[A-Z][A-Z0-9_]{2,99})[`*]{0,3}(?=$|[\s:=–—-])")
_TRAILING_COMMENT = re.compile(r"\s#\s?(?P<comment>.*)$")
_HARMLESS = re.compile(
    r"(?:true|false|yes|no|on|off|\d{1,6}|prod(?:uction)?|staging|dev(?:elopment)?|test|local"
    r"|debug|info|warn(?:ing)?|error)",
    re.IGNORECASE,
)
_SECRET_NAME = re.compile(r"password|passwd|secret|token|key|dsn|credential|pin\b", re.IGNORECASE)
_STAND_IN = re.compile(
    r"\byour[-_ ]|\bchange[-_ ]?me\b|\bexample\b|\bplaceholder\b|\btodo\b|\btbd\b"
    r"|x{3,}|<[^>]*>|^\.{3}$|^…$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Assignment:
    """One ``NAME=value`` line; the example is masked unless harmless."""

    line: int
    name: str
    example: str
    is_placeholder: bool
    comment: str


def only_assignments(lines: list[str]) -> bool:
    """Whether a block holds nothing but assignments, comments and blank lines."""
    real = [line for line in lines if line.strip() and comment_text(line) is None]
    return bool(real) and all(_ASSIGNMENT.match(line) for line in real)


def assignments(lines: list[str], first_line: int) -> Iterator[Assignment]:
    """The variables of a block; a comment above speaks for the lines down to a blank one."""
    above = ""
    for number, line in enumerate(lines, first_line):
        found = _ASSIGNMENT.match(line)
        if found:
            value, comment = _split_comment(found["value"])
            yield make_assignment(number, found["name"], value, comment or above)
        else:
            above = comment_text(line) or ""


def make_assignment(line: int, name: str, value: str, comment: str) -> Assignment:
    """A variable whose value is masked unless harmless.

    >>> [make_assignment(1, name, "3002", "").example for name in ("PORT", "API_KEY")]
    ['3002', '[hidden]']
    """
    value = value.strip().strip("\"'")
    harmless = bool(_HARMLESS.fullmatch(value)) and not _SECRET_NAME.search(name)
    example = value if harmless or not value else MASK
    return Assignment(line, name, example, not value or bool(_STAND_IN.search(value)), comment)


def variable_in_entry(text: str) -> tuple[str, str] | None:
    """Name and remark of a list line such as ``- `DATABASE_URL`: the connection``.

    >>> variable_in_entry("`PORT` - where to listen")
    ('PORT', 'where to listen')
    """
    found = _NAME.match(text)
    return (found["name"], text[found.end() :].lstrip(" :=–—-")) if found else None


def _split_comment(value: str) -> tuple[str, str]:
    found = _TRAILING_COMMENT.search(value)
    return (value[: found.start()], found["comment"].strip()) if found else (value, "")
