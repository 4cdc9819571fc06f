"""One row that a plan asks for, as a value. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row that the plan asks for; `label` and `line` are for people."""

    key: str
    label: str
    line: int | None
    fields: Mapping[str, Any]
    first: Mapping[str, Any] = field(default_factory=dict)


Rows = dict[str, list[Row]]


def clip(text: str, limit: int) -> str:
    """At most `limit` characters, with an ellipsis where something was left off.

    >>> clip("abcdef", 4), clip("abcd", 4)
    ('abc…', 'abcd')
    """
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
