"""The foreign keys of a database, and which of them have to agree with each other. Pure.

A child that reaches the same owner by two paths (``projects.user_id`` → accounts, and
``projects.universe_id`` → universes, ``universes.account_id`` → accounts) belongs to two owners as
soon as the paths disagree. Two direct foreign keys to one table (sender and receiver) may differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations

MOST_HOPS = 3
#: Of one child table, the shortest first: beyond this, longer paths say little that is new.
MOST_PAIRS = 12


@dataclass(frozen=True, slots=True)
class Table:
    """`key` holds the primary key's columns; empty where there is none."""

    oid: int
    schema: str
    name: str
    partitioned: bool = False
    key: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        return self.name if self.schema == "public" else f"{self.schema}.{self.name}"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a foreign key, the one it points at, and the operators that compare them.

    An operator is (schema, name): `points` is parent = child, `same` is child = child.
    """

    number: int
    name: str
    type: int
    parent: str
    points: tuple[str, str]
    same: tuple[str, str]


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """`columns` are sorted by the parent's column, so that two keys to one owner line up.

    `held` is False where the server does not hold rows to it: not valid, not enforced, disabled.
    """

    oid: int
    name: str
    child: Table
    parent: Table
    columns: tuple[Column, ...]
    held: bool = True
    required: bool = False
    """No column of it may be NULL."""

    @property
    def points_at(self) -> tuple[int, tuple[str, ...]]:
        return self.parent.oid, tuple(column.parent for column in self.columns)

    @property
    def words(self) -> str:
        return ", ".join(f"{self.child.words}.{column.name}" for column in self.columns)


Path = tuple[ForeignKey, ...]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two paths from one child to one owner. `one` is the shorter."""

    one: Path
    other: Path

    @property
    def child(self) -> Table:
        return self.one[0].child

    @property
    def owner(self) -> Table:
        return self.one[-1].parent

    @property
    def tables(self) -> frozenset[int]:
        """The tables whose rows decide: the child and those between, not the owner."""
        return frozenset(hop.child.oid for hop in (*self.one, *self.other))

    @property
    def key(self) -> str:
        """Stable over runs: names, not oids."""
        paths = (">".join(hop.words for hop in path) for path in (self.one, self.other))
        return f"two paths to {self.owner.words}: {' | '.join(paths)}"[:300]


def pairs(keys: Iterable[ForeignKey], *, most_hops: int = MOST_HOPS) -> tuple[Pair, ...]:
    """Every two paths that have to agree, child by child."""
    by_child: dict[int, list[ForeignKey]] = {}
    for key in sorted(keys, key=lambda each: (each.child.words, each.words, each.oid)):
        by_child.setdefault(key.child.oid, []).append(key)
    found: list[Pair] = []
    for child in by_child:
        ends: dict[tuple[int, tuple[str, ...]], list[Path]] = {}
        for path in _paths(by_child, child, (), most_hops):
            ends.setdefault(path[-1].points_at, []).append(path)
        of_child = [pair for paths in ends.values() for pair in _to_one_owner(paths)]
        found += sorted(of_child, key=lambda pair: len(pair.one) + len(pair.other))[:MOST_PAIRS]
    return tuple(found)


def _paths(
    by_child: dict[int, list[ForeignKey]], table: int, before: Path, most: int
) -> Iterator[Path]:
    """No path meets a table twice: a comment's owner need not be that of the one it answers."""
    met = {hop.child.oid for hop in before} | {table}
    for key in by_child.get(table, []):
        if key.parent.oid in met:
            continue
        path = (*before, key)
        yield path
        if len(path) < most:
            yield from _paths(by_child, key.parent.oid, path, most)


def _to_one_owner(paths: list[Path]) -> Iterator[Pair]:
    paths = sorted(paths, key=len)
    first = paths[0]
    # What agrees with a path that is always there agrees with whatever else does.
    star = len(first) == 1 and first[0].required
    for one, other in combinations(paths, 2):
        apart = one[0].oid != other[0].oid and len(other) > 1
        if apart and (one is first or not star):
            yield Pair(one, other)
