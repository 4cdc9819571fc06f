"""Looking into the catalog for the effect of a statement that could be in no transaction.

Before such a statement an *intent* is written to the ledger: what it is to change, by object id,
and what stood there before. After a failure or a crash `look` tells from it whether the effect is
there; `clear` removes what a failed try left, so that the statement can be done again. An intent is
plain JSON, so that another process, days later, can do both.

Sources: PostgreSQL's reference pages of each command, and catalogs pg_index, pg_inherits,
pg_database.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from enum import StrEnum
from typing import Any

from migrations_runner import index_probes
from migrations_runner.catalog_facts import Seen, one, relation
from migrations_runner.kinds import Node
from migrations_runner.ledger import Connection
from migrations_runner.script import Statement

__all__ = ["Intent", "Seen", "clear", "intent_of", "look"]

Intent = dict[str, Any]


class _Kind(StrEnum):
    HARMLESS = "harmless"
    INDEX = "index"
    DROP_INDEX = "drop_index"
    REINDEX = "reindex"
    DETACH = "detach"
    EXISTS = "exists"
    TABLESPACE_OF = "tablespace_of"
    UNKNOWN = "unknown"


def intent_of(connection: Connection, statement: Statement) -> Intent:
    """What a statement is to change, asked of the session that is about to send it."""
    make = _INTENTS.get(type(statement.node).__name__, _unknown)
    intent = make(connection, statement.node)
    return {**intent, "sql": hashlib.sha256(statement.sql.encode()).hexdigest()}


def same_statement(intent: Intent, statement: Statement) -> bool:
    """Was this intent written for this text?"""
    return bool(intent.get("sql") == hashlib.sha256(statement.sql.encode()).hexdigest())


def can_tell(intent: Intent) -> bool:
    """Will `look` know? Not where a DO block or a procedure commits parts of itself."""
    return _Kind(intent["kind"]) != _Kind.UNKNOWN


def look(connection: Connection, intent: Intent) -> Seen:
    """Is the effect there? Only with the target's lock, when no session of the run is left."""
    return _LOOKS.get(_Kind(intent["kind"]), _cannot_tell)(connection, intent)


def clear(connection: Connection, intent: Intent) -> list[str]:
    """Remove what a failed try left, or finish it; answers what was done, in sentences."""
    return _CLEARS.get(_Kind(intent["kind"]), _nothing)(connection, intent)


# --- Intents ---
def _unknown(_connection: Connection, _node: Node) -> Intent:
    return {"kind": _Kind.UNKNOWN}


def _harmless(_connection: Connection, _node: Node) -> Intent:
    """Doing it twice is doing it once."""
    return {"kind": _Kind.HARMLESS}


def _index(connection: Connection, node: Node) -> Intent:
    return {"kind": _Kind.INDEX, **index_probes.wanted(connection, node)}


def _drop(connection: Connection, node: Node) -> Intent:
    names = [[part.string.sval for part in each.list.items] for each in node.objects]
    found = [relation(connection, name) for name in names]
    return {"kind": _Kind.DROP_INDEX, "indexes": [oid for oid in found if oid]}


def _reindex(connection: Connection, node: Node) -> Intent:
    concurrently = any(option.def_elem.defname == "concurrently" for option in node.params)
    if not concurrently:
        return {"kind": _Kind.HARMLESS}
    return {"kind": _Kind.REINDEX, "before": index_probes.leftovers(connection)}


def _detach(connection: Connection, node: Node) -> Intent:
    parts = [getattr(command.alter_table_cmd, "def").partition_cmd for command in node.cmds]
    child = next(part.name for part in parts if part.concurrent)
    return {
        "kind": _Kind.DETACH,
        "parent": relation(connection, [node.relation.schemaname, node.relation.relname]),
        "child": relation(connection, [child.schemaname, child.relname]),
    }


def _exists(catalog: str, column: str, field: str, *, wanted: bool) -> Callable[..., Intent]:
    def make(connection: Connection, node: Node) -> Intent:
        facts = {"catalog": catalog, "column": column, "name": getattr(node, field)}
        before = _is_there(connection, facts)
        return {"kind": _Kind.EXISTS, **facts, "wanted": wanted, "before": before}

    return make


def _move_database(_connection: Connection, node: Node) -> Intent:
    options = {each.def_elem.defname: each.def_elem.arg.string.sval for each in node.options}
    return {"kind": _Kind.TABLESPACE_OF, "name": node.dbname, "to": options.get("tablespace", "")}


