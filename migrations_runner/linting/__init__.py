"""Reading a script for what would hurt, before it runs. Pure.

``lint`` reads; ``table`` lists the rules about changes; ``names`` has those about which column,
table or variable is meant; ``suppressions`` those that the script's own comments allow.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict

from migrations_runner.linting.catalog import Catalog
from migrations_runner.linting.context import Context
from migrations_runner.linting.ddl import after
from migrations_runner.linting.findings import Finding, Level
from migrations_runner.linting.names import rules as names
from migrations_runner.linting.names.variables import unquoted_variable, unset_variable
from migrations_runner.linting.names.view import Found, Seen, seen
from migrations_runner.linting.suppressions import allowed, settled
from migrations_runner.linting.table import rules_for
from migrations_runner.parsing import parse_script
from migrations_runner.refusals import ScriptRefused
from migrations_runner.script import Script

__all__ = ["Finding", "Level", "lint"]

_LEVELS: dict[str, Level] = {"error": "error", "warning": "warning", "advice": "advice"}


def lint(
    text: str,
    *,
    catalog: Catalog | None = None,
    variables: Mapping[str, str] | None = None,
    includes: Mapping[str, str] | None = None,
) -> tuple[Finding, ...]:
    """Everything that is to be said of a script, in the order of its lines.

    `catalog` is the target's as last seen; without it a table counts as one that exists and has
    rows. A script that can't be run gives one finding of level error, and nothing else is told.
    """
    try:
        script = parse_script(text, None, includes)
    except ScriptRefused as refused:
        return (_unrunnable(refused),)
    found = sorted(
        (*_of_variables(text, variables), *_of_statements(script, catalog, variables)),
        key=lambda each: (each.line, each.column, each.rule),
    )
    comments = allowed(text, _spans(script))
    return tuple(settled(dict.fromkeys(found), comments))


def _unrunnable(refused: ScriptRefused) -> Finding:
    return Finding(
        refused.problem,
        "error",
        refused.line,
        refused.column,
        refused.reason,
        "The runner refuses this script before its first statement.",
        "Mend it as the message says.",
    )


def _of_variables(text: str, variables: Mapping[str, str] | None) -> Iterator[Finding]:
    try:
        yield from map(_finding, unset_variable(text, variables))
    except ScriptRefused:
        return


def _of_statements(
    script: Script, catalog: Catalog | None, variables: Mapping[str, str] | None
) -> Iterator[Finding]:
    final = after(catalog, script.statements)
    for each in seen(script, catalog):
        at = Context(each, script, final)
        for rule in rules_for(type(each.node).__name__):
            yield from rule.findings(at)
        yield from _of_names(each, variables)


def _of_names(each: Seen, variables: Mapping[str, str] | None) -> Iterator[Finding]:
    for rule in names.RULES:
        yield from map(_finding, rule(each))
    yield from map(_finding, unquoted_variable(each, variables))


def _finding(found: Found) -> Finding:
    values = asdict(found)
    return Finding(**{**values, "level": _LEVELS[values["level"]]})


def _spans(script: Script) -> Iterator[tuple[int, int]]:
    """First and last line of each statement of the script itself."""
    for statement in script.statements:
        if not statement.file:
            yield statement.line, statement.line + statement.sql.count("\n")
