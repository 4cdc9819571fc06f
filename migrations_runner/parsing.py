"""Scripts as PostgreSQL's own parser reads them. Pure; the only module that knows the parser.

The parser is libpg_query (through postgast), the grammar of PostgreSQL 18. It reads a whole script
at once, so positions are mapped back: from the parser's text through the variables to the source.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import postgast
from google._upb import _message  # type: ignore[import-untyped]
from postgast import pg_query_pb2

from migrations_runner.kinds import Node, kind_of
from migrations_runner.lexing import Lines, first_token, without_line_comments
from migrations_runner.quoting import encodable
from migrations_runner.refusals import (
    EmptyScript,
    MissingVariables,
    ScriptRefused,
    SqlSyntaxError,
    TransactionControlInScript,
    UnreadableText,
    UnsupportedMetaCommand,
)
from migrations_runner.script import Checked, Problem, Script, Statement, without_wrapper
from migrations_runner.transactional import (
    copies_over_the_wire,
    gives_up_the_lock,
    runs_in_transaction,
    turns_off_standard_strings,
)
from migrations_runner.variables import (
    Substituted,
    find,
    substitute,
    substitute_placeholders,
)

__all__ = [
    "Checked",
    "Problem",
    "Script",
    "Statement",
    "check",
    "content_sha256",
    "deparse",
    "fingerprint",
    "parse_script",
    "parse_tree",
]

# The tree of `a || b || …` grows one level a term, and protobuf gives up at a hundred levels. The
# lexer refuses anything so deep that it could exhaust the stack.
_message.SetAllowOversizeProtos(True)  # noqa: FBT003  (its only argument)

#: How the parser's union of all nodes names each kind of statement.
_STATEMENT_FIELDS = {
    field.message_type.name: field.name
    for field in pg_query_pb2.Node.DESCRIPTOR.fields
    if field.message_type and field.message_type.name.endswith("Stmt")
}


def parse_script(text: str, variables: Mapping[str, str] | None) -> Script:
    """Split, classify and check a script; with `variables` None, stand-ins take their places.

    Raises one of migrations_runner.refusals, located in the source.
    """
    _require_readable(text)
    if variables is None:
        parsed, substituted = _parse_with_placeholders(text)
    else:
        substituted = substitute(text, variables)
        parsed = _parse(substituted)
    found = _statements(parsed, substituted)
    statements = without_wrapper(found)
    if not statements:
        raise (
            EmptyScript if not found else EmptyScript("there is nothing between BEGIN and COMMIT.")
        )
    return Script(
        statements=statements,
        transactional=all(statement.in_transaction_ok for statement in statements),
        sha256=content_sha256(text),
        substituted=substituted,
    )


def check(text: str, variables: Mapping[str, str] | None = None) -> Checked:
    """The same as values instead of refusals; without `variables`, missing ones are no problem.

    >>> check("SELECT 1 FORM t").problems[0].message
    'syntax error at or near "t"'
    """
    script, problems = _tried(text, variables)
    return Checked(
        variables=find(text),
        statements=script.statements if script else (),
        problems=problems,
        transactional=script.transactional if script else True,
    )


def content_sha256(text: str) -> str:
    """What the ledger remembers of a script's text: SHA-256 of its UTF-8."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def parse_tree(sql: str) -> Node:
    """The tree of plain SQL: ``tree.stmts[i].stmt`` wraps each statement's node.

    For rewrites: change a copy of a node in place and `deparse` the tree. Raises SqlSyntaxError.

    >>> tree = parse_tree("DROP INDEX i")
    >>> tree.stmts[0].stmt.drop_stmt.concurrent = True
    >>> deparse(tree)
    'DROP INDEX CONCURRENTLY i'
    """
    try:
        return postgast.parse(sql)
    except postgast.PgQueryError as error:
        line, column = Lines(sql).locate(max(error.cursorpos - 1, 0))
        raise SqlSyntaxError(error.message, line=line, column=column) from None


def deparse(tree: Node) -> str:
    """A tree of `parse_tree`, or one statement's node, as SQL again: on one line, comments gone.

    Raises TypeError for a part of a statement, which the library's C code would not survive.

    >>> deparse(parse_script("TABLE  t -- all of it", {}).statements[0].node)
    'SELECT * FROM t'
    """
    if type(tree).__name__ == "ParseResult":
        return str(postgast.deparse(tree))
    field = _STATEMENT_FIELDS.get(type(tree).__name__)
    if field is None:
        raise TypeError(f"a {type(tree).__name__} is no statement")
    whole = pg_query_pb2.ParseResult()
    getattr(whole.stmts.add().stmt, field).CopyFrom(tree)
    return str(postgast.deparse(whole))


def fingerprint(sql: str) -> str:
    """16 hexadecimal digits that stay when only constants, blanks or comments change.

    >>> fingerprint("SELECT 1") == fingerprint("select  2 -- two")
    True
    """
    try:
        return str(postgast.fingerprint(sql).hex)
    except postgast.PgQueryError as error:
        line, column = Lines(sql).locate(max(error.cursorpos - 1, 0))
        raise SqlSyntaxError(error.message, line=line, column=column) from None