_INTENTS: dict[str, Callable[[Connection, Node], Intent]] = {
    "AlterDatabaseStmt": _move_database,
    "AlterSubscriptionStmt": _harmless,  # REFRESH: compares and catches up
    "AlterSystemStmt": _harmless,
    "AlterTableStmt": _detach,
    "ClusterStmt": _harmless,
    "CreateTableSpaceStmt": _exists("pg_tablespace", "spcname", "tablespacename", wanted=True),
    "CreatedbStmt": _exists("pg_database", "datname", "dbname", wanted=True),
    "DropStmt": _drop,
    "DropTableSpaceStmt": _exists("pg_tablespace", "spcname", "tablespacename", wanted=False),
    "DropdbStmt": _exists("pg_database", "datname", "dbname", wanted=False),
    "IndexStmt": _index,
    "ReindexStmt": _reindex,
    "VacuumStmt": _harmless,
}


# --- Looks ---
def _cannot_tell(_connection: Connection, _intent: Intent) -> Seen:
    return Seen.UNSURE


def _again(_connection: Connection, _intent: Intent) -> Seen:
    return Seen.OPEN


def _indexes_gone(connection: Connection, intent: Intent) -> Seen:
    """An index that is only half dropped is invalid; dropping it again ends it."""
    left = one(
        connection, "SELECT count(*) FROM pg_class WHERE oid = ANY (%s)", [intent["indexes"]]
    )
    return Seen.OPEN if left or not intent["indexes"] else Seen.DONE


def _detached(connection: Connection, intent: Intent) -> Seen:
    if not intent["parent"] or not intent["child"]:
        return Seen.OPEN
    return Seen.OPEN if _attached(connection, intent) is not None else Seen.DONE


def _attached(connection: Connection, intent: Intent) -> object:
    """None where it is no partition any more; else whether its detaching is half done."""
    return one(
        connection,
        "SELECT inhdetachpending FROM pg_inherits WHERE inhparent = %s AND inhrelid = %s",
        [intent["parent"], intent["child"]],
    )


def _there_or_gone(connection: Connection, intent: Intent) -> Seen:
    if intent["before"] == intent["wanted"]:
        return Seen.OPEN  # the server says itself what it makes of that
    return Seen.DONE if _is_there(connection, intent) == intent["wanted"] else Seen.OPEN


_THERE = {
    "pg_database": "SELECT true FROM pg_database WHERE datname = %s",
    "pg_tablespace": "SELECT true FROM pg_tablespace WHERE spcname = %s",
}


def _is_there(connection: Connection, facts: Intent) -> bool:
    return bool(one(connection, _THERE[facts["catalog"]], [facts["name"]]))


def _moved(connection: Connection, intent: Intent) -> Seen:
    stands = one(
        connection,
        "SELECT s.spcname FROM pg_database d JOIN pg_tablespace s ON s.oid = d.dattablespace"
        " WHERE d.datname = %s",
        [intent["name"]],
    )
    return Seen.DONE if stands == intent["to"] else Seen.OPEN


_LOOKS: dict[_Kind, Callable[[Connection, Intent], Seen]] = {
    _Kind.HARMLESS: _again,
    _Kind.REINDEX: _again,
    _Kind.INDEX: index_probes.look,
    _Kind.DROP_INDEX: _indexes_gone,
    _Kind.DETACH: _detached,
    _Kind.EXISTS: _there_or_gone,
    _Kind.TABLESPACE_OF: _moved,
}


# --- Clearing ---
def _nothing(_connection: Connection, _intent: Intent) -> list[str]:
    return []


def _finalize(connection: Connection, intent: Intent) -> list[str]:
    """A detaching that was cut short after its first half only has to be ended."""
    if not _attached(connection, intent):
        return []
    names = one(
        connection,
        "SELECT format('ALTER TABLE %%s DETACH PARTITION %%s FINALIZE',"
        " %s::oid::regclass, %s::oid::regclass)",
        [intent["parent"], intent["child"]],
    )
    connection.execute(str(names).encode())
    return ["A detaching that was cut short was finalized."]


_CLEARS: dict[_Kind, Callable[[Connection, Intent], list[str]]] = {
    _Kind.INDEX: index_probes.clear,
    _Kind.REINDEX: index_probes.clear_leftovers,
    _Kind.DETACH: _finalize,
}
