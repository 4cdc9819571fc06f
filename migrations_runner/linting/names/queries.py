"""SELECT and the expressions in any statement, read as the server reads them. Pure."""

from __future__ import annotations

from collections.abc import Callable

from migrations_runner.kinds import Node
from migrations_runner.linting.catalog import Catalog, Table
from migrations_runner.linting.names.outputs import output_name
from migrations_runner.linting.names.record import Query, Sublink, Walked
from migrations_runner.linting.names.resolve import resolve
from migrations_runner.linting.names.scopes import UNKNOWN, Columns, Field, Scope
from migrations_runner.linting.nodes import children, kind, name_of, part, parts, strings


class Expressions:
    """Walks expressions; whoever inherits knows how to read a whole query."""

    def __init__(self, catalog: Catalog, skip: Callable[[int], bool]) -> None:
        self.catalog = catalog
        self.skip = skip
        self.walked = Walked()

    def statement(self, node: Node, parent: Scope, around: Query | None, clause: str) -> Columns:
        """Walk a statement that stands in `parent`; answers what columns it gives."""
        for child in children(node):
            self.expression(child, Query(node, parent, around, clause), clause)
        return UNKNOWN

    def expression(self, node: Node | None, query: Query, clause: str) -> None:
        """Walk an expression, or anything that holds some, in a query's scope."""
        if node is None:
            return
        name = kind(node)
        if name == "ColumnRef":
            self._name(node, query, clause)
        elif name == "SubLink":
            self._sublink(node, query, clause)
        elif name == "SelectStmt":
            self.statement(node, query.scope, query, clause)
        elif name != "TypeName":
            self._note(node, query, clause)
            for child in children(node):
                self.expression(child, query, clause)

    def _note(self, node: Node, query: Query, clause: str) -> None:
        if kind(node) == "A_Expr":
            self.walked.operators.append((node, query, clause))
        elif kind(node) == "TypeCast":
            inside = part(node, "arg")
            if inside is not None and kind(inside) == "ColumnRef":
                self.walked.casts.append((node, inside))

    def _name(self, node: Node, query: Query, clause: str) -> None:
        if self.skip(node.location):
            self.walked.variables.append(node)
        else:
            self.walked.references.append(resolve(node, query, clause, self.catalog))

    def _sublink(self, node: Node, query: Query, clause: str) -> None:
        self.expression(part(node, "testexpr"), query, clause)
        select = part(node, "subselect")
        if select is None:
            return
        link = Sublink(node, select, query, clause)
        self.walked.sublinks.append(link)
        before = len(self.walked.queries)
        self.statement(select, query.scope, query, clause)
        for each in self.walked.queries[before:]:
            if each.around is query and each.sublink is None:
                each.sublink = link


