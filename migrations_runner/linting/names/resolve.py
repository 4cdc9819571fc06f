"""What one column's name means. Pure.

After colNameToVar and transformColumnRef of the server: the nearest level that has the column wins,
and only then a name may be that of a whole row.
"""

from __future__ import annotations

from migrations_runner.kinds import Node
from migrations_runner.linting.catalog import Catalog
from migrations_runner.linting.names.record import Query, Reference
from migrations_runner.linting.names.scopes import Scope, Source
from migrations_runner.linting.nodes import name_of

#: ``t.count`` may also be written for ``count(t)``.
_OF_ROWS = frozenset(
    {"array_agg", "count", "json_agg", "jsonb_agg", "num_nonnulls", "num_nulls"}
    | {"pg_column_size", "pg_typeof", "row_to_json", "to_json", "to_jsonb"}
)
_ONE, _TWO, _THREE = 1, 2, 3


def resolve(node: Node, query: Query, clause: str, catalog: Catalog) -> Reference:
    """Find what a ColumnRef names, from the scope of its query outwards."""
    names = name_of(node)
    if names[-1] == "*":
        return _row(node, names, query, clause)
    if len(names) == _ONE:
        return _bare(node, names, query, clause)
    if len(names) <= _THREE:
        return _qualified(node, names, query, clause, catalog)
    return Reference(node, names, query, clause, "unsure")


def _row(node: Node, names: tuple[str, ...], query: Query, clause: str) -> Reference:
    if len(names) == _ONE:
        return Reference(node, names, query, clause, "whole-row")
    source, scope = _relation(names[:-1], query.scope)
    verdict = "whole-row" if source else "no-relation"
    return Reference(node, names, query, clause, verdict, source, None, scope)


def _bare(node: Node, names: tuple[str, ...], query: Query, clause: str) -> Reference:
    name = names[0]
    for scope in query.scope.outwards():
        seen = [source for source in scope.sources if source.by_column]
        having = [source for source in seen if source.columns.named(name)]
        having = having or [source for source in seen if source.field(name)]
        if having:
            merged = len(having) > 1
            field = having[0].field(name)
            return Reference(
                node, names, query, clause, "found", having[0], field, scope, merged=merged
            )
        if any(source.columns.open for source in seen):
            return Reference(node, names, query, clause, "unsure")
    source, scope_of_row = _relation(names, query.scope)
    verdict = "whole-row" if source else "no-column"
    return Reference(node, names, query, clause, verdict, source, None, scope_of_row)


def _qualified(
    node: Node, names: tuple[str, ...], query: Query, clause: str, catalog: Catalog
) -> Reference:
    source, scope = _relation(names[:-1], query.scope)
    if source is None:
        return Reference(node, names, query, clause, "no-relation")
    field = source.field(names[-1])
    if field is not None:
        return Reference(node, names, query, clause, "found", source, field, scope)
    functional = names[-1] in _OF_ROWS or names[-1] in catalog.functions
    verdict = "unsure" if source.columns.open or functional else "no-column"
    return Reference(node, names, query, clause, verdict, source, None, scope)


def _relation(names: tuple[str, ...], inside: Scope) -> tuple[Source | None, Scope | None]:
    for scope in inside.outwards():
        for source in scope.sources:
            if source.by_name and source.name == names[-1] and _in_schema(source, names[:-1]):
                return source, scope
    return None, None


def _in_schema(source: Source, schema: tuple[str, ...]) -> bool:
    """``s.t.c`` needs the very schema; an alias has none, and what is not known may be in any."""
    if not schema:
        return True
    return schema[-1] in {source.schema, "pg_temp"} if source.schema else source.columns.open
