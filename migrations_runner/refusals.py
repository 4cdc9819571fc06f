"""Why a script can't be run: what its text says, found before anything is done. Pure.

ScriptRefused               any of these; knows line, column and a problem id
├── UnreadableText          a NUL character or half a surrogate pair
├── TooDeeplyNested         an expression the parser could not hold
├── UnsupportedMetaCommand  a backslash command that only psql itself could obey, or a
│                           statement that would take the session away from the runner
├── MissingVariables        used and given no value
├── UnsafeRawVariable       a value that could change the statement around it
├── SqlSyntaxError          PostgreSQL's own parser says no
├── EmptyScript             nothing but blanks and comments
└── TransactionControlInScript
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from releases.refusals import Refused


class ScriptRefused(Refused):
    """This script can't be run; nothing was run."""

    problem: ClassVar[str] = "syntax"

    def __init__(self, reason: str, *, line: int = 1, column: int = 1) -> None:
        self.reason = reason
        self.line = line
        self.column = column
        super().__init__(f"Line {line}, column {column}: {reason}")


class UnreadableText(ScriptRefused):
    """This script holds a character that no SQL text may hold; nothing was run."""


class TooDeeplyNested(ScriptRefused):
    """This script nests an expression too deeply to be checked; nothing was run."""


class UnsupportedMetaCommand(ScriptRefused):
    """This script has a line that can't be run from here; nothing was run."""

    problem = "meta-command"

    def __init__(self, command: str, *, line: int, column: int, reason: str = "") -> None:
        self.command = command
        told = reason or "a command of psql, not SQL. Write it as SQL or take it out."
        super().__init__(
            told if command in told else f"{command}: {told}", line=line, column=column
        )


class MissingVariables(ScriptRefused):
    """This script uses variables that were given no value; nothing was run."""

    problem = "variable-unset"

    def __init__(self, uses: Sequence[tuple[str, int, int]]) -> None:
        """`uses` holds (name, line, column) of each first use, in the order of the text."""
        self.uses = tuple(uses)
        self.names = tuple(name for name, _, _ in uses)
        self.lines = tuple(line for _, line, _ in uses)
        listed = ", ".join(f"{name} (line {line})" for name, line, _ in uses)
        super().__init__(f"give a value to {listed}.", line=uses[0][1], column=uses[0][2])


class UnsafeRawVariable(ScriptRefused):
    """A variable without quotes would put its value into the SQL as code; nothing was run."""

    problem = "variable-unsafe"

    def __init__(self, name: str, *, line: int, column: int) -> None:
        self.name = name
        super().__init__(
            f"write :'{name}' for a text or :\"{name}\" for a name;"
            f" a bare :{name} takes only a plain number or a plain name that stands alone.",
            line=line,
            column=column,
        )


class SqlSyntaxError(ScriptRefused):
    """This script is not SQL that PostgreSQL understands; nothing was run."""


class EmptyScript(ScriptRefused):
    """This script holds no statement; nothing was run."""

    problem = "empty"

    def __init__(self, reason: str = "there are only blanks and comments.") -> None:
        super().__init__(reason)


class TransactionControlInScript(ScriptRefused):
    """This script begins or ends transactions by itself; nothing was run.

    The runner writes its ledger row in the script's own transaction, so a COMMIT in the middle
    would part the two. A script that is wrapped as a whole in BEGIN … COMMIT is accepted.
    """

    problem = "transaction-control"
