"""Hazard 36: ``(SELECT id … LIMIT 1)`` makes a key of whichever row comes first. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from migrations_runner.kinds import Node
from migrations_runner.linting.catalog import Table
from migrations_runner.linting.names.mending import mend_capture
from migrations_runner.linting.names.record import Feed, Query, Reference
from migrations_runner.linting.names.view import Found, Seen
from migrations_runner.linting.nodes import below, conjuncts, kind, operator, part, parts

RULE = "arbitrary-row-as-key"
_SCALAR = 5
_WHY = (
    "LIMIT without ORDER BY takes whichever row the plan happens to meet first. As a key it ties"
    " the written row to somebody, and another day to somebody else."
)
_SAFE = (
    "Join on the columns that say which row is meant (UPDATE … FROM …), backed by a unique key;"
    " without LIMIT, a second match is then an error and not a choice."
)


def arbitrary_row_as_key(seen: Seen) -> Iterator[Found]:
    """Subqueries with LIMIT and no ORDER BY whose one row becomes a key."""
    for feed in seen.walked.feeds:
        for node in below(feed.value):
            if kind(node) == "SubLink" and node.sub_link_type == _SCALAR:
                yield from _judged(seen, feed, node)


def _judged(seen: Seen, feed: Feed, link: Node) -> Iterator[Found]:
    select = part(link, "subselect")
    query = seen.walked.query(select) if select is not None else None
    if query is None or not _takes_any(query.node) or not _is_key(feed):
        return
    level = _level(seen, query)
    if level:
        table = feed.write.table.label if feed.write.table else feed.write.relation.relname
        message = f"{table}.{feed.column} gets any one row of {_inside(query)}."
        captured = (r for r in seen.walked.references if r.query is query and r.is_outer)
        rewrite = next((text for r in captured if (text := mend_capture(seen, r))), None)
        yield seen.found(
            RULE, level, link.location, message, why=_WHY, safe_form=_SAFE, rewrite=rewrite
        )


def _takes_any(node: Node) -> bool:
    return (
        kind(node) == "SelectStmt"
        and node.HasField("limit_count")
        and not node.sort_clause
        and bool(node.from_clause)
        and not _is_aggregate(node)
    )


def _is_aggregate(node: Node) -> bool:
    """Without GROUP BY an aggregate gives one row anyway."""
    names = {"array_agg", "avg", "bool_and", "bool_or", "count", "max", "min", "string_agg", "sum"}
    values = [part(target, "val") for target in parts(node, "target_list")]
    return not node.group_clause and any(
        value is not None
        and kind(value) == "FuncCall"
        and parts(value, "funcname")[-1].sval in names
        for value in values
    )


def _is_key(feed: Feed) -> bool:
    table = feed.write.table
    if table is None or not table.columns_known:
        return feed.column == "id" or feed.column.endswith("_id")
    keys = {name for key in table.row_keys() for name in key}
    return feed.column in keys or bool(table.leads_to(feed.column))


def _level(seen: Seen, query: Query) -> str:
    """Empty where at most one row can match, or where nothing says that more could."""
    bound = _bound(seen, query)
    tables = [source.table for source in query.scope.sources]
    if len(tables) != 1:
        return "warning"
    if tables[0] is None:
        return "" if any(reference.is_outer for reference in bound.values()) or bound else "warning"
    if _is_unique(tables[0], frozenset(bound)):
        return ""
    owners = [name for name in bound if _tells_whose(tables[0], name)]
    return "advice" if owners else "error"


def _bound(seen: Seen, query: Query) -> dict[str, Reference]:
    """The subquery's columns that are set equal to something that is not of the subquery."""
    found = {}
    for condition in conjuncts(part(query.node, "where_clause")):
        if operator(condition) != "=":
            continue
        sides = (part(condition, "lexpr"), part(condition, "rexpr"))
        for here, there in (sides, sides[::-1]):
            reference = _reference(seen, here)
            if reference and not reference.is_outer and _is_from_outside(seen, there):
                found[reference.names[-1]] = reference
    return found


def _reference(seen: Seen, node: Node | None) -> Reference | None:
    if node is None or kind(node) != "ColumnRef":
        return None
    return seen.walked.reference(node)


def _is_from_outside(seen: Seen, node: Node | None) -> bool:
    names = [each for each in below(node) if kind(each) == "ColumnRef"] if node is not None else []
    found = [seen.walked.reference(each) for each in names]
    return node is not None and all(each is None or each.is_outer for each in found)


def _is_unique(table: Table, bound: frozenset[str]) -> bool:
    """A partial key counts: whoever made it meant these columns to find one row."""
    partial = (index.columns for index in table.indexes if index.unique and index.valid)
    return any(all(key) and bound >= set(key) for key in (*table.row_keys(), *partial) if key)


def _tells_whose(table: Table, name: str) -> bool:
    """Bound by a key to the row outside (or a variable): the choice is among one owner's rows."""
    return bool(table.leads_to(name)) or name in {n for key in table.row_keys() for n in key}


def _inside(query: Query) -> str:
    sources = query.scope.sources
    return " and ".join(each.table.label if each.table else each.name for each in sources)
