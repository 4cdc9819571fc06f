"""INSERT, UPDATE, DELETE and MERGE: what they write to, and what feeds which column. Pure."""

from __future__ import annotations

from dataclasses import replace

from migrations_runner.kinds import Node
from migrations_runner.linting.names.froms import Froms
from migrations_runner.linting.names.record import Feed, Query, Write
from migrations_runner.linting.names.scopes import UNKNOWN, Columns, Scope, Source
from migrations_runner.linting.nodes import kind, part, parts

_RETURNING_ROWS = {1: "old", 2: "new"}


class Writes(Froms):
    """Walks any statement that reads or writes rows."""

    def statement(self, node: Node, parent: Scope, around: Query | None, clause: str) -> Columns:
        walk = {
            "DeleteStmt": self._delete,
            "InsertStmt": self._insert,
            "MergeStmt": self._merge,
            "UpdateStmt": self._update,
        }.get(kind(node))
        if walk is not None:
            query = self.begin(node, Scope(parent), around, clause)
            self.with_clause(node, query)
            return walk(node, query)
        if kind(node) == "SelectStmt" or around is not None:
            return super().statement(node, parent, around, clause)
        return UNKNOWN

    def _insert(self, node: Node, query: Query) -> Columns:
        target = self.relation(node.relation, query.scope, target=True)
        names = self._target_names(parts(node, "cols"), target)
        named = names or (target.table.names if target.table else ())
        write = Write(node, target.table, node.relation, names, query)
        self.walked.writes.append(write)
        select = part(node, "select_stmt")
        if select is not None:
            self.statement(select, query.scope, query, "insert")
            self._feed_from(select, write, named)
        inside = replace_scope(query, [target])
        if node.HasField("on_conflict_clause"):
            self._on_conflict(node.on_conflict_clause, write, target, inside)
        return self._returning(node, inside, target)

    def _feed_from(self, select: Node, write: Write, names: tuple[str, ...]) -> None:
        """Each expression of a VALUES row or a target list, beside the column it goes into."""
        if select.HasField("larg"):
            self._feed_from(select.larg, write, names)
            self._feed_from(select.rarg, write, names)
            return
        query = self.walked.query(select)
        rows = [parts(row, "items") for row in parts(select, "values_lists")]
        rows = rows or [[part(each, "val") for each in parts(select, "target_list")]]
        for row in rows:
            for name, value in zip(names, row, strict=False):
                if query is not None and value is not None:
                    self.walked.feeds.append(Feed(write, name, value, query))

    def _on_conflict(self, node: Node, write: Write, target: Source, inside: Query) -> None:
        if node.HasField("infer"):
            for element in parts(node.infer, "index_elems"):
                self.expression(part(element, "expr"), inside, "conflict")
            self.expression(part(node.infer, "where_clause"), inside, "conflict")
        proposed = replace(target, name="excluded", schema="", by_column=False)
        both = replace_scope(inside, [target, proposed])
        self._set(parts(node, "target_list"), write, target, both)
        self.expression(part(node, "where_clause"), both, "where")

    def _update(self, node: Node, query: Query) -> Columns:
        target = self.relation(node.relation, query.scope, target=True)
        self.from_clause(parts(node, "from_clause"), query)
        query.scope.sources.insert(0, target)
        targets = parts(node, "target_list")
        write = Write(node, target.table, node.relation, _names(targets), query)
        self.walked.writes.append(write)
        self._set(targets, write, target, query)
        self.expression(part(node, "where_clause"), query, "where")
        return self._returning(node, query, target)

    def _delete(self, node: Node, query: Query) -> Columns:
        target = self.relation(node.relation, query.scope, target=True)
        self.from_clause(parts(node, "using_clause"), query)
        query.scope.sources.insert(0, target)
        self.walked.writes.append(Write(node, target.table, node.relation, (), query))
        self.expression(part(node, "where_clause"), query, "where")
        return self._returning(node, query, target)

    def _merge(self, node: Node, query: Query) -> Columns:
        target = self.relation(node.relation, query.scope, target=True)
        source = part(node, "source_relation")
        self.from_clause([source] if source is not None else [], query)
        query.scope.sources.insert(0, target)
        self.expression(part(node, "join_condition"), query, "on")
        for when in parts(node, "merge_when_clauses"):
            self._when(when, node, target, query)
        return self._returning(node, query, target)

    def _when(self, when: Node, node: Node, target: Source, query: Query) -> None:
        targets = parts(when, "target_list")
        write = Write(when, target.table, node.relation, _names(targets), query)
        self.walked.writes.append(write)
        self.expression(part(when, "condition"), query, "where")
        self._set(targets, write, target, query)
        for name, value in zip(write.columns, parts(when, "values"), strict=False):
            self.walked.feeds.append(Feed(write, name, value, query))
            self.expression(value, query, "values")

    def _set(self, targets: list[Node], write: Write, target: Source, query: Query) -> None:
        self._target_names(targets, target)
        for each in targets:
            value = part(each, "val")
            if value is not None:
                self.walked.feeds.append(Feed(write, each.name, value, query))
                self.expression(value, query, "set")

    def _target_names(self, targets: list[Node], target: Source) -> tuple[str, ...]:
        """The columns that a write names; those its table lacks are noted."""
        table = target.table
        for each in targets:
            if table is not None and table.columns_known and not table.column(each.name):
                self.walked.missing_targets.append((each, table))
        return _names(targets)

    def _returning(self, node: Node, query: Query, target: Source) -> Columns:
        if not node.HasField("returning_clause"):
            return Columns()
        clause = node.returning_clause
        names = dict(_RETURNING_ROWS)
        names.update({each.option: each.value for each in parts(clause, "options")})
        rows = [replace(target, name=name, schema="", by_column=False) for name in names.values()]
        inside = replace_scope(query, [*query.scope.sources, *rows])
        for each in parts(clause, "exprs"):
            self.expression(each, inside, "returning")
        return self.outputs(parts(clause, "exprs"), query)


def replace_scope(query: Query, sources: list[Source]) -> Query:
    """The same query, seeing these FROM items."""
    return Query(query.node, query.scope.beside(sources), query.around, query.clause, query.sublink)


def _names(targets: list[Node]) -> tuple[str, ...]:
    return tuple(each.name for each in targets)
