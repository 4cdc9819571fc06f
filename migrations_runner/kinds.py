"""What a parsed statement is called. Pure.

Works on the protobuf nodes of libpg_query without importing it: a node knows its own description.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

#: A statement node or one of its parts; the parser library ships no usable types for them.
Node = Any

_NAMES = {
    "AlterEnumStmt": "ALTER TYPE",
    "AlterFdwStmt": "ALTER FOREIGN DATA WRAPPER",
    "AlterFunctionStmt": "ALTER FUNCTION",
    "AlterSeqStmt": "ALTER SEQUENCE",
    "AlterTableMoveAllStmt": "ALTER TABLE",
    "CheckPointStmt": "CHECKPOINT",
    "ClosePortalStmt": "CLOSE CURSOR",
    "CompositeTypeStmt": "CREATE TYPE",
    "ConstraintsSetStmt": "SET CONSTRAINTS",
    "CreateAmStmt": "CREATE ACCESS METHOD",
    "CreateEnumStmt": "CREATE TYPE",
    "CreateEventTrigStmt": "CREATE EVENT TRIGGER",
    "CreateFdwStmt": "CREATE FOREIGN DATA WRAPPER",
    "CreateForeignServerStmt": "CREATE SERVER",
    "CreatePLangStmt": "CREATE LANGUAGE",
    "CreateRangeStmt": "CREATE TYPE",
    "CreateSeqStmt": "CREATE SEQUENCE",
    "CreateStatsStmt": "CREATE STATISTICS",
    "CreateStmt": "CREATE TABLE",
    "CreateTableSpaceStmt": "CREATE TABLESPACE",
    "CreateTrigStmt": "CREATE TRIGGER",
    "CreatedbStmt": "CREATE DATABASE",
    "DeclareCursorStmt": "DECLARE CURSOR",
    "DropTableSpaceStmt": "DROP TABLESPACE",
    "DropdbStmt": "DROP DATABASE",
    "IndexStmt": "CREATE INDEX",
    "LockStmt": "LOCK TABLE",
    "RefreshMatViewStmt": "REFRESH MATERIALIZED VIEW",
    "RuleStmt": "CREATE RULE",
    "SecLabelStmt": "SECURITY LABEL",
    "TruncateStmt": "TRUNCATE TABLE",
    "VariableShowStmt": "SHOW",
    "ViewStmt": "CREATE VIEW",
}
_OBJECTS = {
    "ACCESS_METHOD": "ACCESS METHOD",
    "ATTRIBUTE": "TYPE",
    "DOMCONSTRAINT": "DOMAIN",
    "EVENT_TRIGGER": "EVENT TRIGGER",
    "FDW": "FOREIGN DATA WRAPPER",
    "FOREIGN_SERVER": "SERVER",
    "FOREIGN_TABLE": "FOREIGN TABLE",
    "LARGEOBJECT": "LARGE OBJECT",
    "MATVIEW": "MATERIALIZED VIEW",
    "OPCLASS": "OPERATOR CLASS",
    "OPFAMILY": "OPERATOR FAMILY",
    "STATISTIC_EXT": "STATISTICS",
    "TABCONSTRAINT": "TABLE",
    "TSCONFIGURATION": "TEXT SEARCH CONFIGURATION",
    "TSDICTIONARY": "TEXT SEARCH DICTIONARY",
    "TSPARSER": "TEXT SEARCH PARSER",
    "TSTEMPLATE": "TEXT SEARCH TEMPLATE",
    "USER_MAPPING": "USER MAPPING",
}
_TRANSACTION = {
    "BEGIN": "BEGIN",
    "START": "BEGIN",
    "COMMIT": "COMMIT",
    "ROLLBACK": "ROLLBACK",
    "SAVEPOINT": "SAVEPOINT",
    "RELEASE": "RELEASE SAVEPOINT",
    "ROLLBACK_TO": "ROLLBACK TO SAVEPOINT",
    "PREPARE": "PREPARE TRANSACTION",
    "COMMIT_PREPARED": "COMMIT PREPARED",
    "ROLLBACK_PREPARED": "ROLLBACK PREPARED",
}
SAVEPOINTS = frozenset({"SAVEPOINT", "RELEASE SAVEPOINT", "ROLLBACK TO SAVEPOINT"})


def kind_of(node: Node) -> str:
    """The statement's name as PostgreSQL's command tag has it, such as ``CREATE TABLE``."""
    name = type(node).__name__
    special = _SPECIAL.get(name)
    return special(node) if special else _NAMES.get(name) or _from_camel_case(name)


def result_columns(node: Node) -> tuple[frozenset[str], bool]:
    """The names of the columns that a statement returns, and whether there may be others.

    Only names that are certain: an alias, a column, a function.
    """
    fields = node.DESCRIPTOR.fields_by_name
    name = next((name for name in ("target_list", "returning_list") if name in fields), None)
    if name is None or not getattr(node, name):
        return frozenset(), True
    names = [_column_name(target.res_target) for target in getattr(node, name)]
    return frozenset(name for name in names if name), not all(names)


def _column_name(target: Node) -> str:
    if target.name:
        return str(target.name)
    parts = {"column_ref": "fields", "func_call": "funcname"}
    kind = target.val.WhichOneof("node")
    if kind not in parts:
        return ""
    last = getattr(getattr(target.val, kind), parts[kind])[-1]
    return str(last.string.sval) if last.WhichOneof("node") == "string" else ""


def _from_camel_case(name: str) -> str:
    parts = re.findall(r"[A-Z][a-z]*", name.removesuffix("Stmt"))
    return " ".join(parts).upper()


def enum_name(node: Node, field: str) -> str:
    """The name of a node's enumerated field, such as ``OBJECT_TABLE``."""
    description = node.DESCRIPTOR.fields_by_name[field].enum_type
    return str(description.values_by_number[getattr(node, field)].name)


