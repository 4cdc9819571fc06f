"""What a script takes away or calls by another name. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from migrations_runner.kinds import Node, enum_name
from migrations_runner.linting import sqltext
from migrations_runner.linting.catalog import Table
from migrations_runner.linting.context import Context, commands, same_table, table_name
from migrations_runner.linting.findings import Hit
from migrations_runner.linting.nodes import kind, part, parts, strings

_BREAKING = {
    "AGGREGATE", "DOMAIN", "EXTENSION", "FOREIGN_TABLE", "FUNCTION", "MATVIEW", "POLICY",
    "PROCEDURE", "ROUTINE", "SEQUENCE", "TRIGGER", "TYPE", "VIEW",
}  # fmt: skip
_MAKERS = {
    "CreateFunctionStmt": ("funcname", {"FUNCTION", "PROCEDURE", "ROUTINE"}),
    "CreateTrigStmt": ("trigname", {"TRIGGER"}),
    "CreatePolicyStmt": ("policy_name", {"POLICY"}),
    "CreateEnumStmt": ("type_name", {"TYPE"}),
    "CompositeTypeStmt": ("typevar", {"TYPE"}),
    "ViewStmt": ("view", {"VIEW"}),
    "CreateTableAsStmt": ("into", {"MATVIEW"}),
    "CreateSeqStmt": ("sequence", {"SEQUENCE"}),
    "CreateExtensionStmt": ("extname", {"EXTENSION"}),
    "CreateDomainStmt": ("domainname", {"DOMAIN"}),
}


def drops_data(at: Context) -> Iterator[Hit]:
    """Tables, schemas and databases: what was in them is gone."""
    node = at.node
    if kind(node) == "DropdbStmt":
        yield Hit(f"The database {node.dbname} and all that is in it will be gone.")
        return
    what = enum_name(node, "remove_type").removeprefix("OBJECT_")
    if what not in {"TABLE", "SCHEMA"}:
        return
    for names in _names(node):
        table = at.catalog.find(names[-1], names[-2] if len(names) > 1 else "")
        if what == "TABLE" and (_is_ours(table) or names[0] == "pg_temp"):
            continue
        if what == "SCHEMA" and _made_schema(at, names[-1]):
            continue
        empty = table is not None and table.rows == 0
        yield Hit(
            f"{what.capitalize()} {'.'.join(names)} and what is in it will be gone, and code that"
            " still reads it fails.",
            level="warning" if empty else None,
        )


def _names(node: Node) -> Iterator[tuple[str, ...]]:
    """Each dropped object's name in its parts."""
    for each in parts(node, "objects"):
        shape = kind(each)
        if shape == "String":
            yield (each.sval,)
        elif shape == "List":
            yield strings(each, "items")
        elif shape == "TypeName":
            yield strings(each, "names")
        elif shape == "ObjectWithArgs":
            yield strings(each, "objname")


def _is_ours(table: Table | None) -> bool:
    return table is not None and (table.here or table.schema == "pg_temp")


def _made_schema(at: Context, name: str) -> bool:
    return any(
        kind(each.node) == "CreateSchemaStmt" and each.node.schemaname == name for each in at.before
    )


def drops_column(at: Context) -> Iterator[Hit]:
    if at.is_new(at.node.relation):
        return
    for name, command in at.commands():
        if name == "AT_DropColumn" and not _added_before(at, command.name):
            empty = at.rows(at.node.relation) == 0
            yield Hit(
                f"What is in {at.node.relation.relname}.{command.name} will be gone, and code that"
                " still reads it fails.",
                level="warning" if empty else None,
            )


def _added_before(at: Context, column: str) -> bool:
    for statement in at.before:
        node = statement.node
        if kind(node) == "AlterTableStmt" and same_table(node.relation, at.node.relation):
            for name, command in commands(node):
                definition = part(command, "def")
                if name == "AT_AddColumn" and definition and definition.colname == column:
                    return True
    return False


def drops_code(at: Context) -> Iterator[Hit]:
    """Views, functions, types and the like that the script does not make again."""
    what = enum_name(at.node, "remove_type").removeprefix("OBJECT_")
    if what not in _BREAKING:
        return
    for names in _names(at.node):
        if not _is_made(at, names, what):
            word = {"MATVIEW": "materialized view"}.get(what, what.lower().replace("_", " "))
            yield Hit(f"What still uses the {word} {'.'.join(names)} fails from here on.")


