"""Columns that are added, changed or given defaults. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from migrations_runner.kinds import Node, enum_name
from migrations_runner.linting import sqltext
from migrations_runner.linting.context import Context, commands, same_table, table_name
from migrations_runner.linting.findings import Hit
from migrations_runner.linting.nodes import below, kind, part, parts, strings
from migrations_runner.linting.type_names import SERIALS, type_name

#: Functions of the server that answer differently for every row; now() is the same for all.
VOLATILE = frozenset(
    {"clock_timestamp", "gen_random_bytes", "gen_random_uuid", "gen_salt", "nextval", "random"}
    | {"setval", "timeofday", "uuid_generate_v1", "uuid_generate_v1mc", "uuid_generate_v4"}
    | {"uuidv4", "uuidv7"}
)
_LENGTH = re.compile(r"(?P<base>[a-z ]+?)\((?P<first>\d+)(?:,(?P<second>\d+))?\)(?P<zone>.*)")


def new_columns(at: Context) -> Iterator[tuple[Node, dict[str, Node]]]:
    """The columns added to an existing table, each with its constraints by kind."""
    if at.is_new(at.node.relation):
        return
    for name, command in at.commands():
        definition = part(command, "def")
        if name == "AT_AddColumn" and definition is not None:
            yield definition, by_kind(definition)


def by_kind(definition: Node) -> dict[str, Node]:
    return {enum_name(each, "contype"): each for each in parts(definition, "constraints")}


def is_serial(definition: Node) -> bool:
    return strings(definition.type_name, "names")[-1:][0] in SERIALS


def add_column_rewrites(at: Context) -> Iterator[Hit]:
    for definition, held in new_columns(at):
        cause, rewrite = _rewriting(at, definition, held)
        if cause:
            yield Hit(
                f"Nobody reads or writes {at.named(at.node.relation)} while it is written anew:"
                f" {cause}.",
                definition.location,
                at.level(at.node.relation),
                rewrite,
            )


def _rewriting(at: Context, definition: Node, held: dict[str, Node]) -> tuple[str, str | None]:
    if is_serial(definition) or "CONSTR_IDENTITY" in held:
        return f"each row of {definition.colname} gets a number", None
    generated = held.get("CONSTR_GENERATED")
    if generated is not None and generated.generated_kind != "v":
        return f"{definition.colname} is computed for each row", None
    default = held.get("CONSTR_DEFAULT")
    called = _volatile(at, part(default, "raw_expr")) if default is not None else None
    if default is None or called is None:
        return "", None
    return f"{called}() answers anew for each row", _in_three_steps(at, definition, default)


def _volatile(at: Context, expression: Node | None) -> str | None:
    """The first function that makes a value for each row; people's own are taken to."""
    risky = VOLATILE | at.catalog.functions
    for each in below(expression) if expression is not None else ():
        if kind(each) == "FuncCall" and strings(each, "funcname")[-1] in risky:
            return strings(each, "funcname")[-1]
    return None


def _in_three_steps(at: Context, definition: Node, default: Node) -> str:
    table, column = table_name(at.node.relation), sqltext.name(definition.colname)
    value = at.put_back(sqltext.expression(part(default, "raw_expr")))
    written = type_name(definition.type_name)
    return (
        f"ALTER TABLE {table} ADD COLUMN {column} {written};\n"
        f"ALTER TABLE {table} ALTER COLUMN {column} SET DEFAULT {value};\n"
        "-- then as a script of its own, run as a backfill:\n"
        f"UPDATE {table} SET {column} = {value} WHERE {column} IS NULL;"
    )


def required_without_default(at: Context) -> Iterator[Hit]:
    rows = at.rows(at.node.relation)
    for definition, held in new_columns(at):
        required = "CONSTR_NOTNULL" in held or "CONSTR_PRIMARY" in held
        filled = {"CONSTR_DEFAULT", "CONSTR_IDENTITY", "CONSTR_GENERATED"} & set(held)
        if required and not filled and not is_serial(definition) and rows != 0:
            yield Hit(
                f"{definition.colname} would be NULL in every row of"
                f" {at.named(at.node.relation)}: this fails where there is one.",
                definition.location,
                "error" if rows else "warning",
            )


def column_key_builds_index(at: Context) -> Iterator[Hit]:
    """UNIQUE, PRIMARY KEY or a checked REFERENCES behind a new column."""
    for definition, held in new_columns(at):
        if {"CONSTR_UNIQUE", "CONSTR_PRIMARY"} & set(held):
            yield Hit(
                f"Nobody reads or writes {at.named(at.node.relation)} while the index of"
                f" {definition.colname} is built.",
                definition.location,
                at.level(at.node.relation),
            )


