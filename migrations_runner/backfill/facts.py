"""What a proof needs to know of a target's catalog, as plain values. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from migrations_runner.backfill.walking import Name


@dataclass(frozen=True, slots=True)
class KeyColumn:
    """`type` is a name that a text can be cast to and back without a loss."""

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class Key:
    """A unique index over columns that are never null, in its order: rows can be walked by it."""

    name: str
    columns: tuple[KeyColumn, ...]
    primary: bool = False

    @property
    def names(self) -> frozenset[str]:
        return frozenset(column.name for column in self.columns)


@dataclass(frozen=True, slots=True)
class Trigger:
    """`events` are words of INSERT, UPDATE, DELETE."""

    name: str
    per_row: bool
    events: frozenset[str]


@dataclass(frozen=True, slots=True)
class Relation:
    """A table, view or partitioned table. `oids` are all tables that one sees rows of through it.

    For a table those are itself, its partitions or children, and its parents; for a view what it
    reads. `kind` is PostgreSQL's letter: r table, p partitioned, v view, m stored view, f foreign.
    """

    oid: int
    schema: str
    name: str
    kind: str = "r"
    oids: frozenset[int] = frozenset()
    keys: tuple[Key, ...] = ()
    triggers: tuple[Trigger, ...] = ()
    has_rules: bool = False
    has_children: bool = False
    #: Columns of unique or exclusion constraints that may wait for the end of a statement.
    checked_late: frozenset[str] = frozenset()
    #: Its columns that a foreign key of its own refers to.
    refers_to_itself: frozenset[str] = frozenset()
    #: Deleting a row may change other rows of the same table, by foreign keys.
    deletes_reach_back: bool = False
    #: Columns whose default asks for the time, or for a value that no two transactions share.
    timed_defaults: frozenset[str] = frozenset()
    estimate: int = 0


@dataclass(frozen=True, slots=True)
class Function:
    """All functions of one name together. `volatility` is the worst: i, s or v."""

    volatility: str
    builtin: bool
    aggregate: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """Of everything that statements name; what is missing does not exist."""

    relations: Mapping[Name, Relation] = field(default_factory=dict)
    functions: Mapping[Name, Function] = field(default_factory=dict)
    #: Operators that people made and that are not immutable.
    open_operators: frozenset[str] = frozenset()
