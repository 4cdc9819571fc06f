"""Scripts as PostgreSQL's own parser reads them. Pure; the only module that knows the parser.

The parser is libpg_query (through postgast), the grammar of PostgreSQL 18. It reads one statement
at a time; positions are mapped back from its text through the variables to the source.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial

import postgast
from google._upb import _message  # type: ignore[import-untyped]
from postgast import pg_query_pb2

from migrations_runner.kinds import SAVEPOINTS, Node, kind_of, result_columns
from migrations_runner.lexing import Lines, first_token, without_line_comments
from migrations_runner.psql.marks import Variable
from migrations_runner.psql.pieces import Inserted, Substituted, put_together
from migrations_runner.psql.program import Query, Step
from migrations_runner.psql.whole import read_script
from migrations_runner.quoting import encodable, quote_identifier, quote_literal
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
    copies_binary_data,
    copies_over_the_wire,
    gives_up_the_lock,
    is_transaction_control,
    runs_in_transaction,
    turns_off_standard_strings,
    unlocks_everything,
)
from migrations_runner.variables import find

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
    "require_plain",
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


def parse_script(
    text: str, variables: Mapping[str, str] | None, includes: Mapping[str, str] | None = None
) -> Script:
    r"""Split, classify and check a script; with `variables` None, stand-ins take their places.

    `includes` holds the texts that ``\\i`` and ``\\ir`` may name: scripts of the same release by
    name. Raises one of migrations_runner.refusals, located in the script.
    """
    for each in (text, *(includes or {}).values()):
        _require_readable(each)
    reading = read_script(text, variables, includes or {}, columns_of)
    if reading.refused:
        raise reading.refused[0]
    if reading.missing:
        raise MissingVariables(tuple(reading.missing.values()))
    moves = [_parsed(step) if isinstance(step, Query) else step for step in reading.steps]
    found = tuple(move for move in moves if isinstance(move, Statement))
    statements = without_wrapper(found)
    if not statements:
        raise (
            EmptyScript if not found else EmptyScript("there is nothing between BEGIN and COMMIT.")
        )
    return Script(
        statements=statements,
        transactional=all(statement.in_transaction_ok for statement in statements),
        sha256=_sha256(text, reading.included),
        moves=tuple(_numbered(moves, statements)),
        included=reading.included,
    )


def _numbered(
    moves: Iterable[Statement | Step], statements: tuple[Statement, ...]
) -> Iterator[Statement | Step]:
    """The moves with their final statements; those of a wrapper are gone."""
    final = {id(each.query): each for each in statements}
    for move in moves:
        if not isinstance(move, Statement):
            yield move
        elif id(move.query) in final:
            yield final[id(move.query)]


def check(
    text: str,
    variables: Mapping[str, str] | None = None,
    includes: Mapping[str, str] | None = None,
) -> Checked:
    """The same as values instead of refusals; without `variables`, missing ones are no problem.

    >>> check("SELECT 1 FORM t").problems[0].message
    'syntax error at or near "t"'
    """
    script, problems = _tried(text, variables, includes or {})
    return Checked(
        variables=find(text),
        statements=script.statements if script else (),
        problems=problems,
        transactional=script.transactional if script else True,
    )


def content_sha256(text: str) -> str:
    """What the ledger remembers of a script's text: SHA-256 of its UTF-8."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _sha256(text: str, included: Mapping[str, str]) -> str:
    """The hash of the text; with included texts, one that changes with any of them."""
    if not included:
        return content_sha256(text)
    parts = [content_sha256(text)]
    parts += [f"{name} {content_sha256(included[name])}" for name in sorted(included)]
    return content_sha256("\n".join(parts))


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
    text: str, variables: Mapping[str, str] | None, includes: Mapping[str, str]
) -> tuple[Script | None, tuple[Problem, ...]]:
    try:
        return parse_script(text, variables, includes), ()
    except MissingVariables as refused:
        missing = tuple(
            Problem(line, column, refused.problem, f"give a value to {name}.")
            for name, line, column in refused.uses
        )
        script, others = _tried(text, None, includes)
        return script, missing + others
    except UnsupportedMetaCommand as refused:
        # Commands are listed all at once; of the rest only the first is certain.
        found = read_script(text, variables, includes, columns_of).refused
        return None, tuple(_problem(each) for each in found or (refused,))
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


def _parsed(query: Query) -> Statement:
    """Parse one statement.

    A name stands in for each bare variable that only the run knows, and a number where the grammar
    wants one: each failure at a stand-in turns that variable into a number, so this ends.
    """
    numbers: frozenset[str] = frozenset()
    while True:
        written = put_together(query.source, query.pieces, partial(_stand_in, numbers))
        try:
            return _statement(query, written, _tree(written.text))
        except postgast.PgQueryError as error:
            offset = written.source_offset(_character(written.text, error))
            blamed = _blamed(query, offset)
            if blamed is None or blamed in numbers:
                raise _syntax_error(query, offset, error, blamed) from None
            numbers |= {blamed}


