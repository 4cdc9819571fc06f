"""The questions in SQL: which rows of a child break a rule. Names and operators are qualified."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from psycopg import sql

from migrations_runner.safety.graph import Column, ForeignKey, Pair, Path, Table

#: So many keys are fetched of one rule's rows; where there are more, the number is a lower bound.
MOST_KEYS = 20_000

#: Given a column such as ``c.xmin``: was this row version written by us (or by those in question)?
Ours = Callable[[str], sql.Composable]


class Rule(Protocol):
    """Rows of `child` that break it have a key of their own, and other rows that take part."""

    @property
    def key(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def child(self) -> Table: ...
    @property
    def tables(self) -> frozenset[int]: ...
    @property
    def columns(self) -> frozenset[tuple[int, int, str]]:
        """(table, number, name) of every column that decides."""

    @property
    def learnt(self) -> bool:
        """Is it only a rule where most rows follow it?"""

    def source(self) -> sql.Composed:
        """FROM and its joins, the child as ``c``; rows without the links are left out."""

    def broken(self) -> sql.Composed: ...
    def aliases(self) -> tuple[str, ...]:
        """Whose rows take part, beginning with ``c``."""

    def words(self, rows: int, *, stands: bool = False) -> str:
        """For people: what would be, or `stands`."""


@dataclass(frozen=True, slots=True)
class TwoPaths:
    """Child and parent have to reach the same owner."""

    pair: Pair
    kind: str = "two-paths"
    learnt: bool = True

    @property
    def key(self) -> str:
        return self.pair.key

    @property
    def child(self) -> Table:
        return self.pair.child

    @property
    def tables(self) -> frozenset[int]:
        return self.pair.tables

    @property
    def columns(self) -> frozenset[tuple[int, int, str]]:
        hops = (*self.pair.one, *self.pair.other)
        return frozenset((h.child.oid, each.number, each.name) for h in hops for each in h.columns)

    def source(self) -> sql.Composed:
        joins = [*_joins(self.pair.one, "a"), *_joins(self.pair.other, "b")]
        return sql.SQL(" ").join([sql.SQL("{} c").format(_only(self.child)), *joins])

    def broken(self) -> sql.Composed:
        one, other = self.pair.one, self.pair.other
        equal = sql.SQL(" AND ").join(
            _equal(left, _end(one, "a"), right, _end(other, "b"))
            for left, right in zip(one[-1].columns, other[-1].columns, strict=True)
        )
        return sql.SQL("NOT ({})").format(equal)

    def aliases(self) -> tuple[str, ...]:
        between = [f"a{n}" for n in range(1, len(self.pair.one))]
        return ("c", *between, *(f"b{n}" for n in range(1, len(self.pair.other))))

    def words(self, rows: int, *, stands: bool = False) -> str:
        one, other = self.pair.one[-1].words, self.pair.other[-1].words
        owner = one_of(self.pair.owner.words)
        many = counted(rows, self.child.words)
        return (
            f"{many} {_verb('belong', rows, stands)} to another {owner}: {one} and {other} disagree"
        )


@dataclass(frozen=True, slots=True)
class Orphans:
    """A child's parent has to be there, although the server does not look."""

    link: ForeignKey
    kind: str = "orphans"
    learnt: bool = False

    @property
    def key(self) -> str:
        return f"orphans: {self.link.words} → {self.link.parent.words}"[:300]

    @property
    def child(self) -> Table:
        return self.link.child

    @property
    def tables(self) -> frozenset[int]:
        return frozenset({self.link.child.oid, self.link.parent.oid})

    @property
    def columns(self) -> frozenset[tuple[int, int, str]]:
        return frozenset((self.child.oid, each.number, each.name) for each in self.link.columns)

    def source(self) -> sql.Composed:
        return sql.SQL("{} c").format(_only(self.child))

    def broken(self) -> sql.Composed:
        there = sql.SQL(" AND ").join(
            sql.SQL("{} IS NOT NULL").format(sql.Identifier("c", each.name))
            for each in self.link.columns
        )
        return sql.SQL("({} AND NOT EXISTS (SELECT FROM {} p WHERE {}))").format(
            there, _only(self.link.parent), _points(self.link, "c", "p")
        )

    def aliases(self) -> tuple[str, ...]:
        return ("c",)

    def words(self, rows: int, *, stands: bool = False) -> str:
        parent = one_of(self.link.parent.words)
        many, verb = counted(rows, self.child.words), _verb("point", rows, stands)
        return f"{many} {verb} at no {parent}: {self.link.words}"


