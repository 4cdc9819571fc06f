"""The table of hazards in its two parts: a new rule is a function and a row. Pure."""

from __future__ import annotations

from collections import defaultdict

from migrations_runner.linting.rules import Rule
from migrations_runner.linting.table_of_changes import CHANGES
from migrations_runner.linting.table_of_locks import LOCKS

RULES: tuple[Rule, ...] = (*LOCKS, *CHANGES)

_BY_STATEMENT: dict[str, list[Rule]] = defaultdict(list)
for _rule in RULES:
    for _kind in _rule.on:
        _BY_STATEMENT[_kind].append(_rule)
_ALWAYS = [rule for rule in RULES if not rule.on]


def rules_for(statement: str) -> list[Rule]:
    """The rules that have something to say of a kind of statement, such as ``IndexStmt``."""
    return [*_BY_STATEMENT.get(statement, ()), *_ALWAYS]