def _character(text: str, error: postgast.PgQueryError) -> int:
    return min(max(int(error.cursorpos) - 1, 0), len(text))


def _stand_in(numbers: frozenset[str], variable: Variable) -> str:
    if variable.form == "raw":
        return "0" if variable.name in numbers else f"_{variable.name}"
    if variable.form == "test":
        return "TRUE"
    quote = quote_literal if variable.form == "literal" else quote_identifier
    return quote(f"_{variable.name}")


def _tree(text: str) -> Node:
    """libpg_query does not know that a string may go on after a comment, as the server does."""
    try:
        return postgast.parse(text)
    except postgast.PgQueryError as first:
        if "--" not in text:
            raise
        try:
            return postgast.parse(without_line_comments(text))
        except postgast.PgQueryError:
            raise first from None


def _blamed(query: Query, offset: int) -> str | None:
    """The bare variable at that place of the source whose value is not known, if there is one."""
    for piece in query.pieces:
        if isinstance(piece, Inserted) and piece.text is None:
            variable = piece.variable
            if variable.form == "raw" and variable.start == offset:
                return variable.name
    return None


def _syntax_error(
    query: Query, offset: int, error: postgast.PgQueryError, blamed: str | None
) -> SqlSyntaxError:
    """The parser complains about a stand-in; the reader knows only the variable."""
    where, line, column = query.source.told(offset)
    reason = error.message if blamed is None else f'syntax error at or near ":{blamed}"'
    return SqlSyntaxError(f"{where}{reason}", line=line, column=column)


_REFUSED: tuple[tuple[Callable[[Node], bool], str, str], ...] = (
    (
        copies_binary_data,
        "COPY",
        "binary data has no place in a script. Write it as text or csv.",
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
    (
        unlocks_everything,
        "pg_advisory_unlock_all",
        "pg_advisory_unlock_all() would give up the runner's lock. Unlock key by key.",
    ),
)


def _statement(query: Query, written: Substituted, tree: Node) -> Statement:
    sql = written.text
    offset = first_token(sql, 0, len(sql))
    where, line, column = query.source.told(written.source_offset(offset))
    if len(tree.stmts) != 1:
        reason = f"{where}psql reads this as one statement, the server as {len(tree.stmts)}."
        raise SqlSyntaxError(reason, line=line, column=column)
    wrapped = tree.stmts[0].stmt
    node = getattr(wrapped, wrapped.WhichOneof("node"))
    _refuse(node, where, line, column)
    line, column = written.place(offset)
    return Statement(
        index=0,
        sql=sql[offset:].rstrip(),
        line=line,
        column=column,
        kind=kind_of(node),
        in_transaction_ok=runs_in_transaction(node),
        transaction_control=is_transaction_control(node),
        file=query.source.name,
        action=query.ending or ("copy" if copies_over_the_wire(node) else ""),
        offset=offset,
        origin=written,
        query=query,
        node=node,
    )


def _refuse(node: Node, where: str, line: int, column: int) -> None:
    for is_such, command, reason in _REFUSED:
        if is_such(node):
            raise UnsupportedMetaCommand(
                command, line=line, column=column, reason=f"{where}{reason}"
            )
    if is_transaction_control(node) and (node.options or node.chain):
        reason = f"{where}a transaction with options is not understood; take BEGIN and COMMIT out."
        raise TransactionControlInScript(reason, line=line, column=column)


def require_plain(sql: str) -> None:
    """Refuse text that a result brought, where it would end the transaction or want data.

    Raises a ScriptRefused; its place counts in `sql`.
    """
    for raw in parse_tree(sql).stmts:
        node = getattr(raw.stmt, raw.stmt.WhichOneof("node"))
        _refuse(node, "", 1, 1)
        if is_transaction_control(node) and kind_of(node) not in SAVEPOINTS:
            raise TransactionControlInScript(f"{kind_of(node)} came out of a \\gexec.")
        if copies_over_the_wire(node):
            raise UnsupportedMetaCommand("COPY", line=1, column=1, reason="\\gexec brings no data.")


def columns_of(sql: str) -> tuple[frozenset[str], bool]:
    """The names of the columns of a SELECT or RETURNING, and whether there may be others."""
    try:
        wrapped = _tree(sql).stmts[0].stmt
    except (postgast.PgQueryError, IndexError):
        return frozenset(), True
    return result_columns(getattr(wrapped, wrapped.WhichOneof("node")))
