"""What ALTER TABLE and RENAME do to a table in a catalog. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from migrations_runner.kinds import Node, enum_name
from migrations_runner.linting.catalog import Catalog, Column, Table
from migrations_runner.linting.defining import with_column, with_constraint
from migrations_runner.linting.nodes import part, parts
from migrations_runner.linting.type_names import type_name


def alter_table(catalog: Catalog, node: Node) -> Catalog:
    """Each command in turn. A table that is not known stays so."""
    table = catalog.find(node.relation.relname, node.relation.schemaname)
    if table is None:
        return catalog
    for command in parts(node, "cmds"):
        change = _COMMANDS.get(enum_name(command, "subtype"))
        table = change(table, command) if change else table
    return catalog.with_table(table)


def _add_column(table: Table, command: Node) -> Table:
    definition = part(command, "def")
    if definition is None or (command.missing_ok and table.column(definition.colname)):
        return table
    return with_column(table, definition)


def _drop_column(table: Table, command: Node) -> Table:
    name = command.name
    return replace(
        table,
        columns=tuple(each for each in table.columns if each.name != name),
        primary_key=() if name in table.primary_key else table.primary_key,
        unique_keys=tuple(key for key in table.unique_keys if name not in key),
        indexes=tuple(index for index in table.indexes if name not in index.columns),
        foreign_keys=tuple(key for key in table.foreign_keys if name not in key.columns),
    )


def _add_constraint(table: Table, command: Node) -> Table:
    definition = part(command, "def")
    return table if definition is None else with_constraint(table, definition)


def _drop_constraint(table: Table, command: Node) -> Table:
    """By its name. A key has no name here: its index has, or the server's habit tells."""
    name = command.name
    indexed = {index.columns for index in table.indexes if index.name == name}
    kept = tuple(
        key
        for key in table.unique_keys
        if key not in indexed and not name.endswith("_".join(("", *key, "key")))
    )
    foreign = tuple(
        key
        for key in table.foreign_keys
        if name not in {key.name, "_".join((table.name, *key.columns, "fkey"))}
    )
    primary = () if name.endswith("_pkey") or table.primary_key in indexed else table.primary_key
    indexes = tuple(index for index in table.indexes if index.name != name)
    checks = tuple(check for check in table.checks if check.name != name)
    return replace(
        table,
        unique_keys=kept,
        foreign_keys=foreign,
        primary_key=primary,
        indexes=indexes,
        checks=checks,
    )


def _validate(table: Table, command: Node) -> Table:
    keys = tuple(
        replace(key, validated=True) if key.name == command.name else key
        for key in table.foreign_keys
    )
    checks = tuple(
        replace(check, validated=True) if check.name == command.name else check
        for check in table.checks
    )
    return replace(table, foreign_keys=keys, checks=checks)


def _set_type(table: Table, command: Node) -> Table:
    definition = part(command, "def")
    if definition is None:
        return table
    written = type_name(definition.type_name)
    return _with(table, command.name, lambda column: replace(column, type=written))


def _set_not_null(table: Table, command: Node) -> Table:
    return _with(table, command.name, lambda column: replace(column, not_null=True))


def _drop_not_null(table: Table, command: Node) -> Table:
    return _with(table, command.name, lambda column: replace(column, not_null=False))


def _set_default(table: Table, command: Node) -> Table:
    given = "given" if command.HasField("def") else None
    return _with(table, command.name, lambda column: replace(column, default=given))


def _with(table: Table, name: str, change: Callable[[Column], Column]) -> Table:
    return replace(table, columns=tuple(change(c) if c.name == name else c for c in table.columns))


_COMMANDS: dict[str, Callable[[Table, Node], Table]] = {
    "AT_AddColumn": _add_column,
    "AT_AddConstraint": _add_constraint,
    "AT_AddIndexConstraint": _add_constraint,
    "AT_AlterColumnType": _set_type,
    "AT_AttachPartition": lambda table, _: table,
    "AT_ColumnDefault": _set_default,
    "AT_DropColumn": _drop_column,
    "AT_DropConstraint": _drop_constraint,
    "AT_DropNotNull": _drop_not_null,
    "AT_SetNotNull": _set_not_null,
    "AT_ValidateConstraint": _validate,
}


def rename(catalog: Catalog, node: Node) -> Catalog:
    """ALTER … RENAME of a table, view, column or schema; all else leaves tables as they are."""
    what = enum_name(node, "rename_type")
    if what == "OBJECT_SCHEMA":
        return _rename_schema(catalog, node.subname, node.newname)
    if not node.HasField("relation"):
        return catalog
    table = catalog.find(node.relation.relname, node.relation.schemaname)
    if table is None:
        return catalog
    if what == "OBJECT_COLUMN":
        return catalog.with_table(_renamed(table, node.subname, node.newname))
    if what in {"OBJECT_TABLE", "OBJECT_VIEW", "OBJECT_MATVIEW", "OBJECT_FOREIGN_TABLE"}:
        renamed = catalog.without(table.schema, table.name)
        return renamed.with_table(replace(table, name=node.newname))
    return catalog


def _rename_schema(catalog: Catalog, old: str, new: str) -> Catalog:
    moved = {
        (new if schema == old else schema, name): replace(
            table, schema=new if schema == old else schema
        )
        for (schema, name), table in catalog.tables.items()
    }
    schemas = tuple(new if schema == old else schema for schema in catalog.schemas)
    return replace(catalog, tables=moved, schemas=schemas)


def _renamed(table: Table, old: str, new: str) -> Table:
    def anew(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(new if name == old else name for name in names)

    return replace(
        table,
        columns=tuple(replace(c, name=new) if c.name == old else c for c in table.columns),
        primary_key=anew(table.primary_key),
        unique_keys=tuple(anew(key) for key in table.unique_keys),
        indexes=tuple(replace(each, columns=anew(each.columns)) for each in table.indexes),
        foreign_keys=tuple(replace(key, columns=anew(key.columns)) for key in table.foreign_keys),
    )
