"""FROM: tables, WITH queries, functions, joins, and queries in parentheses. Pure.

A list of sources is what an item adds to the names of its query. LATERAL items, and functions
always, also see what stands to their left.
"""

from __future__ import annotations

from dataclasses import replace

from migrations_runner.kinds import Node
from migrations_runner.linting.catalog import Table
from migrations_runner.linting.names.queries import Queries
from migrations_runner.linting.names.record import Query
from migrations_runner.linting.names.scopes import UNKNOWN, Columns, Field, Scope, Source
from migrations_runner.linting.nodes import kind, part, parts, strings

#: Functions that give one nameless column whatever their arguments are.
_ONE_COLUMN = frozenset(
    {"generate_series", "generate_subscripts", "regexp_split_to_table", "string_to_table"}
)


class Froms(Queries):
    """Walks FROM clauses."""

    def from_clause(self, items: list[Node], query: Query) -> None:
        for item in items:
            query.scope.sources.extend(self._item(item, query, list(query.scope.sources)))

    def _item(self, node: Node, query: Query, left: list[Source]) -> list[Source]:
        name = kind(node)
        if name == "RangeVar":
            return [self.relation(node, query.scope)]
        if name == "RangeSubselect":
            return [self._subselect(node, query, left)]
        if name == "JoinExpr":
            return self._join(node, query, left)
        if name == "RangeFunction":
            return [self._function(node, query, left)]
        if name == "RangeTableSample":
            relation = part(node, "relation")
            return self._item(relation, query, left) if relation is not None else []
        return [self._other(node, query, left)]

    def relation(self, node: Node, scope: Scope, *, target: bool = False) -> Source:
        """A table, view or WITH query; the target of a write is never a WITH query."""
        alias, names = _alias(node)
        cte = None if node.schemaname or target else scope.cte(node.relname)
        if cte is not None:
            return Source(alias or node.relname, cte.renamed(names), is_relation=True)
        table = self._table(node)
        columns = _columns(table).renamed(names)
        schema = (table.schema if table else node.schemaname) if not alias else ""
        return Source(alias or node.relname, columns, table, schema, is_relation=True)

    def _table(self, node: Node) -> Table | None:
        table = self.catalog.find(node.relname, node.schemaname)
        if table is None and self.catalog.is_missing(node.relname, node.schemaname):
            self.walked.missing_tables.append(node)
        if table is not None and not self.catalog.certain:
            return replace(table, columns_known=False)
        return table

    def _subselect(self, node: Node, query: Query, left: list[Source]) -> Source:
        around = query.scope.beside(left if node.lateral else [])
        held = part(node, "subquery")
        columns = self.statement(held, around, query, "from") if held is not None else UNKNOWN
        alias, names = _alias(node)
        return Source(alias, columns.renamed(names), by_name=bool(alias))

    def _function(self, node: Node, query: Query, left: list[Source]) -> Source:
        inside = Query(node, query.scope.beside(left), query, "function")
        for function in parts(node, "functions"):
            self.expression(function, inside, "function")
        alias, names = _alias(node)
        called = [_function_name(each) for each in parts(node, "functions")]
        columns = _function_columns(node, called, alias, names)
        return Source(alias or called[0], columns, by_name=True)

    def _other(self, node: Node, query: Query, left: list[Source]) -> Source:
        """XMLTABLE and JSON_TABLE: their arguments are walked, their columns left open."""
        inside = Query(node, query.scope.beside(left), query, "function")
        self.expression(node, inside, "function")
        alias, names = _alias(node)
        return Source(alias, UNKNOWN.renamed(names), by_name=bool(alias))

    def _join(self, node: Node, query: Query, left: list[Source]) -> list[Source]:
        larg, rarg = part(node, "larg"), part(node, "rarg")
        if larg is None or rarg is None:
            return []
        lefts = self._item(larg, query, left)
        rights = self._item(rarg, query, left + lefts)
        inside = Query(node, query.scope.beside(lefts + rights), query, "on")
        self.walked.queries.append(inside)
        inside.sublink = query.sublink
        self.expression(part(node, "quals"), inside, "on")
        return _named_join(node, lefts, rights)


def _named_join(node: Node, lefts: list[Source], rights: list[Source]) -> list[Source]:
    """An alias hides what is joined; one behind USING names the merged columns only."""
    both = lefts + rights
    using = strings(node, "using_clause")
    if node.HasField("alias"):
        hidden = [replace(each, by_name=False, by_column=False) for each in both]
        columns = _joined(lefts, rights, using, natural=node.is_natural)
        alias, names = _alias(node)
        return [*hidden, Source(alias, columns.renamed(names))]
    if node.HasField("join_using_alias"):
        merged = Columns(tuple(Field(name) for name in using))
        return [*both, Source(node.join_using_alias.aliasname, merged, by_column=False)]
    return both


def _joined(
    lefts: list[Source], rights: list[Source], using: tuple[str, ...], *, natural: bool
) -> Columns:
    left, right = _all(lefts), _all(rights)
    if natural:
        using = tuple(field.name for field in left.fields if right.named(field.name))
    rest = [each for each in (*left.fields, *right.fields) if each.name not in using]
    return Columns((*(Field(name) for name in using), *rest), left.open or right.open)


def _all(sources: list[Source]) -> Columns:
    seen = [each.columns for each in sources if each.by_column]
    fields = tuple(field for columns in seen for field in columns.fields)
    return Columns(fields, any(columns.open for columns in seen))


def _columns(table: Table | None) -> Columns:
    if table is None:
        return UNKNOWN
    fields = tuple(Field(column.name, (table, column.name)) for column in table.columns)
    return Columns(fields, not table.columns_known)


def _alias(node: Node) -> tuple[str, tuple[str, ...]]:
    if not node.HasField("alias"):
        return "", ()
    return node.alias.aliasname, strings(node.alias, "colnames")


def _function_name(function: Node) -> str:
    """The name of the function in ``List(call, column definitions)``; empty for an expression."""
    call = next(iter(parts(function, "items")), function)
    return strings(call, "funcname")[-1] if kind(call) == "FuncCall" else ""


def _function_columns(node: Node, called: list[str], alias: str, names: tuple[str, ...]) -> Columns:
    defined = tuple(Field(each.colname) for each in parts(node, "coldeflist"))
    if defined:
        return Columns(defined, open=bool(node.ordinality)).renamed(names)
    if len(called) == 1 and called[0] in _ONE_COLUMN:
        extra = (Field("ordinality"),) if node.ordinality else ()
        return Columns((Field(alias or called[0]), *extra)).renamed(names)
    return UNKNOWN.renamed(names or (alias or called[0],))
