"""Indexes that are built, dropped or rebuilt while people write. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from migrations_runner.kinds import Node, enum_name
from migrations_runner.linting import sqltext
from migrations_runner.linting.context import Context
from migrations_runner.linting.findings import Hit
from migrations_runner.linting.nodes import kind, parts, strings

_REINDEX = re.compile(r"\b(INDEX|TABLE|SCHEMA|DATABASE)\b", re.IGNORECASE)
_MANY = 3
#: Versions whose concurrent builds could leave rows out of the index; 14.4 mended it.
_CORRUPTING = range(140_000, 140_004)


def create_blocks_writes(at: Context) -> Iterator[Hit]:
    node = at.node
    if node.concurrent or at.is_new(node.relation):
        return
    whole = at.is_partitioned(node.relation)
    rewrite = None if whole else at.written(node, _concurrently)
    message = f"Writes to {at.named(node.relation)} wait until this index is built."
    yield Hit(message, level=at.level(node.relation), rewrite=rewrite)


def _concurrently(node: Node) -> None:
    node.concurrent = True
    node.if_not_exists = False


def drop_blocks(at: Context) -> Iterator[Hit]:
    node = at.node
    if enum_name(node, "remove_type") != "OBJECT_INDEX" or node.concurrent:
        return
    names = [strings(each, "items") for each in parts(node, "objects")]
    if all(_is_of_new_table(at, each[-1]) for each in names):
        return
    exists = "IF EXISTS " if node.missing_ok else ""
    lines = [f"DROP INDEX CONCURRENTLY {exists}{sqltext.name(*each)};" for each in names]
    cascade = enum_name(node, "behavior") == "DROP_CASCADE"
    message = "Everybody who uses the table waits for this DROP INDEX, and it for them."
    yield Hit(message, rewrite=None if cascade else "\n".join(lines))


def _is_of_new_table(at: Context, index: str) -> bool:
    tables = at.catalog.tables.values()
    return any(table.here and any(i.name == index for i in table.indexes) for table in tables)


def reindex_blocks(at: Context) -> Iterator[Hit]:
    node = at.node
    if any(each.defname == "concurrently" for each in parts(node, "params")):
        return
    if node.HasField("relation") and at.is_new(node.relation):
        return
    system = enum_name(node, "kind") == "REINDEX_OBJECT_SYSTEM"
    rewrite = _REINDEX.sub(r"\1 CONCURRENTLY", at.seen.source, count=1) + ";"
    yield Hit(
        "Writes wait while this index is rebuilt, and so do reads that would use it.",
        rewrite=None if system else rewrite,
    )


def cluster_rewrites(at: Context) -> Iterator[Hit]:
    relation = at.node.relation if at.node.HasField("relation") else None
    if relation is None or not at.is_new(relation):
        yield Hit(
            "CLUSTER writes the table anew; nobody reads or writes it meanwhile.",
            level=at.level(relation) if relation is not None else None,
        )


def vacuum_full_rewrites(at: Context) -> Iterator[Hit]:
    if any(each.defname == "full" for each in parts(at.node, "options")):
        yield Hit("VACUUM FULL writes the table anew; nobody reads or writes it meanwhile.")


def concurrent_if_not_exists(at: Context) -> Iterator[Hit]:
    node = at.node
    if not (node.concurrent and node.if_not_exists) or _was_dropped(at, node.idxname):
        return
    names = (
        (node.relation.schemaname, node.idxname) if node.relation.schemaname else (node.idxname,)
    )
    drop = f"DROP INDEX CONCURRENTLY IF EXISTS {sqltext.name(*names)};\n"
    yield Hit(
        f"Where an earlier try failed, {node.idxname} is there but not valid, and this is content.",
        rewrite=drop + at.written(node, _concurrently),
    )


def _was_dropped(at: Context, index: str) -> bool:
    dropped = [
        strings(each, "items")[-1]
        for statement in at.before
        if kind(statement.node) == "DropStmt"
        and enum_name(statement.node, "remove_type") == "OBJECT_INDEX"
        for each in parts(statement.node, "objects")
    ]
    return index in dropped


def corrupting_version(at: Context) -> Iterator[Hit]:
    node = at.node
    concurrent = (
        node.concurrent
        if kind(node) == "IndexStmt"
        else any(each.defname == "concurrently" for each in parts(node, "params"))
    )
    if concurrent and at.catalog.server_version in _CORRUPTING:
        yield Hit("This server's version can leave rows out of an index built CONCURRENTLY.")


def wide(at: Context) -> Iterator[Hit]:
    count = len(at.node.index_params)
    if count > _MANY and not at.node.unique:
        yield Hit(f"An index on {count} columns is seldom used beyond the first few.")
