"""Where the rows of an INSERT … SELECT come from. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from migrations_runner.backfill import expressions
from migrations_runner.backfill.facts import Facts, Key
from migrations_runner.backfill.walking import alias_of, children, inner, kind, of_kind, strings
from migrations_runner.kinds import Node, enum_name

#: Which side of a join keeps each of its rows apart, so that it may drive the batches.
_SIDES = {"JOIN_INNER": "larg", "JOIN_LEFT": "larg", "JOIN_RIGHT": "rarg"}


def reshaped(select: Node, facts: Facts) -> Iterator[str]:
    """Why rows of the source do not become rows of the result one by one."""
    if enum_name(select, "op") != "SETOP_NONE":
        yield "UNION, INTERSECT and EXCEPT compare all rows with each other"
    if select.distinct_clause:
        yield "DISTINCT compares all rows with each other"
    if select.group_clause or select.HasField("having_clause"):
        yield "GROUP BY and HAVING gather many rows into one"
    if select.sort_clause:
        yield "ORDER BY orders all rows, and batches have only their own"
    if select.HasField("limit_count") or select.HasField("limit_offset"):
        yield "LIMIT and OFFSET count over all rows"
    for call in _own_calls(select):
        if call.HasField("over"):
            yield "a window function looks at other rows"
        elif expressions.is_aggregate(call, facts):
            yield "an aggregate gathers many rows into one"
    yield from _outer_aggregates(select, facts)


def driver(select: Node) -> Node | None:
    """The table whose every row is looked at once: the first, or the kept side of outer joins."""
    if not select.from_clause:
        return None
    item = inner(select.from_clause[0])
    while kind(item) == "JoinExpr":
        side = _SIDES.get(enum_name(item, "jointype"))
        if side is None:
            return None
        item = inner(getattr(item, side))
    return item if kind(item) == "RangeVar" else None


def one_each(insert: Node, select: Node, key: Key) -> bool:
    """Does each row of the source meet at most one row of the table it goes to?

    So where the conflict columns hold a key of the source as it is, and nothing is joined.
    """
    if len(select.from_clause) != 1 or kind(inner(select.from_clause[0])) != "RangeVar":
        return False
    wanted = {inner(one).name for one in insert.on_conflict_clause.infer.index_elems}
    alias = alias_of(inner(select.from_clause[0]))
    fed = set()
    for column, target in zip(insert.cols, select.target_list, strict=False):
        value = inner(inner(target).val)
        if inner(column).name in wanted and kind(value) == "ColumnRef":
            fed.add(_column_of(value, alias))
    return key.names <= fed


def _column_of(reference: Node, alias: str) -> str:
    words = [inner(field) for field in reference.fields]
    if any(kind(word) != "String" for word in words):
        return ""
    names = strings(list(reference.fields))
    return names[-1] if len(names) == 1 or names[-2] == alias else ""


def _own_calls(select: Node) -> Iterator[Node]:
    """Function calls of a query itself, not of the queries inside it."""
    stack = list(children(select))
    while stack:
        one = stack.pop()
        if kind(one) == "FuncCall":
            yield one
        if kind(one) not in {"SelectStmt", "WithClause"}:
            stack.extend(children(one))


def _outer_aggregates(select: Node, facts: Facts) -> Iterator[str]:
    """An aggregate in a subquery over columns of the outer row gathers the outer rows."""
    for query in of_kind(select, "SelectStmt"):
        if query is select:
            continue
        inside = {alias_of(one) for one in of_kind(query, "RangeVar")}
        for call in _own_calls(query):
            if call.agg_star or not expressions.is_aggregate(call, facts):
                continue
            owners = {_owner(column) for column in of_kind(call, "ColumnRef")}
            if not owners & inside:
                yield "write a subquery's table before the columns that it gathers"


def _owner(reference: Node) -> str:
    words = [inner(field) for field in reference.fields]
    return words[-2].sval if len(words) > 1 and kind(words[-2]) == "String" else ""
