"""Enums, partitions, names, and who may do what. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from migrations_runner.kinds import Node, enum_name
from migrations_runner.linting.context import Context
from migrations_runner.linting.findings import Hit
from migrations_runner.linting.nodes import children, kind, part, parts, strings
from migrations_runner.script import Statement

_DETACH_CONCURRENTLY = 140_000
_LONGEST = 63
_WORD = re.compile(r"\"(?:[^\"]|\"\")+\"|[^\W\d][\w$]*")
_NO_NAMES = re.compile(r"(\$\w*\$).*?\1|'(?:[^']|'')*'|--[^\n]*|/\*.*?\*/", re.DOTALL)


def enum_value_order(at: Context) -> Iterator[Hit]:
    node = at.node
    if node.new_val and not node.old_val and not node.new_val_neighbor:
        yield Hit(f"'{node.new_val}' sorts behind all other values, wherever it belongs.")


def enum_value_used(at: Context) -> Iterator[Hit]:
    """A new value of a type that was there before is unknown until its transaction ends."""
    node = at.node
    if not at.together or not node.new_val or node.old_val or _made_here(at):
        return
    for statement in at.following:
        if _says(statement.node, node.new_val):
            yield Hit(
                f"'{node.new_val}' is used in line {statement.line} of the same transaction: the"
                " server refuses a value that is not committed (55P04).",
                level="error" if _is_value_of(statement.node, node) else None,
                rewrite=at.seen.source + ";\n-- and the rest in the next script",
            )
            return


def _made_here(at: Context) -> bool:
    name = strings(at.node, "type_name")[-1]
    return any(
        kind(each.node) == "CreateEnumStmt" and strings(each.node, "type_name")[-1] == name
        for each in at.before
    )


def _says(node: Node, value: str) -> bool:
    return kind(node) not in {"AlterEnumStmt", "CommentStmt"} and any(
        kind(each) == "A_Const" and each.HasField("sval") and each.sval.sval == value
        for each in _all(node)
    )


def _is_value_of(node: Node, enum: Node) -> bool:
    name = strings(enum, "type_name")[-1]
    return any(
        kind(each) == "TypeCast" and strings(each.type_name, "names")[-1] == name
        for each in _all(node)
    )


def _all(node: Node) -> Iterator[Node]:
    for child in children(node):
        yield child
        yield from _all(child)


def detach_blocks(at: Context) -> Iterator[Hit]:
    for name, command in at.commands():
        held = part(command, "def")
        if name == "AT_DetachPartition" and held is not None and not held.concurrent:
            can = at.server >= _DETACH_CONCURRENTLY
            yield Hit(
                f"Nobody reads or writes {at.node.relation.relname} and its other partitions"
                " meanwhile.",
                rewrite=at.seen.source.rstrip() + " CONCURRENTLY;" if can else None,
            )


def long_name(at: Context) -> Iterator[Hit]:
    source = _NO_NAMES.sub(lambda found: " " * len(found[0]), at.seen.source)
    for found in _WORD.finditer(source):
        name = found[0].strip('"').replace('""', '"')
        if len(name.encode()) > _LONGEST:
            kept = name.encode()[:_LONGEST].decode(errors="ignore")
            yield Hit(f"The server cuts this name to {kept}.")


def ambiguous_table(at: Context) -> Iterator[Hit]:
    """A table without schema where two schemas of the target have one of that name."""
    node = at.node
    relation = node.relation if kind(node) != "CreateStmt" else None
    if relation is None or relation.schemaname or at.is_new(relation):
        return
    homes = sorted(schema for schema, name in at.catalog.tables if name == relation.relname)
    if len(homes) > 1:
        yield Hit(
            f"There is a {relation.relname} in {' and in '.join(homes)}; the search path decides.",
            relation.location,
        )


_ACCESS_PARTS = {
    "AT_DisableRowSecurity": "Rows that policies hid are seen by everybody from here on.",
    "AT_NoForceRowSecurity": "The owner is not held to the policies from here on.",
    "AT_DisableTrig": "The trigger does not fire until it is enabled again.",
    "AT_DisableTrigAll": "No trigger fires meanwhile, and foreign keys are triggers.",
    "AT_DisableTrigUser": "No trigger fires until they are enabled again.",
    "AT_DisableRule": "The rule does not apply until it is enabled again.",
}
_POLICED = {
    "AT_EnableRowSecurity": "Who has no policy sees no row from here on.",
    "AT_ForceRowSecurity": "The owner is held to the policies from here on.",
}


def row_security(at: Context) -> Iterator[Hit]:
    if at.is_new(at.node.relation):
        return
    for name, _ in at.commands():
        if name in _POLICED:
            yield Hit(_POLICED[name])


def protection_off(at: Context) -> Iterator[Hit]:
    if at.is_new(at.node.relation):
        return
    for name, _ in at.commands():
        if name in _ACCESS_PARTS:
            yield Hit(_ACCESS_PARTS[name])


def policies(at: Context) -> Iterator[Hit]:
    if not at.is_new(at.node.table):
        yield Hit(f"Decides anew who sees which rows of {at.node.table.relname}.")


def privileges(at: Context) -> Iterator[Hit]:
    """GRANT and REVOKE, but for those that say who may use what the script makes."""
    node = at.node
    if kind(node) == "GrantStmt" and _all_made(at, at.before):
        return
    yield Hit("Changes who may do what.")


def _all_made(at: Context, before: tuple[Statement, ...]) -> bool:
    objects = parts(at.node, "objects")
    what = enum_name(at.node, "objtype")
    if what in {"OBJECT_TABLE", "OBJECT_SEQUENCE"}:
        made = {n for each in before if (n := _made(each.node))}
        return bool(objects) and all(
            kind(each) == "RangeVar"
            and (at.is_new(each) or any(each.relname.startswith(n) for n in made))
            for each in objects
        )
    names = {strings(each, "objname")[-1] for each in objects if kind(each) == "ObjectWithArgs"}
    names |= {each.sval for each in objects if kind(each) == "String"}
    created = {
        strings(e.node, "funcname")[-1] for e in before if kind(e.node) == "CreateFunctionStmt"
    }
    created |= {e.node.schemaname for e in before if kind(e.node) == "CreateSchemaStmt"}
    return bool(names) and names <= created


def _made(node: Node) -> str:
    fields = {"CreateStmt": "relation", "ViewStmt": "view", "CreateSeqStmt": "sequence"}
    field = fields.get(kind(node))
    return str(getattr(node, field).relname) if field else ""


def settings(_: Context) -> Iterator[Hit]:
    yield Hit("Holds for every session from its next start, and outlives this release.")


def replaces(at: Context) -> Iterator[Hit]:
    """OR REPLACE of a function or view that is known to be there."""
    node = at.node
    if not node.replace:
        return
    if kind(node) == "ViewStmt":
        known = at.table(node.view)
        if known is not None and not known.here:
            yield Hit(
                f"Whoever reads the view {node.view.relname} gets another answer from here on."
            )
        return
    name = strings(node, "funcname")[-1]
    if name in at.catalog.functions and not _function_made(at, name):
        yield Hit(f"Whoever calls {name}() gets another answer from here on.")


def _function_made(at: Context, name: str) -> bool:
    return any(
        kind(each.node) == "CreateFunctionStmt" and strings(each.node, "funcname")[-1] == name
        for each in at.before
    )