def broken_keys(
    rule: Rule,
    *,
    touched: Ours | None = None,
    others: Ours | None = None,
    among: list[str] | None = None,
) -> sql.Composed:
    """The keys (JSON texts) of rows that break a rule, of all or `among` these keys.

    With `touched`, rows in which nothing that takes part is ours are left out; with `others`, those
    in which something that takes part is of others, written since the script began.
    """
    ours: sql.Composable = sql.SQL("true")
    if touched is not None:
        ours = _any(rule, touched)
    if others is not None:
        ours = sql.SQL("({}) AND NOT ({})").format(ours, _any(rule, others))
    only = sql.SQL("" if among is None else " AND key = ANY ({}::text[])").format(among or [])
    # OFFSET 0: who wrote a row is asked of the few that break the rule, not of all.
    return sql.SQL(
        "SELECT key FROM (SELECT {key} AS key, ({ours}) AS ours FROM {source} WHERE {broken}"
        " OFFSET 0) AS w WHERE ours{among} ORDER BY key LIMIT {most}"
    ).format(
        key=_key(rule.child),
        ours=ours,
        source=rule.source(),
        broken=rule.broken(),
        among=only,
        most=sql.Literal(MOST_KEYS),
    )


def _any(rule: Rule, which: Ours) -> sql.Composed:
    return sql.SQL(" OR ").join(which(f"{alias}.xmin") for alias in rule.aliases())


def totals(rule: Rule, *, others: Ours | None = None) -> sql.Composed:
    """How many rows break a rule, and how many could have; without those that `others` wrote."""
    theirs = sql.SQL("false") if others is None else _any(rule, others)
    return sql.SQL("SELECT count(*) FILTER (WHERE {}), count(*) FROM {} WHERE NOT ({})").format(
        rule.broken(), rule.source(), theirs
    )


def counted(rows: int, table: str) -> str:
    """A number of rows by the name of their table.

    >>> counted(1, "universes"), counted(5, "books"), counted(2, "stock")
    ('1 universe', '5 books', '2 rows of stock')
    """
    if one_of(table) == table:
        return f"{rows:,} row{'' if rows == 1 else 's'} of {table}"
    return f"{rows:,} {table if rows != 1 else one_of(table)}"


def one_of(table: str) -> str:
    """A table's name in the singular, if it has one.

    >>> one_of("accounts"), one_of("categories"), one_of("stock"), one_of("address")
    ('account', 'category', 'stock', 'address')
    """
    if table.endswith("ies"):
        return f"{table[:-3]}y"
    return table[:-1] if table.endswith("s") and not table.endswith("ss") else table


def _verb(verb: str, rows: int, stands: bool) -> str:  # noqa: FBT001  (one caller's own flag)
    now = f"{verb}s" if rows == 1 else verb
    return now if stands else f"would {verb}"


def _joins(path: Path, prefix: str) -> list[sql.Composed]:
    """Every table of a path but the child, who is there, and the owner, who need not be."""
    return [
        sql.SQL("JOIN {} {} ON {}").format(
            _only(hop.parent),
            sql.Identifier(f"{prefix}{place}"),
            _points(hop, "c" if place == 1 else f"{prefix}{place - 1}", f"{prefix}{place}"),
        )
        for place, hop in enumerate(path[:-1], start=1)
    ]


def _end(path: Path, prefix: str) -> str:
    return "c" if len(path) == 1 else f"{prefix}{len(path) - 1}"


def _points(link: ForeignKey, child: str, parent: str) -> sql.Composed:
    return sql.SQL(" AND ").join(
        sql.SQL("{} {} {}").format(
            sql.Identifier(parent, each.parent),
            _operator(each.points),
            sql.Identifier(child, each.name),
        )
        for each in link.columns
    )


def _equal(left: Column, one: str, right: Column, other: str) -> sql.Composed:
    operator = left.same if left.type == right.type else ("pg_catalog", "=")
    return sql.SQL("{} {} {}").format(
        sql.Identifier(one, left.name), _operator(operator), sql.Identifier(other, right.name)
    )


def _operator(name: tuple[str, str]) -> sql.Composed:
    """An operator's name has no quotes and no letters."""
    return sql.SQL("OPERATOR({}.{})").format(sql.Identifier(name[0]), sql.SQL(name[1]))


def _only(table: Table) -> sql.Composed:
    """Foreign keys do not speak of tables that inherit, but do of partitions."""
    only = sql.SQL("" if table.partitioned else "ONLY ")
    return sql.SQL("{}{}").format(only, sql.Identifier(table.schema, table.name))


def _key(table: Table) -> sql.Composed:
    columns = [sql.SQL("{}::text").format(sql.Identifier("c", name)) for name in table.key]
    place = [sql.SQL("c.tableoid::text"), sql.SQL("c.ctid::text")]
    return sql.SQL("json_build_array({})::text").format(sql.SQL(", ").join(columns or place))
