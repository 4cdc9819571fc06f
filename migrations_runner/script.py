"""A parsed script as plain values, and who owns its transaction. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from migrations_runner.kinds import SAVEPOINTS, Node
from migrations_runner.lexing import Lines
from migrations_runner.refusals import TransactionControlInScript
from migrations_runner.variables import Substituted, VariableUse


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement, ready to be sent; line and column (from 1, in characters) in the source.

    `index` counts from 0; `offset` is where `sql` begins in the text with its variables put in.
    """

    index: int
    sql: str
    line: int
    column: int
    kind: str
    in_transaction_ok: bool
    transaction_control: bool
    offset: int = field(repr=False, default=0)
    #: The parser's node, for those who look closer: its type's name says which statement it is.
    node: Node = field(repr=False, compare=False, hash=False, default=None)


@dataclass(frozen=True, slots=True)
class Script:
    """A script that can run. `sha256` is of the text as given, before any variable."""

    statements: tuple[Statement, ...]
    transactional: bool
    sha256: str
    substituted: Substituted = field(repr=False)

    def locate(self, statement: Statement, position: int) -> tuple[int, int]:
        """Line and column in the source of a server's error position (from 1) in the statement."""
        offset = self.substituted.source_offset(statement.offset + position - 1)
        return Lines(self.substituted.source).locate(offset)


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that keeps a script from running. `id` is stable, such as ``syntax``."""

    line: int
    column: int
    id: str
    message: str


@dataclass(frozen=True, slots=True)
class Checked:
    """What is known of a script before anybody gave values to its variables."""

    variables: tuple[VariableUse, ...]
    statements: tuple[Statement, ...]
    problems: tuple[Problem, ...]
    transactional: bool


def without_wrapper(statements: tuple[Statement, ...]) -> tuple[Statement, ...]:
    """The statements without a BEGIN … COMMIT around all of them, numbered anew.

    The runner owns the transaction, so any other BEGIN, COMMIT or ROLLBACK raises
    TransactionControlInScript. Savepoints are fine inside one transaction.
    """
    wrapped = (
        len(statements) > 1 and statements[0].kind == "BEGIN" and statements[-1].kind == "COMMIT"
    )
    inner = statements[1:-1] if wrapped else statements
    _require_no_control(inner)
    outsider = next((each for each in inner if not each.in_transaction_ok), None)
    if outsider and wrapped:
        raise _refusal(outsider, f"{outsider.kind} here can't run between BEGIN and COMMIT.")
    savepoint = next((each for each in inner if each.kind in SAVEPOINTS), None)
    if outsider and savepoint:
        raise _refusal(savepoint, "this script can't be one transaction, so it has no savepoints.")
    return tuple(replace(each, index=index) for index, each in enumerate(inner))


def _require_no_control(statements: tuple[Statement, ...]) -> None:
    for each in statements:
        if each.transaction_control and each.kind not in SAVEPOINTS:
            raise _refusal(
                each,
                f"{each.kind} would part the script from its ledger row, which stands in the same"
                " transaction. Take it out, or split the script there in two.",
            )


def _refusal(statement: Statement, reason: str) -> TransactionControlInScript:
    return TransactionControlInScript(reason, line=statement.line, column=statement.column)
