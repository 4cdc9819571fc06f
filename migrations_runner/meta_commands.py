r"""psql's backslash commands: the few that are obeyed, and an honest refusal of the rest. Pure.

``\set name value`` gives a variable a value and ``\unset`` takes it back; ``\echo``, ``\qecho`` and
``\warn`` print and are passed over. The rest (``\copy``, ``\i``, ``\gexec``, …) would need psql.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from migrations_runner.lexing import CopyData, Deep, Mark, MetaCommand
from migrations_runner.refusals import TooDeeplyNested, UnsupportedMetaCommand

_PRINTING = frozenset({"echo", "qecho", "warn"})
_SET = re.compile(r"(?P<name>[A-Za-z0-9_\x80-\U0010ffff]+)(?:\s+(?P<value>.*))?", re.DOTALL)
_PIECE = re.compile(r"'(?P<quoted>(?:[^'\\]|'')*)'|(?P<bare>[^\s'\"\\`:]+)|(?P<gap>\s+)")
_TRUE = frozenset({"on", "true", "yes", "1"})
_FALSE = frozenset({"off", "false", "no", "0"})
#: psql's own switches that would change how the script runs, and the values that leave it alone.
_SWITCHES = {
    "ON_ERROR_STOP": _TRUE,
    "AUTOCOMMIT": _TRUE,
    "ON_ERROR_ROLLBACK": _FALSE,
    "SINGLELINE": _FALSE,
    "SINGLESTEP": _FALSE,
}


@dataclass(frozen=True, slots=True)
class Assignment:
    """A variable gets a value; None takes it away."""

    name: str
    value: str | None


def obey(mark: Mark, line: int, column: int) -> Assignment | None:
    """What a mark other than a variable does to the variables that follow.

    Raises UnsupportedMetaCommand or TooDeeplyNested, located at `line` and `column`.
    """
    if isinstance(mark, MetaCommand):
        return _obey_command(mark, line, column)
    if isinstance(mark, CopyData):
        reason = "COPY … FROM stdin brings its data in the script. Use INSERT instead."
        raise UnsupportedMetaCommand("COPY … FROM stdin", line=line, column=column, reason=reason)
    if isinstance(mark, Deep):
        raise TooDeeplyNested("write this statement with less nesting.", line=line, column=column)
    return None


def _obey_command(command: MetaCommand, line: int, column: int) -> Assignment | None:
    if command.name in _PRINTING and "`" not in command.arguments:
        return None
    if command.name == "unset":
        return Assignment(command.arguments, None)
    if command.name != "set":
        raise UnsupportedMetaCommand(f"\\{command.name}", line=line, column=column)
    assignment = _parse_set(command.arguments)
    if assignment is None:
        reason = "only \\set with a name and a plain or single-quoted value is understood."
        raise UnsupportedMetaCommand("\\set", line=line, column=column, reason=reason)
    if not _harmless(assignment):
        reason = f"\\set {assignment.name} {assignment.value} would change how the script runs."
        raise UnsupportedMetaCommand("\\set", line=line, column=column, reason=reason)
    return assignment


def _parse_set(arguments: str) -> Assignment | None:
    """Name and value: words and quoted pieces, joined without blanks as psql joins them."""
    found = _SET.fullmatch(arguments)
    if found is None:
        return None
    given, value, at = found["value"] or "", "", 0
    while at < len(given):
        piece = _PIECE.match(given, at)
        if piece is None:
            return None
        value += piece["bare"] or (piece["quoted"] or "").replace("''", "'")
        at = piece.end()
    return Assignment(found["name"], value)


def _harmless(assignment: Assignment) -> bool:
    allowed = _SWITCHES.get(assignment.name)
    return allowed is None or (assignment.value or "").lower() in allowed