def _is_made(at: Context, names: tuple[str, ...], what: str) -> bool:
    """By this script, before or after; a trigger or policy of a new table counts too."""
    if what in {"TRIGGER", "POLICY"} and len(names) > 1:
        table = at.catalog.find(names[-2], names[-3] if len(names) > 2 else "")  # noqa: PLR2004
        if _is_ours(table):
            return True
    return any(
        kind(each.node) in _MAKERS
        and what in _MAKERS[kind(each.node)][1]
        and _made_name(each.node, _MAKERS[kind(each.node)][0]) == names[-1]
        for each in (*at.before, *at.following)
    )


def _made_name(node: Node, field: str) -> str:
    held = getattr(node, field)
    if isinstance(held, str):
        return held
    if field == "into":
        return str(held.rel.relname)
    if hasattr(held, "relname"):
        return str(held.relname)
    return strings(node, field)[-1]


def drops_constraint(at: Context) -> Iterator[Hit]:
    if at.is_new(at.node.relation):
        return
    known = _constraints_of(at)
    for name, command in at.commands():
        if name == "AT_DropConstraint" and command.name not in known:
            yield Hit(f"From here on nothing holds what {command.name} held.")


def _constraints_of(at: Context) -> set[str]:
    """The names of constraints that the script adds to this table, at whatever place."""
    found = set()
    for statement in at.script.statements:
        node = statement.node
        if kind(node) == "AlterTableStmt" and same_table(node.relation, at.node.relation):
            for name, command in commands(node):
                held = part(command, "def")
                if name in {"AT_AddConstraint", "AT_AddIndexConstraint"} and held is not None:
                    found.add(held.conname)
    return found


def truncates(at: Context) -> Iterator[Hit]:
    old = [each for each in parts(at.node, "relations") if not at.is_new(each)]
    if enum_name(at.node, "behavior") == "DROP_CASCADE" and old:
        names = ", ".join(each.relname for each in old)
        yield Hit(f"Every table that refers to {names} is emptied too, and those behind them.")


_RENAMED = {
    "OBJECT_ATTRIBUTE", "OBJECT_COLUMN", "OBJECT_DATABASE", "OBJECT_DOMAIN",
    "OBJECT_FOREIGN_TABLE", "OBJECT_FUNCTION", "OBJECT_MATVIEW", "OBJECT_PROCEDURE",
    "OBJECT_ROLE", "OBJECT_ROUTINE", "OBJECT_SCHEMA", "OBJECT_SEQUENCE", "OBJECT_TABLE",
    "OBJECT_TYPE", "OBJECT_VIEW",
}  # fmt: skip


def renames(at: Context) -> Iterator[Hit]:
    """Names of indexes, constraints, triggers and policies are no part of anybody's query."""
    what = enum_name(at.node, "rename_type")
    if what not in _RENAMED or (at.node.HasField("relation") and at.is_new(at.node.relation)):
        return
    old = at.node.subname or at.node.relation.relname or _object_name(at.node)
    table = what == "OBJECT_TABLE"
    yield Hit(
        f"Code that runs now still says {old}, and fails until it says {at.node.newname}.",
        rewrite=_view_of(at) if table else None,
    )


def _object_name(node: Node) -> str:
    held = part(node, "object")
    shapes = {"List": "items", "ObjectWithArgs": "objname", "TypeName": "names"}
    return ".".join(strings(held, shapes[kind(held)])) if kind(held) in shapes else "the old name"


def _view_of(at: Context) -> str:
    old, new = table_name(at.node.relation), sqltext.name(at.node.newname)
    schema = at.node.relation.schemaname
    new_table = sqltext.name(schema, at.node.newname) if schema else new
    lines = (
        f"ALTER TABLE {old} RENAME TO {new};",
        f"CREATE VIEW {old} AS TABLE {new_table};  -- in the same script; drop it later",
    )
    return "\n".join(lines)


def renames_enum_value(at: Context) -> Iterator[Hit]:
    if at.node.old_val:
        yield Hit(f"Code that runs now still says '{at.node.old_val}', and fails from here on.")


def moves_schema(at: Context) -> Iterator[Hit]:
    if at.node.HasField("relation") and at.is_new(at.node.relation):
        return
    if enum_name(at.node, "object_type") != "OBJECT_EXTENSION":
        yield Hit(f"Code that runs now does not look for it in {at.node.newschema}.")
