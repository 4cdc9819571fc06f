"""Constraints that are added to tables with rows. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from migrations_runner.kinds import Node, enum_name
from migrations_runner.linting import sqltext
from migrations_runner.linting.catalog import Table
from migrations_runner.linting.context import Context, commands, same_table, table_name
from migrations_runner.linting.findings import Hit
from migrations_runner.linting.nodes import below, kind, name_of, part, parts, strings

_NOT_VALID_ON_PARTITIONED = 180_000


def added(at: Context) -> Iterator[tuple[str, Node]]:
    """The constraints that an ALTER TABLE adds to an existing table, by kind."""
    if kind(at.node) != "AlterTableStmt" or at.is_new(at.node.relation):
        return
    for name, command in at.commands():
        if name == "AT_AddConstraint":
            constraint = part(command, "def")
            if constraint is not None:
                yield enum_name(constraint, "contype"), constraint


def foreign_key_scans(at: Context) -> Iterator[Hit]:
    for kind_added, constraint in added(at):
        if kind_added == "CONSTR_FOREIGN" and not constraint.skip_validation:
            parent = constraint.pktable.relname
            yield Hit(
                f"Writes to {at.named(at.node.relation)} and to {parent} wait while every row is"
                " looked up.",
                _where(constraint),
                at.level(at.node.relation),
                _in_two_steps(at, constraint, "fkey"),
            )


def check_scans(at: Context) -> Iterator[Hit]:
    for kind_added, constraint in added(at):
        if kind_added == "CONSTR_CHECK" and not constraint.skip_validation:
            yield Hit(
                f"Nobody reads or writes {at.named(at.node.relation)} while every row is checked.",
                _where(constraint),
                at.level(at.node.relation),
                _in_two_steps(at, constraint, "check"),
            )


def _where(node: Node) -> int | None:
    return int(node.location) if node.location > 0 else None


def _in_two_steps(at: Context, constraint: Node, suffix: str) -> str | None:
    foreign = suffix == "fkey"
    if foreign and at.is_partitioned(at.node.relation) and at.server < _NOT_VALID_ON_PARTITIONED:
        return None
    if len(at.node.cmds) != 1:
        return None
    columns = strings(constraint, "fk_attrs")
    name = constraint.conname or "_".join((at.node.relation.relname, *columns, suffix))
    first = at.written(at.node, lambda copy: _not_valid(copy, name))
    return (
        f"{first}\n-- in a script of its own, so that the lock is gone by then:\n"
        f"ALTER TABLE {table_name(at.node.relation)} VALIDATE CONSTRAINT {sqltext.name(name)};"
    )


def _not_valid(node: Node, name: str) -> None:
    constraint = part(part_of_first(node), "def")
    if constraint is not None:
        constraint.skip_validation = True
        constraint.initially_valid = False
        constraint.conname = name


def part_of_first(node: Node) -> Node:
    return parts(node, "cmds")[0]


def validated_at_once(at: Context) -> Iterator[Hit]:
    """VALIDATE in the transaction that added the constraint: its lock is still held."""
    if not at.together or at.is_new(at.node.relation):
        return
    here = {command.name for name, command in at.commands() if name == "AT_ValidateConstraint"}
    for statement in (*at.before, at.statement):
        if kind(statement.node) != "AlterTableStmt":
            continue
        if not same_table(statement.node.relation, at.node.relation):
            continue
        for name, command in commands(statement.node):
            constraint = part(command, "def")
            if name == "AT_AddConstraint" and constraint and constraint.conname in here:
                yield Hit(
                    f"The lock of ADD CONSTRAINT {constraint.conname} is held while all rows are"
                    " checked: both are in one transaction."
                )


def set_not_null_scans(at: Context) -> Iterator[Hit]:
    relation = at.node.relation
    if at.is_new(relation):
        return
    for column in _made_not_null(at):
        if not _is_proved(at, at.table(relation), column):
            yield Hit(
                f"Nobody reads or writes {at.named(relation)} while {column} is searched for NULL.",
                level=at.level(relation),
                rewrite=_proved_first(at, column),
            )


def _made_not_null(at: Context) -> Iterator[str]:
    for name, command in at.commands():
        if name == "AT_SetNotNull":
            yield command.name
    for kind_added, constraint in added(at):
        if kind_added == "CONSTR_NOTNULL" and not constraint.skip_validation:
            yield from strings(constraint, "keys")


def _is_proved(at: Context, table: Table | None, column: str) -> bool:
    if table is not None:
        found = table.column(column)
        if found is not None and found.not_null:
            return True
        wanted = f"{column} IS NOT NULL"
        if any(each.validated and wanted in each.definition for each in table.checks):
            return True
    return _is_proved_here(at, column)


def _is_proved_here(at: Context, column: str) -> bool:
    """A CHECK that the script validates; without a catalog any that it validates may be one."""
    validated: set[str] = set()
    added_checks: dict[str, bool] = {}
    for statement in at.before:
        if kind(statement.node) != "AlterTableStmt":
            continue
        if not same_table(statement.node.relation, at.node.relation):
            continue
        for name, command in commands(statement.node):
            constraint = part(command, "def")
            if name == "AT_ValidateConstraint":
                validated.add(command.name)
            elif name == "AT_AddConstraint" and constraint and kind(constraint) == "Constraint":
                added_checks[constraint.conname] = _asks_not_null(constraint, column)
                if not constraint.skip_validation:
                    validated.add(constraint.conname)
    return any(added_checks.get(name, at.table(at.node.relation) is None) for name in validated)


def _asks_not_null(constraint: Node, column: str) -> bool:
    expression = part(constraint, "raw_expr")
    return expression is not None and any(
        kind(each) == "NullTest"
        and enum_name(each, "nulltesttype") == "IS_NOT_NULL"
        and name_of(part(each, "arg"))[-1:] == (column,)
        for each in below(expression)
        if kind(each) != "NullTest" or kind(part(each, "arg")) == "ColumnRef"
    )


def _proved_first(at: Context, column: str) -> str:
    table = table_name(at.node.relation)
    check = sqltext.name(f"{at.node.relation.relname}_{column}_not_null")
    named = sqltext.name(column)
    return (
        f"ALTER TABLE {table} ADD CONSTRAINT {check} CHECK ({named} IS NOT NULL) NOT VALID;\n"
        "-- in a script of its own:\n"
        f"ALTER TABLE {table} VALIDATE CONSTRAINT {check};\n"
        "-- and then, which needs no scan any more:\n"
        f"ALTER TABLE {table} ALTER COLUMN {named} SET NOT NULL, DROP CONSTRAINT {check};"
    )


_KEYS = {"CONSTR_UNIQUE": "key", "CONSTR_PRIMARY": "pkey"}


def key_builds_index(at: Context) -> Iterator[Hit]:
    relation = at.node.relation
    for kind_added, constraint in added(at):
        if kind_added in _KEYS and not constraint.indexname:
            yield Hit(
                f"Nobody reads or writes {at.named(relation)} while the key's index is built.",
                _where(constraint),
                at.level(relation),
                _key_from_index(at, constraint, _KEYS[kind_added]),
            )


def _key_from_index(at: Context, constraint: Node, suffix: str) -> str | None:
    if at.is_partitioned(at.node.relation) or constraint.deferrable or constraint.including:
        return None
    relation = at.node.relation
    columns = strings(constraint, "keys")
    middle = () if suffix == "pkey" else columns
    name = constraint.conname or "_".join((relation.relname, *middle, suffix))
    word = "PRIMARY KEY" if suffix == "pkey" else "UNIQUE"
    listed = ", ".join(sqltext.name(column) for column in columns)
    distinct = " NULLS NOT DISTINCT" if constraint.nulls_not_distinct else ""
    table = table_name(relation)
    return (
        f"CREATE UNIQUE INDEX CONCURRENTLY {sqltext.name(name)} ON {table} ({listed}){distinct};\n"
        f"ALTER TABLE {table} ADD CONSTRAINT {sqltext.name(name)} {word}"
        f" USING INDEX {sqltext.name(name)};"
    )


def primary_key_on_nullable(at: Context) -> Iterator[Hit]:
    table = at.table(at.node.relation)
    for kind_added, constraint in added(at):
        if kind_added != "CONSTR_PRIMARY" or not constraint.indexname or table is None:
            continue
        index = next((i for i in table.indexes if i.name == constraint.indexname), None)
        for name in index.columns if index else ():
            column = table.column(name)
            if column is not None and not column.not_null and not _is_proved(at, table, name):
                yield Hit(
                    f"{name} may be NULL, so all of {table.label} is searched under the lock.",
                    _where(constraint),
                    at.level(at.node.relation),
                    _proved_first(at, name),
                )


def exclusion_builds_index(at: Context) -> Iterator[Hit]:
    for kind_added, constraint in added(at):
        if kind_added == "CONSTR_EXCLUSION":
            yield Hit(
                f"Nobody reads or writes {at.named(at.node.relation)} while this is built and"
                " checked; it has no NOT VALID form.",
                _where(constraint),
                at.level(at.node.relation),
            )
