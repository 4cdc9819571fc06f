"""An explanation as plain values: an answer and how it came about. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from flags.core.answers import Reason, Scalar
from flags.core.explaining_rules import RuleLook


class DecidedBy(StrEnum):
    """What had the last word."""

    KILL = "kill"
    SWITCH = "switch"
    PREREQUISITE = "prerequisite"
    OVERRIDE = "override"
    RULE = "rule"
    DIAL = "dial"


@dataclass(frozen=True, slots=True)
class ParentLook:
    """A flag that this one stands on: what it answers, and whether that is enough."""

    flag: str
    variant: str
    lets_in: bool


@dataclass(frozen=True, slots=True)
class Explanation:
    """An answer and how it came about.

    ``place`` is where the user stands on the line, in thousandths of a percent, or None without a
    ``bucket_key``. ``number`` and ``name`` tell the rule, override or flag that decided. ``rules``
    are those that were asked, the last one being the one that matched, if any.
    """

    flag: str
    value: Any
    variant: str
    reason: Reason
    metadata: Mapping[str, Scalar]
    exposed: bool
    decided_by: DecidedBy
    number: int | None
    name: str
    decision: str
    bucket_by: str
    bucket_key: str | None
    place: int | None
    dial: int
    parents: tuple[ParentLook, ...]
    rules: tuple[RuleLook, ...]
    changes: tuple[str, ...]
