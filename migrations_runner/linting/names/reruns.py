"""Hazard 37: an INSERT of data that nothing keeps from being done twice. Pure.

The runner applies a script once for a release. The same text in another release, by hand, or for
another set of variables runs again.
"""

from __future__ import annotations

from collections.abc import Iterator

from migrations_runner.kinds import Node
from migrations_runner.linting.catalog import TEMPORARY, Table
from migrations_runner.linting.names.mending import mend_insert_key
from migrations_runner.linting.names.record import Write
from migrations_runner.linting.names.view import Found, Seen
from migrations_runner.linting.nodes import children, kind, strings

RULE = "insert-without-conflict-key"
_NEW_EACH_TIME = frozenset(
    {"clock_timestamp", "gen_random_uuid", "nextval", "now", "random", "statement_timestamp"}
    | {"uuid_generate_v1", "uuid_generate_v4", "uuidv4", "uuidv7"}
)
#: Column names that most likely are a key where no catalog says what is one.
_LIKELY_KEYS = frozenset({"code", "id", "key", "slug", "uuid"})
_WHY = (
    "A second run adds every row again. The ledger keeps one release from that, not another one,"
    " nor a hand at psql."
)
_SAFE = "ON CONFLICT (key) DO NOTHING on a unique key, or WHERE NOT EXISTS (…) on what the row is."


def insert_without_conflict_key(seen: Seen) -> Iterator[Found]:
    """INSERTs into tables that were there before, without ON CONFLICT or a guard."""
    for write in seen.walked.writes:
        if kind(write.node) == "InsertStmt" and not _is_guarded(seen, write):
            level = "warning" if write.table is not None else "advice"
            name = write.table.label if write.table else write.relation.relname
            message = f"Run twice, this adds every row to {name} twice."
            yield seen.found(
                RULE,
                level,
                write.relation.location,
                message,
                why=_WHY,
                safe_form=_SAFE,
                rewrite=mend_insert_key(seen, write),
            )


def _is_guarded(seen: Seen, write: Write) -> bool:
    table = write.table
    if write.node.HasField("on_conflict_clause") or _asks_first(write):
        return True
    if seen.view.is_variable(write.relation.location) or write.query.around is not None:
        return True
    if table is None:
        return write.relation.schemaname == TEMPORARY or bool(_LIKELY_KEYS & set(write.columns))
    if table.here or table.schema == TEMPORARY or table.kind == "view":
        return True
    return not table.columns_known or _key_stands_in_the_way(seen, write, table)


def _asks_first(write: Write) -> bool:
    """Does the statement look at its own table, or leave out what another has, before it adds?"""
    name = write.relation.relname
    return any(
        (kind(each) == "RangeVar" and each.relname == name and each is not write.relation)
        or (kind(each) == "SelectStmt" and each.op == 4)  # noqa: PLR2004  (EXCEPT)
        for each in _all(write.node)
    )


def _all(node: Node) -> Iterator[Node]:
    for child in children(node):
        yield child
        yield from _all(child)


def _key_stands_in_the_way(seen: Seen, write: Write, table: Table) -> bool:
    """A key of which every column gets the same value each time: a second run is refused."""
    fed = write.columns or table.names
    fresh = {
        feed.column for feed in seen.walked.feeds if feed.write is write and _is_new(feed.value)
    }
    return any(set(key) <= set(fed) - fresh for key in table.row_keys())


def _is_new(value: Node) -> bool:
    if kind(value) == "SetToDefault":
        return True
    called = [each for each in (value, *_all(value)) if kind(each) == "FuncCall"]
    return any(strings(each, "funcname")[-1] in _NEW_EACH_TIME for each in called)