class Queries(Expressions):
    """Walks SELECT, VALUES and set operations."""

    def statement(self, node: Node, parent: Scope, around: Query | None, clause: str) -> Columns:
        if kind(node) != "SelectStmt":
            return super().statement(node, parent, around, clause)
        query = self.begin(node, Scope(parent), around, clause)
        self.with_clause(node, query)
        if node.HasField("larg"):
            return self._set_operation(node, query)
        return self._values(node, query) if node.values_lists else self._select(node, query)

    def begin(self, node: Node, scope: Scope, around: Query | None, clause: str) -> Query:
        query = Query(node, scope, around, clause)
        self.walked.queries.append(query)
        return query

    def _set_operation(self, node: Node, query: Query) -> Columns:
        left = self.statement(node.larg, query.scope, query, query.clause)
        self.statement(node.rarg, query.scope, query, query.clause)
        self._limits(node, query)
        return Columns(tuple(Field(each.name) for each in left.fields), left.open)

    def _values(self, node: Node, query: Query) -> Columns:
        rows = parts(node, "values_lists")
        for row in rows:
            self.expression(row, query, "values")
        self._limits(node, query)
        width = len(rows[0].items)
        return Columns(tuple(Field(f"column{place + 1}") for place in range(width)))

    def _select(self, node: Node, query: Query) -> Columns:
        self.from_clause(parts(node, "from_clause"), query)
        for target in parts(node, "target_list"):
            self.expression(target, query, "select")
        self.expression(part(node, "where_clause"), query, "where")
        self.expression(part(node, "having_clause"), query, "having")
        columns = self.outputs(parts(node, "target_list"), query)
        self._by_output(node, query, columns)
        for window in parts(node, "window_clause"):
            self.expression(window, query, "window")
        self._limits(node, query)
        return columns

    def from_clause(self, items: list[Node], query: Query) -> None:
        """Put each FROM item into the query's scope. Who inherits reads them."""
        for item in items:
            self.expression(item, query, "from")

    def _limits(self, node: Node, query: Query) -> None:
        for name in ("limit_count", "limit_offset"):
            self.expression(part(node, name), query, "limit")

    def _by_output(self, node: Node, query: Query, columns: Columns) -> None:
        """ORDER BY, GROUP BY and DISTINCT ON may name a column of the result."""
        for name in ("sort_clause", "group_clause", "distinct_clause"):
            for each in parts(node, name):
                by = part(each, "node") if kind(each) == "SortBy" else each
                if by is not None and not _is_output(by, columns):
                    self.expression(by, query, name.removesuffix("_clause"))

    def outputs(self, targets: list[Node], query: Query) -> Columns:
        """The columns that a target list gives, stars spelled out."""
        fields: list[Field] = []
        is_open = False
        for target in targets:
            found = self._output(target, query)
            fields.extend(found.fields)
            is_open |= found.open
        return Columns(tuple(fields), is_open)

    def _output(self, target: Node, query: Query) -> Columns:
        value = part(target, "val")
        if value is not None and kind(value) == "ColumnRef" and name_of(value)[-1] == "*":
            return _star(name_of(value)[:-1], query.scope)
        if value is not None and kind(value) == "A_Indirection" and not target.name:
            indirection = parts(value, "indirection")
            if indirection and kind(indirection[-1]) == "A_Star":
                return UNKNOWN
        name = output_name(target)
        if name is None:
            return UNKNOWN
        return Columns((Field(name, self._origin(value)),))

    def _origin(self, value: Node | None) -> tuple[Table, str] | None:
        if value is None or kind(value) != "ColumnRef":
            return None
        found = self.walked.reference(value)
        return found.field.origin if found and found.field and not found.merged else None

    def with_clause(self, node: Node, query: Query) -> None:
        """Register the WITH queries of a statement, and walk them."""
        if not node.HasField("with_clause"):
            return
        ctes = parts(node.with_clause, "ctes")
        if node.with_clause.recursive:
            query.scope.ctes.update({cte.ctename: self._first_look(cte, query) for cte in ctes})
        for cte in ctes:
            held = part(cte, "ctequery")
            if held is not None:
                columns = self.statement(held, query.scope, query, "with")
                query.scope.ctes[cte.ctename] = _with_extras(cte, columns)

    def _first_look(self, cte: Node, query: Query) -> Columns:
        """What a recursive query gives is told by its first part, which does not name itself."""
        held = part(cte, "ctequery")
        if held is None or kind(held) != "SelectStmt" or not held.HasField("larg"):
            return UNKNOWN
        looker = type(self)(self.catalog, self.skip)
        scope = Scope(query.scope.parent, [], dict.fromkeys(_names_of_ctes(query.node), UNKNOWN))
        return _with_extras(cte, looker.statement(held.larg, scope, None, "with"))


def _names_of_ctes(node: Node) -> list[str]:
    return [cte.ctename for cte in parts(node.with_clause, "ctes")]


def _with_extras(cte: Node, columns: Columns) -> Columns:
    """Its column list, and the columns that SEARCH and CYCLE add."""
    renamed = columns.renamed(strings(cte, "aliascolnames"))
    extras = []
    if cte.HasField("search_clause"):
        extras.append(cte.search_clause.search_seq_column)
    if cte.HasField("cycle_clause"):
        extras += [cte.cycle_clause.cycle_mark_column, cte.cycle_clause.cycle_path_column]
    return Columns(renamed.fields + tuple(Field(name) for name in extras), renamed.open)


def _is_output(node: Node, columns: Columns) -> bool:
    if kind(node) != "ColumnRef":
        return False
    names = name_of(node)
    return len(names) == 1 and bool(columns.named(names[0]))


def _star(names: tuple[str, ...], scope: Scope) -> Columns:
    """What ``*`` or ``t.*`` stands for. With USING a column comes once; here it may come twice."""
    if names:
        sources = [each for each in scope.sources if each.by_name and each.name == names[-1]]
    else:
        sources = [each for each in scope.sources if each.by_column]
    fields = tuple(field for source in sources for field in source.columns.fields)
    return Columns(fields, not sources or any(source.columns.open for source in sources))
