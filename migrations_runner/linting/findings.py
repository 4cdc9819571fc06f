"""What lint has to say of a script, as plain values. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

#: error: fails or destroys for certain, and keeps a run from starting. advice: good to know.
Level = Literal["error", "warning", "advice"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding; line and column from 1, in the source.

    `rewrite` is corrected SQL where that can be made without guessing. `allowed` is the reason
    that a comment in the script gives for letting it stand; None where nobody did.
    """

    rule: str
    level: Level
    line: int
    column: int
    message: str
    why: str
    safe_form: str
    rewrite: str | None = None
    allowed: str | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    """What a rule answers: the table adds its words. `location` counts the parser's bytes.

    Without `location` it is the statement's beginning; `level` only where it is not the rule's.
    """

    message: str
    location: int | None = None
    level: Level | None = None
    rewrite: str | None = None
