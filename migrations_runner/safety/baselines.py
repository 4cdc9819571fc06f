"""What was counted on a target when all was as it should be, and where a look goes on.

A row a rule, or a rule's window of a large table, in `IntegrityBaseline`. Beside them stand when a
target was looked at and the next block of each large table.
"""

from __future__ import annotations

from typing import Final

from django.db.models.functions import Now

from migrations_runner.models import IntegrityBaseline
from migrations_runner.safety import whole
from migrations_runner.safety.whole import Count
from releases.models import TargetDatabase

#: When a target was looked at; its number is 1 once that has been compared.
LOOKED: Final = "(looked at)"
_NEXT: Final = "(next block) "
#: Instead of a number of rows.
_UNCOUNTED, _NO_RULE = -1, -2

#: Baselines of a target: key -> rows.
Known = dict[str, int]


def known(target: TargetDatabase) -> Known:
    return dict(IntegrityBaseline.objects.filter(target=target).values_list("key", "rows"))


def next_block(known: Known, rule_key: str) -> int:
    """Where the next look at a large table begins."""
    return known.get(_next_key(rule_key), 0)


def rows_before(known: Known, key: str) -> int:
    """How many rows of a finding are none of its business."""
    return max(known.get(key, 0), 0)


def keep(target: TargetDatabase, key: str, rows: int) -> None:
    IntegrityBaseline.objects.update_or_create(
        target=target, key=key, defaults={"rows": rows, "at": Now()}
    )


def too_many(target: TargetDatabase, found: Count, known: Known, *, first: bool) -> int:
    """By how much a sure count exceeds its baseline; where there is none, it is made."""
    before = _before(found, known, first=first)
    if before is None:
        keep(target, found.key, _first_baseline(found))
        return 0
    if before == _NO_RULE:
        return 0
    if found.broken > max(before, _elsewhere(found, known)):
        return found.broken - before
    if found.key not in known or (found.window.whole and found.broken < before):
        keep(target, found.key, found.broken)
    return 0


def _before(found: Count, known: Known, *, first: bool) -> int | None:
    """How many rows broke the rule when all was well; None where nobody has counted yet.

    A rule that came after the first look had none: the release brought it.
    """
    own, of_rule = known.get(found.key), known.get(found.rule.key)
    if own is not None and own != _UNCOUNTED:
        return own
    if first or of_rule == _UNCOUNTED:
        return None
    if of_rule is None or of_rule == _NO_RULE:
        return of_rule or 0
    # The table grew too large for one look: where its old contradictions lie is not known.
    return 0 if of_rule == 0 else None


def _elsewhere(found: Count, known: Known) -> int:
    """A row that is changed may move to another window; so many that were known could have."""
    if found.window.whole:
        return 0
    begin = whole.place_key(found.rule.key, whole.Window(0, whole.WINDOW + 1)).removesuffix("0")
    return sum(max(rows, 0) for key, rows in known.items() if key.startswith(begin))


def _first_baseline(found: Count) -> int:
    """Where most rows differ from the beginning, nobody meant them to agree."""
    return _NO_RULE if found.rule.learnt and 2 * found.broken > found.rows else found.broken


def note_place(target: TargetDatabase, found: Count, known: Known, *, first: bool) -> None:
    """Where the next look at a large table goes on, and whether all of it was counted once."""
    rule = found.rule.key
    waits = known.get(rule, _UNCOUNTED if first else 0) == _UNCOUNTED
    if found.unsure:
        if waits:
            keep(target, rule, _UNCOUNTED)
        return
    if not found.window.whole:
        keep(target, _next_key(rule), found.window.following)
        if waits:
            keep(target, rule, _UNCOUNTED if found.window.following else 0)


def _next_key(rule_key: str) -> str:
    return f"{_NEXT}{rule_key[:285]}"