def _tried(
    text: str, variables: Mapping[str, str] | None
) -> tuple[Script | None, tuple[Problem, ...]]:
    try:
        return parse_script(text, variables), ()
    except MissingVariables as refused:
        missing = tuple(
            Problem(line, column, refused.problem, f"give a value to {name}.")
            for name, line, column in refused.uses
        )
        script, others = _tried(text, None)
        return script, missing + others
    except UnsupportedMetaCommand as refused:
        # Commands are listed all at once; of the rest only the first is certain.
        _, all_refused = substitute_placeholders(text)
        return None, tuple(_problem(each) for each in all_refused or (refused,))
    except ScriptRefused as refused:
        return None, (_problem(refused),)


def _problem(refused: ScriptRefused) -> Problem:
    return Problem(refused.line, refused.column, refused.problem, refused.reason)


def _require_readable(text: str) -> None:
    if encodable(text):
        return
    bad = re.search("[\0\ud800-\udfff]", text)
    line, column = Lines(text).locate(bad.start() if bad else 0)
    raise UnreadableText("a NUL character or half a surrogate pair.", line=line, column=column)


@dataclass(frozen=True, slots=True)
class _Parsed:
    """A tree, and the text that its offsets count in."""

    tree: Any
    text: str


def _parse(substituted: Substituted) -> _Parsed:
    try:
        return _tree(substituted.text)
    except postgast.PgQueryError as error:
        line, column = _position(substituted, max(error.cursorpos - 1, 0))
        raise SqlSyntaxError(error.message, line=line, column=column) from None


def _tree(text: str) -> _Parsed:
    """libpg_query does not know that a string may go on after a comment, as the server does."""
    try:
        return _Parsed(postgast.parse(text), text)
    except postgast.PgQueryError as first:
        if "--" not in text:
            raise
        try:
            blanked = without_line_comments(text)
            return _Parsed(postgast.parse(blanked), blanked)
        except postgast.PgQueryError:
            raise first from None


def _parse_with_placeholders(text: str) -> tuple[_Parsed, Substituted]:
    """A name stands in for each bare variable, a number where the grammar wants one.

    Each failure at a stand-in turns that variable into a number, so this ends.
    """
    numbers: frozenset[str] = frozenset()
    while True:
        substituted, refused = substitute_placeholders(text, numbers)
        if refused:
            raise refused[0]
        try:
            return _parse(substituted), substituted
        except SqlSyntaxError as error:
            blamed = _blamed(text, error)
            if blamed is None or blamed in numbers:
                raise _in_the_words_of_the_source(error, blamed) from None
            numbers |= {blamed}


def _blamed(text: str, error: SqlSyntaxError) -> str | None:
    at = (error.line, error.column)
    return next(
        (use.name for use in find(text) if use.form == "raw" and (use.line, use.column) == at), None
    )


def _in_the_words_of_the_source(error: SqlSyntaxError, blamed: str | None) -> SqlSyntaxError:
    """The parser complains about a stand-in; the reader knows only the variable."""
    if blamed is None:
        return error
    reason = f'syntax error at or near ":{blamed}"'
    return SqlSyntaxError(reason, line=error.line, column=error.column)


def _position(substituted: Substituted, offset: int) -> tuple[int, int]:
    return Lines(substituted.source).locate(substituted.source_offset(offset))


class _Offsets:
    """The parser's offsets (UTF-8 bytes, ascending) as offsets in characters."""

    def __init__(self, text: str) -> None:
        self._bytes = None if text.isascii() else text.encode()
        self._done = (0, 0)

    def characters(self, offset: int) -> int:
        if self._bytes is None:
            return offset
        byte, character = self._done
        character += len(self._bytes[byte:offset].decode())
        self._done = (offset, character)
        return character


def _statements(parsed: _Parsed, substituted: Substituted) -> tuple[Statement, ...]:
    offsets, lines = _Offsets(parsed.text), Lines(substituted.source)
    found = []
    for raw in parsed.tree.stmts:
        begin = offsets.characters(raw.stmt_location)
        length = raw.stmt_len
        end = offsets.characters(raw.stmt_location + length) if length else len(substituted.text)
        begin = first_token(substituted.text, begin, end)
        place = lines.locate(substituted.source_offset(begin))
        found.append(_statement(raw.stmt, substituted.text[begin:end].rstrip(), begin, place))
    return tuple(found)


_REFUSED: tuple[tuple[Callable[[Any], bool], str, str], ...] = (
    (
        copies_over_the_wire,
        "COPY",
        "COPY from or to the client needs psql. Use INSERT, or a file on the server.",
    ),
    (
        turns_off_standard_strings,
        "SET",
        "standard_conforming_strings stays on: this script was read by its rules.",
    ),
    (
        gives_up_the_lock,
        "DISCARD ALL",
        "DISCARD ALL would give up the runner's lock. Discard TEMP, PLANS or SEQUENCES.",
    ),
)


def _statement(wrapped: Any, sql: str, offset: int, place: tuple[int, int]) -> Statement:
    line, column = place
    node = getattr(wrapped, wrapped.WhichOneof("node"))
    for is_such, command, reason in _REFUSED:
        if is_such(node):
            raise UnsupportedMetaCommand(command, line=line, column=column, reason=reason)
    control = type(node).__name__ == "TransactionStmt"
    if control and (node.options or node.chain):
        reason = "a transaction with options is not understood; take BEGIN and COMMIT out."
        raise TransactionControlInScript(reason, line=line, column=column)
    return Statement(
        index=0,
        sql=sql,
        line=line,
        column=column,
        kind=kind_of(node),
        in_transaction_ok=runs_in_transaction(node),
        transaction_control=control,
        offset=offset,
        node=node,
    )
