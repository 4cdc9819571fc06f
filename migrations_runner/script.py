"""A parsed script as plain values, and who owns its transaction. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from migrations_runner.kinds import SAVEPOINTS, Node
from migrations_runner.psql.pieces import Substituted
from migrations_runner.psql.program import Query, Step
from migrations_runner.refusals import TransactionControlInScript
from migrations_runner.variables import VariableUse


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement; line and column (from 1, in characters) where it begins in its file.

    `index` counts from 0. `file` is "" for the script itself, else the name of the included one.
    `action` is what else is done with it: "", ``copy`` (data goes in or out), ``gset``, ``gexec``.
    Where a value is known only to the run, `sql` has a stand-in: a Sender puts the value there.
    """

    index: int
    sql: str
    line: int
    column: int
    kind: str
    in_transaction_ok: bool
    transaction_control: bool
    file: str = ""
    action: str = ""
    #: Where `sql` begins in `origin`, the text with its variables put in.
    offset: int = field(repr=False, default=0)
    origin: Substituted | None = field(repr=False, compare=False, default=None)
    query: Query | None = field(repr=False, compare=False, default=None)
    #: The parser's node, for those who look closer: its type's name says which statement it is.
    node: Node = field(repr=False, compare=False, hash=False, default=None)


#: A step of the run: a statement, or what psql does between two of them.
Move = Statement | Step


@dataclass(frozen=True, slots=True)
class Script:
    """A script that can run. `sha256` is of the texts as given, before any variable."""

    statements: tuple[Statement, ...]
    transactional: bool
    sha256: str
    #: The statements in their order, and the commands that wait for the run between them.
    moves: tuple[Move, ...] = field(repr=False, default=())
    #: The texts of other scripts that this one includes, by name.
    included: Mapping[str, str] = field(repr=False, default_factory=dict)

    def locate(self, statement: Statement, position: int) -> tuple[int, int]:
        """Line and column in its file of a server's error position (from 1) in the statement."""
        if statement.origin is None:
            return statement.line, statement.column
        return statement.origin.place(statement.offset + position - 1)

    @property
    def blocks(self) -> frozenset[str]:
        """The hashes of data that is kept apart from the text; a run needs them all."""
        queries = (each.query for each in self.statements if each.query is not None)
        return frozenset(each.data.block for each in queries if each.data and each.data.block)


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
        len(statements) > 1
        and _is_certain(statements[0], "BEGIN")
        and _is_certain(statements[-1], "COMMIT")
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


def _is_certain(statement: Statement, kind: str) -> bool:
    """Whether it is that and stands in no branch that may be passed over."""
    return statement.kind == kind and (statement.query is None or statement.query.certain)


def _require_no_control(statements: tuple[Statement, ...]) -> None:
    for each in statements:
        if each.transaction_control and each.kind not in SAVEPOINTS:
            raise _refusal(
                each,
                f"{each.kind} would part the script from its ledger row, which stands in the same"
                " transaction. Take it out, or split the script there in two.",
            )


def _refusal(statement: Statement, reason: str) -> TransactionControlInScript:
    line, column = statement.line, statement.column
    if statement.query is not None and statement.query.source.via:
        reason = f"in {statement.file}, line {line}: {reason}"
        line, column = statement.query.source.via
    return TransactionControlInScript(reason, line=line, column=column)
