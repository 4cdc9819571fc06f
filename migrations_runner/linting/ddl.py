"""What statements leave behind in a catalog: the tables of the script before, without asking. Pure.

A script may make what it fills three lines later. Where a statement may do anything at all (DO,
CALL, a function made by people), the catalog says from there on that it is not certain.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace

from migrations_runner.kinds import Node
from migrations_runner.linting.altering import alter_table, rename
from migrations_runner.linting.catalog import TEMPORARY, Catalog, Column, Index, Table
from migrations_runner.linting.defining import created, index_of
from migrations_runner.linting.names.scopes import Columns
from migrations_runner.linting.names.walk import columns_of
from migrations_runner.linting.nodes import children, kind, part, parts, strings
from migrations_runner.script import Statement

_VIEWS_AND_TABLES = {18: "foreign", 24: "matview", 42: "table", 52: "view"}
_SCHEMA, _INDEX = 37, 21
_ANYTHING = re.compile(r"\b(?:execute|import\s+foreign)\b", re.IGNORECASE)
_MAKES = re.compile(r"\b(?:create|drop)\s+(?:\w+\s+){0,3}(?:table|view|schema)\b", re.IGNORECASE)
_ALTERS = re.compile(
    r"\balter\s+table\s+(?:if\s+exists\s+)?(?:only\s+)?([\w.\"]+)\s+([^;]*)", re.IGNORECASE
)
_HARMLESS = re.compile(
    r"\s*(?:add\s+(?:constraint|check|foreign|unique|primary)|validate|drop\s+constraint|enable"
    r"|disable|alter\s+(?:column\s+)?\S+\s+set\s+(?:not|default))",
    re.IGNORECASE,
)


def after(catalog: Catalog | None, statements: Iterable[Statement]) -> Catalog:
    """The catalog as these statements leave it. Without one, begin with what they make."""
    standing = catalog or Catalog()
    for statement in statements:
        changed = _after(standing, statement.node)
        certain = statement.query is None or statement.query.certain
        standing = (
            changed if certain or changed is standing else _uncertain(changed, statement.node)
        )
    return standing


def _after(catalog: Catalog, node: Node) -> Catalog:
    change = _CHANGES.get(kind(node))
    return change(catalog, node) if change else catalog


def _create(catalog: Catalog, node: Node) -> Catalog:
    return _add(catalog, node, created(catalog, node))


def _add(catalog: Catalog, node: Node, table: Table) -> Catalog:
    standing = catalog.find(table.name, table.schema)
    if getattr(node, "if_not_exists", False) and standing is not None:
        return catalog
    return catalog.with_table(table)


def _create_from_query(catalog: Catalog, node: Node) -> Catalog:
    query = part(node, "query")
    known = query is not None and kind(query) != "ExecuteStmt"
    columns = columns_of(query, catalog) if known else Columns(open=True)
    kind_made = "matview" if node.objtype == 24 else "table"  # noqa: PLR2004
    columns = columns.renamed(strings(node.into, "col_names"))
    return _add(catalog, node, _named(catalog, node.into.rel, kind_made, columns))


def _select_into(catalog: Catalog, node: Node) -> Catalog:
    if not node.HasField("into_clause"):
        return _call(catalog, node)
    made = _named(catalog, node.into_clause.rel, "table", columns_of(node, catalog))
    return catalog.with_table(made)


def _create_view(catalog: Catalog, node: Node) -> Catalog:
    query = part(node, "query")
    columns = columns_of(query, catalog) if query is not None else Columns(open=True)
    columns = columns.renamed(strings(node, "aliases"))
    return catalog.with_table(_named(catalog, node.view, "view", columns))


def _named(catalog: Catalog, relation: Node, kind_made: str, columns: Columns) -> Table:
    temporary = relation.relpersistence == "t"
    schema = TEMPORARY if temporary else relation.schemaname or (*catalog.search_path, "public")[0]
    made = tuple(_column(field, place + 1) for place, field in enumerate(columns.fields))
    known = not columns.open and len({column.name for column in made}) == len(made)
    return Table(schema, relation.relname, kind_made, columns=made, columns_known=known, here=True)


def _column(field: object, place: int) -> Column:
    origin = getattr(field, "origin", None)
    found = origin[0].column(origin[1]) if origin else None
    return Column(getattr(field, "name", ""), found.type if found else "", position=place)


def _drop(catalog: Catalog, node: Node) -> Catalog:
    if node.remove_type == _SCHEMA:
        gone = {name.sval for name in parts(node, "objects")}
        left = {key: table for key, table in catalog.tables.items() if key[0] not in gone}
        return replace(catalog, tables=left)
    if node.remove_type == _INDEX:
        return _without_indexes(catalog, {strings(each, "items")[-1] for each in _objects(node)})
    if node.remove_type in _VIEWS_AND_TABLES:
        for each in _objects(node):
            names = strings(each, "items")
            found = catalog.find(names[-1], names[-2] if len(names) > 1 else "")
            catalog = catalog.without(found.schema, found.name) if found else catalog
    return catalog


def _objects(node: Node) -> list[Node]:
    return [each for each in parts(node, "objects") if kind(each) == "List"]


def _without_indexes(catalog: Catalog, names: set[str]) -> Catalog:
    for table in list(catalog.tables.values()):
        left = tuple(index for index in table.indexes if index.name not in names)
        if left != table.indexes:
            catalog = catalog.with_table(replace(table, indexes=left))
    return catalog


def _index(catalog: Catalog, node: Node) -> Catalog:
    table = catalog.find(node.relation.relname, node.relation.schemaname)
    if table is None:
        return catalog
    made: Index = index_of(node, table)
    if any(index.name == made.name for index in table.indexes):
        return catalog
    return catalog.with_table(replace(table, indexes=(*table.indexes, made)))


def _to_schema(catalog: Catalog, node: Node) -> Catalog:
    if node.object_type not in _VIEWS_AND_TABLES:
        return catalog
    table = catalog.find(node.relation.relname, node.relation.schemaname)
    if table is None:
        return catalog
    moved = replace(table, schema=node.newschema)
    return catalog.without(table.schema, table.name).with_table(moved)


def _create_schema(catalog: Catalog, node: Node) -> Catalog:
    catalog = replace(catalog, schemas=(*catalog.schemas, node.schemaname))
    for each in parts(node, "schema_elts"):
        if kind(each) == "CreateStmt":
            made = created(catalog, each)
            catalog = catalog.with_table(replace(made, schema=node.schemaname))
    return catalog


def _do(catalog: Catalog, node: Node) -> Catalog:
    """What a block does is only guessed at so far as to know what is not certain any more."""
    body = " ".join(_text(each) for each in parts(node, "args"))
    if _ANYTHING.search(body):
        return _uncertain(catalog, node)
    if _MAKES.search(body):
        catalog = replace(catalog, complete=False)
    for name, action in _ALTERS.findall(body):
        table = catalog.find(name.split(".")[-1].strip('"'))
        if table is not None and not _HARMLESS.match(action):
            catalog = catalog.with_table(replace(table, columns_known=False))
    return catalog


def _text(definition: Node) -> str:
    argument = part(definition, "arg")
    return argument.sval if argument is not None and kind(argument) == "String" else ""


def _uncertain(catalog: Catalog, _: Node) -> Catalog:
    return replace(catalog, certain=False, complete=False)


def _incomplete(catalog: Catalog, _: Node) -> Catalog:
    return replace(catalog, complete=False)


def _call(catalog: Catalog, node: Node) -> Catalog:
    """A function that people made may make tables; set_config may change the search path."""
    called = {strings(each, "funcname")[-1] for each in _calls(node)}
    unclear = called & (catalog.functions | {"set_config"})
    return _uncertain(catalog, node) if unclear else catalog


def _calls(node: Node) -> Iterable[Node]:
    for child in children(node):
        if kind(child) == "FuncCall":
            yield child
        yield from _calls(child)


def _function(catalog: Catalog, node: Node) -> Catalog:
    name = strings(node, "funcname")[-1]
    return replace(catalog, functions=catalog.functions | {name})


def _enum(catalog: Catalog, node: Node) -> Catalog:
    name = strings(node, "type_name")[-1]
    labels = tuple(each.sval for each in parts(node, "vals"))
    return replace(catalog, enums={**catalog.enums, name: labels})


def _set(catalog: Catalog, node: Node) -> Catalog:
    if node.name != "search_path":
        return catalog
    path = tuple(each.sval.sval for each in parts(node, "args") if kind(each) == "A_Const")
    return replace(catalog, search_path=path) if path else _uncertain(catalog, node)


_CHANGES: dict[str, Callable[[Catalog, Node], Catalog]] = {
    "AlterObjectSchemaStmt": _to_schema,
    "AlterTableStmt": alter_table,
    "CallStmt": _uncertain,
    "CreateEnumStmt": _enum,
    "CreateExtensionStmt": _incomplete,
    "CreateForeignTableStmt": lambda catalog, node: _create(catalog, node.base_stmt),
    "CreateFunctionStmt": _function,
    "CreateSchemaStmt": _create_schema,
    "CreateStmt": _create,
    "CreateTableAsStmt": _create_from_query,
    "DoStmt": _do,
    "DropStmt": _drop,
    "ImportForeignSchemaStmt": _incomplete,
    "IndexStmt": _index,
    "RenameStmt": rename,
    "SelectStmt": _select_into,
    "VariableSetStmt": _set,
    "ViewStmt": _create_view,
}
