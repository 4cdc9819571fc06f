"""One statement of a script with all that a rule may ask about it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from migrations_runner.kinds import Node, enum_name
from migrations_runner.linting import sqltext
from migrations_runner.linting.catalog import TEMPORARY, Catalog, Table
from migrations_runner.linting.findings import Level
from migrations_runner.linting.names.view import Seen
from migrations_runner.linting.nodes import kind, parts
from migrations_runner.parsing import deparse
from migrations_runner.script import Script, Statement

#: Fewer rows than this are scanned or rewritten before anybody notices.
SMALL = 1_000
#: From here on one statement holds its row locks for many seconds.
LARGE = 100_000


@dataclass(frozen=True)
class Context:
    """`seen.catalog` stands as it is before the statement, `final` as it is after the script."""

    seen: Seen
    script: Script
    final: Catalog

    @property
    def node(self) -> Node:
        return self.seen.node

    @property
    def catalog(self) -> Catalog:
        return self.seen.catalog

    @property
    def statement(self) -> Statement:
        return self.seen.statement

    @property
    def together(self) -> bool:
        """Does the runner send the whole script as one transaction?"""
        return self.script.transactional

    @property
    def before(self) -> tuple[Statement, ...]:
        return self.script.statements[: self.statement.index]

    @property
    def following(self) -> tuple[Statement, ...]:
        return self.script.statements[self.statement.index + 1 :]

    @property
    def server(self) -> int:
        """The server's version as a number, such as 140003; 180000 where it is not known."""
        return self.catalog.server_version or 180_000

    def table(self, relation: Node) -> Table | None:
        """What is known of a table; None without a catalog, and of a table that is not there."""
        return self.catalog.find(relation.relname, relation.schemaname)

    def is_new(self, relation: Node) -> bool:
        """Made by this script or temporary: nobody waits for its locks, and it is empty or ours."""
        table = self.table(relation)
        if table is not None:
            return table.here or table.schema == TEMPORARY
        return bool(relation.schemaname == TEMPORARY)

    def is_partitioned(self, relation: Node) -> bool:
        table = self.table(relation)
        return table is not None and table.kind == "partitioned"

    def level(self, relation: Node, usual: Level = "warning") -> Level:
        """On a table that is known to be small it is advice at most."""
        rows = self.rows(relation)
        return "advice" if rows is not None and rows < SMALL else usual

    def rows(self, relation: Node) -> int | None:
        table = self.table(relation)
        return table.rows if table is not None else None

    def named(self, relation: Node) -> str:
        """The table in words; says how many rows, or that this is about one that exists."""
        rows = self.rows(relation)
        if rows is None:
            return f"the existing table {relation.relname}"
        return f"{relation.relname} (about {rows:,} rows)"

    def written(self, node: Node, change: Callable[[Node], object]) -> str:
        """The statement as SQL after `change` worked on a copy of its node."""
        copy = type(node)()
        copy.CopyFrom(node)
        change(copy)
        return self.put_back(deparse(copy)) + ";"

    def put_back(self, sql: str) -> str:
        return sqltext.with_variables(sql, self.seen.variables)

    def commands(self) -> Iterator[tuple[str, Node]]:
        """The parts of an ALTER TABLE by name, such as ``AT_AddColumn``."""
        yield from commands(self.node)


def commands(node: Node) -> Iterator[tuple[str, Node]]:
    """The parts of an ALTER TABLE by name; nothing of another statement."""
    if kind(node) == "AlterTableStmt" and enum_name(node, "objtype") == "OBJECT_TABLE":
        for command in parts(node, "cmds"):
            yield enum_name(command, "subtype"), command


def same_table(one: Node, other: Node) -> bool:
    """Two RangeVars by their names; a schema that is not written matches any."""
    return bool(
        one.relname == other.relname
        and (one.schemaname == other.schemaname or not (one.schemaname and other.schemaname))
    )


def table_name(relation: Node) -> str:
    """The table as SQL names it."""
    written = (
        (relation.schemaname, relation.relname) if relation.schemaname else (relation.relname,)
    )
    return sqltext.name(*written)