def _object(node: Node, field: str) -> str:
    name = enum_name(node, field).removeprefix("OBJECT_")
    if name == "COLUMN":
        return _object(node, "relation_type") if field == "rename_type" else "TABLE"
    return _OBJECTS.get(name, name)


def _transaction(node: Node) -> str:
    return _TRANSACTION[enum_name(node, "kind").removeprefix("TRANS_STMT_")]


def _select(node: Node) -> str:
    return "SELECT INTO" if node.HasField("into_clause") else "SELECT"


def _table_as(node: Node) -> str:
    is_view = enum_name(node, "objtype") == "OBJECT_MATVIEW"
    return "CREATE MATERIALIZED VIEW" if is_view else "CREATE TABLE AS"


def _function(node: Node) -> str:
    return "CREATE PROCEDURE" if node.is_procedure else "CREATE FUNCTION"


def _variable_set(node: Node) -> str:
    return "RESET" if enum_name(node, "kind").startswith("VAR_RESET") else "SET"


_SPECIAL: dict[str, Callable[[Node], str]] = {
    "AlterObjectSchemaStmt": lambda node: f"ALTER {_object(node, 'object_type')}",
    "AlterOwnerStmt": lambda node: f"ALTER {_object(node, 'object_type')}",
    "AlterTableStmt": lambda node: f"ALTER {_object(node, 'objtype')}",
    "CreateFunctionStmt": _function,
    "CreateTableAsStmt": _table_as,
    "DefineStmt": lambda node: f"CREATE {_object(node, 'kind')}",
    "DropStmt": lambda node: f"DROP {_object(node, 'remove_type')}",
    "GrantRoleStmt": lambda node: "GRANT ROLE" if node.is_grant else "REVOKE ROLE",
    "GrantStmt": lambda node: "GRANT" if node.is_grant else "REVOKE",
    "RenameStmt": lambda node: f"ALTER {_object(node, 'rename_type')}",
    "SelectStmt": _select,
    "TransactionStmt": _transaction,
    "VacuumStmt": lambda node: "VACUUM" if node.is_vacuumcmd else "ANALYZE",
    "VariableSetStmt": _variable_set,
}