def column_reference_scans(at: Context) -> Iterator[Hit]:
    for definition, held in new_columns(at):
        default = held.get("CONSTR_DEFAULT")
        if "CONSTR_FOREIGN" in held and default is not None:
            yield Hit(
                f"Writes to {at.named(at.node.relation)} and to the table it refers to wait while"
                " every row's default is looked up.",
                definition.location,
                at.level(at.node.relation),
            )


def column_check_scans(at: Context) -> Iterator[Hit]:
    for definition, held in new_columns(at):
        if "CONSTR_CHECK" in held:
            yield Hit(
                f"Nobody reads or writes {at.named(at.node.relation)} while every row is checked.",
                definition.location,
                at.level(at.node.relation),
            )


def type_change_rewrites(at: Context) -> Iterator[Hit]:
    relation = at.node.relation
    if at.is_new(relation):
        return
    table = at.table(relation)
    for name, command in at.commands():
        definition = part(command, "def")
        if name != "AT_AlterColumnType" or definition is None:
            continue
        before = table.column(command.name) if table is not None else None
        wanted = type_name(definition.type_name)
        computed = definition.HasField("raw_default") and not is_plain_cast(
            definition, command.name
        )
        if before is None or not before.type:
            harmless = not computed and wanted in {"text", "character varying"}
        else:
            harmless = not computed and keeps_bytes(before.type, wanted)
        if not harmless:
            old = f" from {before.type}" if before is not None and before.type else ""
            yield Hit(
                f"Nobody reads or writes {at.named(relation)} while it and its indexes are written"
                f" anew: {command.name}{old} to {wanted}.",
                level=at.level(relation),
                rewrite=_beside(at, command.name, wanted),
            )


def is_plain_cast(definition: Node, column: str) -> bool:
    """USING c or USING c::type: what the server would do anyway."""
    given = part(definition, "raw_default")
    while given is not None and kind(given) == "TypeCast":
        given = part(given, "arg")
    return kind(given) == "ColumnRef" and strings(given, "fields")[-1:] == (column,)


def keeps_bytes(old: str, new: str) -> bool:
    """Is the old type's value, as it is stored, also the new type's? Then nothing is rewritten.

    >>> keeps_bytes("character varying(20)", "character varying(50)")
    True
    >>> keeps_bytes("numeric(8,2)", "numeric(10,2)"), keeps_bytes("integer", "bigint")
    (True, False)
    """
    if old == new or (old, new) == ("cidr", "inet"):
        return True
    was, old_size = _sized(old)
    will, new_size = _sized(new)
    strings_both = {was, will} <= {"character varying", "text"}
    if strings_both and will == "text":
        return True
    if was != will and not strings_both:
        return False
    if was == "numeric" and old_size and new_size:
        return new_size[0] >= old_size[0] and new_size[1:] == old_size[1:]
    return not new_size or (bool(old_size) and new_size[0] >= old_size[0])


def _sized(written: str) -> tuple[str, tuple[int, ...]]:
    found = _LENGTH.fullmatch(written)
    if found is None:
        return written, ()
    base = found["base"] + found["zone"]
    scale = (int(found["second"] or 0),) if base == "numeric" else ()
    return base, (int(found["first"]), *scale)


def _beside(at: Context, column: str, wanted: str) -> str:
    table = table_name(at.node.relation)
    new = sqltext.name(f"{column}_new")
    return (
        f"ALTER TABLE {table} ADD COLUMN {new} {wanted};\n"
        "-- let a trigger or the code write both columns, then run this as a backfill:\n"
        f"UPDATE {table} SET {new} = {sqltext.name(column)}::{wanted} WHERE {new} IS NULL;\n"
        "-- and swap the names in a last script."
    )


def drop_not_null(at: Context) -> Iterator[Hit]:
    if not at.is_new(at.node.relation):
        for name, command in at.commands():
            if name == "AT_DropNotNull":
                yield Hit(f"Code that reads {command.name} has not met NULL there yet.")


def default_changes(at: Context) -> Iterator[Hit]:
    if at.is_new(at.node.relation):
        return
    fresh = _added_here(at)
    for name, command in at.commands():
        if name == "AT_ColumnDefault" and command.name not in fresh:
            verb = "gets another" if command.HasField("def") else "loses its"
            yield Hit(f"{command.name} {verb} default: code that leaves it out will notice.")


def _added_here(at: Context) -> set[str]:
    """Columns that the script itself adds to this table: nobody relies on their default yet."""
    found = set()
    for statement in (*at.before, at.statement):
        node = statement.node
        if kind(node) != "AlterTableStmt" or not same_table(node.relation, at.node.relation):
            continue
        for name, command in commands(node):
            definition = part(command, "def")
            if name == "AT_AddColumn" and definition is not None:
                found.add(definition.colname)
    return found
