"""Whether a parsed statement may stand in a transaction, and what else it may not do. Pure.

The list of statements that refuse a transaction block is PostgreSQL's, version 18: every caller of
``PreventInTransactionBlock``, as the SQL commands' reference pages also say one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from migrations_runner.kinds import Node, enum_name
from migrations_runner.lexing import words

_FALSE_WORDS = frozenset({"off", "false", "no", "0"})
_STATEMENT_STARTS = frozenset({";", "begin", "then", "else", "loop"})


def runs_in_transaction(node: Node) -> bool:
    """False where PostgreSQL answers 25001, "cannot run inside a transaction block".

    Two cases show only on the server: REINDEX of a partitioned table, and CALL of a procedure that
    commits. They fail there with PostgreSQL's own words.
    """
    refuses = _REFUSES_TRANSACTION.get(type(node).__name__)
    return not (refuses and refuses(node))


def copies_over_the_wire(node: Node) -> bool:
    """COPY from or to the client: the data is not on the server."""
    return type(node).__name__ == "CopyStmt" and not node.filename


def copies_binary_data(node: Node) -> bool:
    """COPY in PostgreSQL's binary format from or to the client; a text can't hold that."""
    return copies_over_the_wire(node) and _options(node.options).get("format") == "binary"


def is_transaction_control(node: Node) -> bool:
    """BEGIN, COMMIT, SAVEPOINT and their like."""
    return type(node).__name__ == "TransactionStmt"


def gives_up_the_lock(node: Node) -> bool:
    """DISCARD ALL: it would drop the runner's lock on the target and its limits, mid-run."""
    return type(node).__name__ == "DiscardStmt" and enum_name(node, "target") == "DISCARD_ALL"


def unlocks_everything(node: Node) -> bool:
    """`pg_advisory_unlock_all()`, called or in a block of code: the runner's lock would be gone.

    Wherever the name stands, be it in a text: the parser does not look into a block's code.
    """
    return b"pg_advisory_unlock_all" in node.SerializeToString().lower()


def shapes_transaction(node: Node) -> bool:
    """SET TRANSACTION: the server takes it only before the first query of a transaction."""
    return type(node).__name__ == "VariableSetStmt" and node.name == "TRANSACTION"


def turns_off_standard_strings(node: Node) -> bool:
    """SET standard_conforming_strings = off: from there on quotes would end elsewhere."""
    if type(node).__name__ != "VariableSetStmt" or node.name != "standard_conforming_strings":
        return False
    return any(_constant(argument) in _FALSE_WORDS for argument in node.args)


def _options(elements: Iterable[Node]) -> dict[str, str]:
    """DefElem lists such as ``WITH (connect = false)``; an option without value means true."""
    found = {}
    for element in elements:
        option = element.def_elem
        found[option.defname] = _constant(option.arg) if option.HasField("arg") else "true"
    return found


def _constant(node: Node) -> str:
    """A constant's text in lower case, whichever of the parser's boxes it comes in."""
    inner: Node = getattr(node, node.WhichOneof("node"))
    if type(inner).__name__ == "A_Const":
        inner = getattr(inner, inner.WhichOneof("val") or "sval")
    for field in ("sval", "ival", "boolval", "fval"):
        if field in inner.DESCRIPTOR.fields_by_name:
            return str(getattr(inner, field)).lower()
    return ""


def _asks(elements: Iterable[Node], option: str, *, default: bool = False) -> bool:
    value = _options(elements).get(option)
    return default if value is None else value not in _FALSE_WORDS


def _reindex(node: Node) -> bool:
    wide = enum_name(node, "kind") not in {"REINDEX_OBJECT_TABLE", "REINDEX_OBJECT_INDEX"}
    return wide or _asks(node.params, "concurrently")


def _detaches_concurrently(node: Node) -> bool:
    parts = (getattr(command.alter_table_cmd, "def") for command in node.cmds)
    return any(part.partition_cmd.concurrent for part in parts)


def _creates_slot(node: Node) -> bool:
    connects = _asks(node.options, "connect", default=True)
    return connects and _asks(node.options, "create_slot", default=True)


def _refreshes(node: Node) -> bool:
    kind = enum_name(node, "kind")
    if kind == "ALTER_SUBSCRIPTION_REFRESH":
        return True
    changes = kind.endswith("_PUBLICATION")
    return changes and _asks(node.options, "refresh", default=True)


def _commits(node: Node) -> bool:
    """A DO block whose body says COMMIT or ROLLBACK as a statement of its own."""
    body = next((_body(element) for element in node.args if element.def_elem.defname == "as"), "")
    before = ";"
    for word in words(body):
        if word in {"commit", "rollback"} and before in _STATEMENT_STARTS:
            return True
        before = word
    return False


def _body(element: Node) -> str:
    return str(element.def_elem.arg.string.sval)


def _always(_node: Node) -> bool:
    return True


_REFUSES_TRANSACTION: dict[str, Callable[[Node], bool]] = {
    "AlterDatabaseStmt": lambda node: "tablespace" in _options(node.options),
    "AlterSubscriptionStmt": _refreshes,
    "AlterSystemStmt": _always,
    "AlterTableStmt": _detaches_concurrently,
    "ClusterStmt": lambda node: not node.HasField("relation"),
    "CreateSubscriptionStmt": _creates_slot,
    "CreateTableSpaceStmt": _always,
    "CreatedbStmt": _always,
    "DoStmt": _commits,
    "DropStmt": lambda node: node.concurrent,
    "DropSubscriptionStmt": _always,
    "DropTableSpaceStmt": _always,
    "DropdbStmt": _always,
    "IndexStmt": lambda node: node.concurrent,
    "ReindexStmt": _reindex,
    "VacuumStmt": lambda node: node.is_vacuumcmd,
}
