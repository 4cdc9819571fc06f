"""What a walk over a statement writes down, for rules to read. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from migrations_runner.kinds import Node
from migrations_runner.linting.catalog import Table
from migrations_runner.linting.names.scopes import Field, Scope, Source


@dataclass(slots=True, eq=False)
class Query:
    """One SELECT, or the part of another statement that has a FROM clause of its own."""

    node: Node
    scope: Scope
    around: Query | None = None
    #: Where in the query around it stands: ``where``, ``set``, ``from`` …
    clause: str = ""
    #: The subquery expression that holds it, if one does.
    sublink: Sublink | None = None

    @property
    def reads_tables(self) -> bool:
        return any(source.is_relation for source in self.scope.sources)


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """One use of a column's name, and what it means.

    `verdict` is found, unsure, whole-row, no-column or no-relation. `merged`: several FROM items
    have the column (JOIN USING), so it is none of them alone.
    """

    node: Node
    names: tuple[str, ...]
    query: Query
    clause: str
    verdict: str
    source: Source | None = None
    field: Field | None = None
    scope: Scope | None = None
    merged: bool = False

    @property
    def location(self) -> int:
        return int(self.node.location)

    @property
    def is_outer(self) -> bool:
        """Found, but not in the query that it stands in."""
        return self.verdict == "found" and self.scope is not self.query.scope

    def is_same_as(self, other: Reference) -> bool:
        """Both name the very same column of the same row, whatever the catalog says."""
        return (
            self.verdict == other.verdict == "found"
            and not (self.merged or other.merged)
            and self.source is other.source
            and self.names[-1] == other.names[-1]
        )


@dataclass(frozen=True, slots=True, eq=False)
class Sublink:
    """A query used as an expression: ``(SELECT …)``, ``IN (SELECT …)``, ``EXISTS (…)``."""

    node: Node
    select: Node
    inside: Query
    clause: str


@dataclass(frozen=True, slots=True, eq=False)
class Write:
    """An INSERT, UPDATE, DELETE or MERGE; `table` is None where it is not known."""

    node: Node
    table: Table | None
    relation: Node
    columns: tuple[str, ...]
    query: Query


@dataclass(frozen=True, slots=True, eq=False)
class Feed:
    """An expression whose value becomes a column of a written row."""

    write: Write
    column: str
    value: Node
    query: Query


@dataclass(slots=True)
class Walked:
    """All that was found in one statement."""

    references: list[Reference] = field(default_factory=list)
    queries: list[Query] = field(default_factory=list)
    sublinks: list[Sublink] = field(default_factory=list)
    #: Every operator expression, with the query it stands in and the clause.
    operators: list[tuple[Node, Query, str]] = field(default_factory=list)
    #: ColumnRefs that stand in for a variable, and casts with the name right inside.
    variables: list[Node] = field(default_factory=list)
    casts: list[tuple[Node, Node]] = field(default_factory=list)
    writes: list[Write] = field(default_factory=list)
    feeds: list[Feed] = field(default_factory=list)
    #: RangeVars of tables that are not there; names of columns a write names and its table lacks.
    missing_tables: list[Node] = field(default_factory=list)
    missing_targets: list[tuple[Node, Table]] = field(default_factory=list)

    def reference(self, node: Node) -> Reference | None:
        """What was found out about a ColumnRef of this statement."""
        return next((each for each in self.references if each.location == node.location), None)

    def query(self, select: Node) -> Query | None:
        return next((each for each in self.queries if each.node is select), None)
