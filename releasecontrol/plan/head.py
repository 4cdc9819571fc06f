"""Labelled values at the head or foot of a plan, and those of a phase. Pure."""

from __future__ import annotations

import re

from releasecontrol.plan.draft import Draft
from releasecontrol.plan.facts import Field, Statement
from releasecontrol.plan.thresholds import parse_days
from releasecontrol.plan.vocabulary import topic_of

# Tried in order; the first row whose words a label holds names the property of the plan.
_PROPERTIES: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (name, re.compile(words, re.IGNORECASE))
    for name, words in (
        ("title", r"^title$"),
        (
            "target_date",
            r"\b(?:target|deploy\w*|launch|release|go-?live|planned)\b.*\bdate\b|\bscheduled\b",
        ),
        ("date", r"^(?:plan )?date$|^(?:created|written)(?: on)?$"),
        ("git_ref", r"^(?:git )?(?:branch|ref|tag)$"),
        ("status", r"\bstatus$"),
        ("target", r"^target(?: environment)?$"),
        ("next_step", r"^next(?: steps?)?$"),
        (
            "other",
            r"^(?:owner|author|version|environment|team|release|window|ticket|name|about|labels)\b",
        ),
    )
)


def property_of(label: str) -> str | None:
    """Which property of the plan a label names, or None.

    >>> property_of("Phase 12 Status"), property_of("Deployment Date"), property_of("Remember")
    ('status', 'target_date', None)
    """
    return next((name for name, words in _PROPERTIES if words.search(label)), None)


def read_field(draft: Draft, label: str, value: str, line: int) -> bool:
    """Take in one labelled value; False if the label says nothing to us."""
    if draft.open_phase and _read_phase_field(draft, label, value, line):
        return True
    if topic_of(label) == "principle":
        return _read_principle(draft, label, value, line)
    if not property_of(label):
        return False
    key = draft.keys.make("field", [], label)
    draft.fields.append(Field(key=key, line=line, label=label, value=value))
    draft.ledger.put([line], "field", key)
    return True


def first_value(draft: Draft, name: str) -> str:
    """The first value given for a property, or empty."""
    return next((one.value for one in draft.fields if property_of(one.label) == name), "")


def _read_phase_field(draft: Draft, label: str, value: str, line: int) -> bool:
    phase = draft.open_phase
    word = label.casefold()
    if phase is None or word not in {"duration", "goal", "estimate"}:
        return False
    if word == "goal":
        phase.goal = value
    else:
        phase.duration, phase.duration_days = value, parse_days(value)
    draft.ledger.put([line], "phase", phase.key)
    return True


def _read_principle(draft: Draft, label: str, value: str, line: int) -> bool:
    key = draft.key("principle", value)
    draft.principles.append(Statement(key=key, line=line, text=value, section=label))
    draft.ledger.put([line], "principle", key)
    return True
