"""The same rules asked of whole tables, outside any run: how many committed rows break each.

A table of many blocks is read in windows of whole blocks, one a look, so that each look is short
and every row has its turn. A window always begins at a multiple of its size: what was counted there
the last time can be compared.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg
from psycopg import sql

from migrations_runner.ledger import Connection
from migrations_runner.safety import facts
from migrations_runner.safety.budget import Budget, CannotTell, aside, ask
from migrations_runner.safety.graph import pairs
from migrations_runner.safety.rules import Orphans, Rule, TwoPaths

#: A child table with more blocks is read in windows of so many (64 MB).
WINDOW = 8_192
SAMPLES = 5

_BLOCKS = """
SELECT max(pg_relation_size(p.relid) / current_setting('block_size')::bigint)::bigint
FROM (SELECT %s::bigint::oid::regclass AS relid
      UNION SELECT relid FROM pg_partition_tree(%s::bigint::oid)) AS p
"""


@dataclass(frozen=True, slots=True)
class Window:
    """Blocks `first` to `first + WINDOW`, of `blocks`; all of the table where that is no more."""

    first: int
    blocks: int

    @property
    def whole(self) -> bool:
        return self.blocks <= WINDOW

    @property
    def following(self) -> int:
        """Where the next look begins; behind the last window it is the first again."""
        after = self.first + WINDOW
        return after if after < self.blocks else 0

    @property
    def words(self) -> str:
        """Which part of the table it is; empty where it is all of it.

        >>> Window(0, 12).words, Window(8192, 10_000).words
        ('', 'blocks 8,192 to 9,999 of 10,000')
        """
        last = min(self.first + WINDOW, self.blocks) - 1
        return "" if self.whole else f"blocks {self.first:,} to {last:,} of {self.blocks:,}"


@dataclass(frozen=True, slots=True)
class Count:
    """`broken` of `rows` rows break a rule in a window; `unsure` says why nobody knows."""

    rule: Rule
    window: Window = Window(0, 0)
    broken: int = 0
    rows: int = 0
    unsure: str = ""
    keys: tuple[str, ...] = field(default=(), repr=False)

    @property
    def key(self) -> str:
        """Of what is compared with the last time: rule and window. Stable."""
        return place_key(self.rule.key, self.window)


def place_key(rule_key: str, window: Window) -> str:
    return rule_key if window.whole else f"{rule_key[:280]} @{window.first}"


@contextmanager
def looking(connection: Connection) -> Iterator[None]:
    """One state of the database, only to read, and left as it was."""
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    connection.read_only = True
    with aside(connection):
        yield


def rules(connection: Connection, budget: Budget) -> tuple[Rule, ...]:
    """Every rule that the foreign keys give. Raises CannotTell."""
    budget.limit(connection)
    try:
        with connection.transaction():
            keys = facts.read(connection)
    except psycopg.errors.QueryCanceled:
        raise CannotTell("the time for checks was used up") from None
    loose = tuple(Orphans(key) for key in keys if not key.held)
    return (*(TwoPaths(pair) for pair in pairs(keys)), *loose)


def count(connection: Connection, budget: Budget, rule: Rule, *, begin: int) -> Count:
    """Count the rows that break a rule, from block `begin` on where the table is large."""
    window = Window(0, 0)
    try:
        window = _window(connection, budget, rule, begin)
        source = sql.SQL("{} WHERE {}").format(rule.source(), _within(window))
        question = sql.SQL("SELECT count(*) FILTER (WHERE {}), count(*) FROM {}")
        row = ask(connection, budget, question.format(rule.broken(), source))[0]
        broken, rows = int(str(row[0])), int(str(row[1]))
        keys = _keys(connection, budget, rule, source) if broken else ()
    except CannotTell as reason:
        return Count(rule, window, unsure=str(reason))
    return Count(rule, window, broken, rows, keys=keys)


def _keys(
    connection: Connection, budget: Budget, rule: Rule, source: sql.Composed
) -> tuple[str, ...]:
    if not rule.child.key:
        return ()
    columns = [sql.SQL("{}::text").format(sql.Identifier("c", name)) for name in rule.child.key]
    question = sql.SQL("SELECT json_build_array({})::text FROM {} AND {} LIMIT {}").format(
        sql.SQL(", ").join(columns), source, rule.broken(), sql.Literal(SAMPLES)
    )
    return tuple(str(row[0]) for row in ask(connection, budget, question))


def _window(connection: Connection, budget: Budget, rule: Rule, begin: int) -> Window:
    asked: list[object] = [rule.child.oid, rule.child.oid]
    blocks = int(str(ask(connection, budget, sql.SQL(_BLOCKS), asked)[0][0] or 0))
    if blocks <= WINDOW or begin >= blocks:
        return Window(0, blocks)
    return Window(begin - begin % WINDOW, blocks)


def _within(window: Window) -> sql.Composable:
    if window.whole:
        return sql.SQL("true")
    return sql.SQL("c.ctid >= {}::tid AND c.ctid < {}::tid").format(
        sql.Literal(f"({window.first},0)"), sql.Literal(f"({window.first + WINDOW},0)")
    )
