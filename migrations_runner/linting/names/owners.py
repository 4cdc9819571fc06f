"""``INSERT … VALUES (user_id, …)`` as one row for each owner, with a conflict key. Pure.

The column that gets the unknown name has a foreign key: it names an owner. Tables that name the
same owner under the unknown name, and point at the table that is filled, say who needs a row.
"""

from __future__ import annotations

import re

from migrations_runner.kinds import Node
from migrations_runner.linting import sqltext
from migrations_runner.linting.catalog import Index, Table
from migrations_runner.linting.names.record import Feed, Reference
from migrations_runner.linting.names.view import Seen
from migrations_runner.linting.nodes import kind, literal, part, parts

#: Columns whose constant says which of an owner's rows is meant.
_SAYS_WHICH = ("slug", "key", "code", "name", "title", "kind", "type")


def per_owner(seen: Seen, unknown: Reference) -> str | None:
    """The INSERT for all owners at once, which a second run does not repeat; None if unclear."""
    feed = _feed(seen, unknown)
    if feed is None or feed.write.table is None:
        return None
    owners = _owners(seen, feed, feed.write.table)
    key = _key(feed, feed.write.table)
    if owners is None or key is None:
        return None
    before, conflict = key
    feeds = [each for each in seen.walked.feeds if each.write is feed.write]
    values = ",\n  ".join(_value(each, unknown) for each in feeds)
    columns = ", ".join(sqltext.name(each.column) for each in feeds)
    text = (
        f"{before}INSERT INTO {sqltext.relation(feed.write.relation)} ({columns})\nSELECT\n"
        f"  {values}\nFROM (\n  {owners}\n) AS owner\n{conflict}{_returning(seen.node)};"
    )
    return sqltext.with_variables(text, seen.variables)


def _feed(seen: Seen, unknown: Reference) -> Feed | None:
    """The column that gets the unknown name, in an INSERT of one row that is plain otherwise."""
    node = seen.node
    if kind(node) != "InsertStmt" or node.HasField("with_clause") or not node.cols:
        return None
    select = part(node, "select_stmt")
    if select is None or len(parts(select, "values_lists")) != 1:
        return None
    unclear = {r.names for r in seen.walked.references if r.verdict == "no-column"}
    if unclear != {unknown.names} or node.HasField("on_conflict_clause"):
        return None
    return next((f for f in seen.walked.feeds if _is_name(f.value, unknown)), None)


def _is_name(node: Node, unknown: Reference) -> bool:
    return kind(node) == "ColumnRef" and node.location == unknown.location


def _owners(seen: Seen, feed: Feed, table: Table) -> str | None:
    """A query for everyone who needs a row, in a column that has the unknown name."""
    name = feed.value.fields[0].string.sval
    leads = table.leads_to(feed.column)
    if not leads:
        return None
    # Nothing here is sent: it is text for people to read, every name in it quoted.
    asking = [
        f"SELECT {sqltext.name(name)} FROM {sqltext.name(*other.path)} WHERE {link} IS NULL"  # noqa: S608
        for other in sorted(seen.catalog.tables.values(), key=lambda other: other.name)
        if other.leads_to(name) & leads and (link := _link(other, table, name))
    ]
    if asking:
        return "\n  UNION\n  ".join(asking)
    schema, owner, column = min(leads)
    path = (owner,) if schema == "public" else (schema, owner)
    return f"SELECT {sqltext.name(column)} AS {sqltext.name(name)} FROM {sqltext.name(*path)}"  # noqa: S608


def _link(other: Table, table: Table, owner: str) -> str | None:
    """The column of the other table, still empty in some rows, that points at the filled one."""
    for column in other.columns:
        pointed = {(schema, name) for schema, name, _ in other.leads_to(column.name)}
        is_link = (table.schema, table.name) in pointed
        if is_link and column.name != owner and not column.not_null:
            return sqltext.name(column.name)
    return None


def _key(feed: Feed, table: Table) -> tuple[str, str] | None:
    """What goes before the INSERT (a key, if there is none yet), and its ON CONFLICT."""
    column = sqltext.name(feed.column)
    standing = next((i for i in table.indexes if _is_on(i, feed.column)), None)
    if standing is not None:
        where = f" WHERE {standing.predicate}" if standing.predicate else ""
        return "", f"ON CONFLICT ({column}){where} DO NOTHING"
    if (feed.column,) in table.row_keys():
        return "", f"ON CONFLICT ({column}) DO NOTHING"
    which = _which(feed)
    if which is None:
        return None
    made = sqltext.name(_index_name(table.name, feed.column, which[1]))
    where = f" WHERE {which[0]}"
    create = (
        f"CREATE UNIQUE INDEX IF NOT EXISTS {made}\n  ON {sqltext.name(*table.path)} ({column})"
    )
    return f"{create}{where};\n", f"ON CONFLICT ({column}){where} DO NOTHING"


def _is_on(index: Index, column: str) -> bool:
    return index.unique and index.valid and index.columns == (column,)


def _which(feed: Feed) -> tuple[str, str] | None:
    """``name = 'My Books'``, and the constant by itself."""
    values = dict(_constants(feed.write.node))
    column = next((each for each in _SAYS_WHICH if each in values), None)
    if column is None:
        return None
    return f"{sqltext.name(column)} = {sqltext.expression(values[column])}", str(
        literal(values[column])
    )


def _constants(node: Node) -> list[tuple[str, Node]]:
    values = parts(parts(part(node, "select_stmt"), "values_lists")[0], "items")
    names = [each.name for each in parts(node, "cols")]
    pairs = zip(names, values, strict=False)
    return [(name, value) for name, value in pairs if literal(value) is not None]


def _index_name(table: str, column: str, constant: str) -> str:
    words = "_".join(re.findall(r"[a-z0-9]+", constant.casefold()))
    return f"{table}_one_{words}_per_{column}"[:63].rstrip("_")


def _value(feed: Feed, unknown: Reference) -> str:
    if _is_name(feed.value, unknown):
        return sqltext.name("owner", unknown.names[0])
    return sqltext.expression(feed.value, {unknown.location: ("owner", unknown.names[0])})


def _returning(node: Node) -> str:
    if not node.HasField("returning_clause"):
        return ""
    exprs = [part(each, "val") for each in parts(node.returning_clause, "exprs")]
    return "\nRETURNING " + ", ".join(sqltext.expression(e) for e in exprs if e is not None)
