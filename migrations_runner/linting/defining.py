"""Tables, columns and indexes as CREATE TABLE and CREATE INDEX define them. Pure."""

from __future__ import annotations

from dataclasses import replace

from migrations_runner.kinds import Node
from migrations_runner.linting import sqltext
from migrations_runner.linting.catalog import (
    TEMPORARY,
    Catalog,
    Check,
    Column,
    ForeignKey,
    Index,
    Table,
)
from migrations_runner.linting.nodes import kind, literal, part, parts, strings
from migrations_runner.linting.type_names import SERIALS, type_name

_NOT_NULL, _DEFAULT, _IDENTITY, _GENERATED, _CHECK, _PRIMARY, _UNIQUE, _FOREIGN = (
    2, 3, 4, 5, 6, 7, 8, 10,
)  # fmt: skip


def created(catalog: Catalog, node: Node) -> Table:
    """The table that a CreateStmt makes; columns it takes from an unknown table stay open."""
    relation = node.relation
    temporary = relation.relpersistence == "t"
    schema = TEMPORARY if temporary else relation.schemaname or (*catalog.search_path, "public")[0]
    made = Table(schema, relation.relname, rows=0, here=True)
    if node.HasField("partspec"):
        made = replace(made, kind="partitioned", partition_key=node.partspec.strategy and "yes")
    for parent in parts(node, "inh_relations"):
        made = _with_columns_of(made, catalog.find(parent.relname, parent.schemaname))
        made = replace(made, partition_of=parent.relname if node.HasField("partbound") else None)
    if node.HasField("of_typename"):
        made = replace(made, columns_known=False)
    for element in parts(node, "table_elts"):
        made = _with_element(catalog, made, element)
    return made


def _with_element(catalog: Catalog, table: Table, element: Node) -> Table:
    name = kind(element)
    if name == "ColumnDef":
        return with_column(table, element)
    if name == "Constraint":
        return with_constraint(table, element)
    if name == "TableLikeClause":
        relation = element.relation
        return _with_columns_of(table, catalog.find(relation.relname, relation.schemaname))
    return table


def _with_columns_of(table: Table, other: Table | None) -> Table:
    if other is None:
        return replace(table, columns_known=False)
    known = table.columns_known and other.columns_known
    return replace(table, columns=table.columns + other.columns, columns_known=known)


def with_column(table: Table, node: Node) -> Table:
    """The table with a column as ADD COLUMN or CREATE TABLE defines it, and its constraints."""
    constraints = parts(node, "constraints")
    types = {each.contype for each in constraints}
    names = strings(node.type_name, "names")
    serial = bool(names) and names[-1] in SERIALS
    column = Column(
        node.colname,
        type_name(node.type_name) if node.HasField("type_name") else "",
        not_null=serial or bool(types & {_NOT_NULL, _PRIMARY, _IDENTITY}),
        default=_default(constraints, serial=serial),
        generated=_GENERATED in types,
        identity="d" if _IDENTITY in types else "",
        position=len(table.columns) + 1,
    )
    kept = tuple(each for each in table.columns if each.name != column.name)
    table = replace(table, columns=(*kept, column))
    for constraint in constraints:
        table = with_constraint(table, constraint, (node.colname,))
    return table


def _default(constraints: list[Node], *, serial: bool) -> str | None:
    if serial:
        return "nextval"
    found = next((each for each in constraints if each.contype == _DEFAULT), None)
    if found is None:
        return None
    expression = part(found, "raw_expr")
    value = literal(expression)
    return value if value is not None else kind(expression)


def with_constraint(table: Table, node: Node, on: tuple[str, ...] = ()) -> Table:
    """The table with a constraint; `on` is the column that it is written behind."""
    if node.contype == _PRIMARY:
        key = _key(table, node, on)
        columns = tuple(replace(c, not_null=c.not_null or c.name in key) for c in table.columns)
        return replace(table, primary_key=key, columns=columns)
    if node.contype == _UNIQUE:
        return replace(table, unique_keys=(*table.unique_keys, _key(table, node, on)))
    if node.contype == _FOREIGN:
        return replace(table, foreign_keys=(*table.foreign_keys, _foreign(node, on)))
    if node.contype == _CHECK:
        check = Check(node.conname, "", validated=not node.skip_validation)
        return replace(table, checks=(*table.checks, check))
    return table


def _key(table: Table, node: Node, on: tuple[str, ...]) -> tuple[str, ...]:
    """Its columns, or those of the index that it takes over."""
    taken = next((index.columns for index in table.indexes if index.name == node.indexname), ())
    return strings(node, "keys") or on or taken


def _foreign(node: Node, on: tuple[str, ...]) -> ForeignKey:
    """Without columns behind REFERENCES it is the primary key, most often called id."""
    here = strings(node, "fk_attrs") or on
    there = strings(node, "pk_attrs") or (("id",) if len(here) == 1 else ())
    schema = node.pktable.schemaname or "public"
    validated = not node.skip_validation
    return ForeignKey(node.conname, here, schema, node.pktable.relname, there, validated)


def index_of(node: Node, table: Table) -> Index:
    """The index that an IndexStmt makes."""
    columns = tuple(each.name for each in parts(node, "index_params"))
    named = node.idxname or "_".join((table.name, *(name or "expr" for name in columns), "idx"))
    condition = part(node, "where_clause")
    where = sqltext.expression(condition) if condition is not None else None
    return Index(named, columns, node.unique, predicate=where, method=node.access_method)
