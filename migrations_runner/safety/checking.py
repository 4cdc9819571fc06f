"""One rule, asked of a script's open transaction and of what is committed.

A row counts against a script when it breaks the rule as the script sees it, a row that takes part
is the script's, and the committed version of it, looked at afterwards, breaks nothing; and when
all that is so at a second look, with nothing in it that others committed since the script began.
So what others commit meanwhile explains itself.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from psycopg import sql

from migrations_runner.ledger import Connection
from migrations_runner.safety.budget import Budget, CannotTell, ask
from migrations_runner.safety.rules import MOST_KEYS, Ours, Rule, broken_keys, totals
from migrations_runner.work import RunAtWork

#: Fewer rows that differ are a mistake, and prove no habit.
FEW = 5

_COLUMNS = """
SELECT a.attrelid::bigint, a.attnum, a.attname
FROM pg_attribute a WHERE a.attrelid = ANY (%s::bigint[]::oid[]) AND NOT a.attisdropped
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """`keys` are those of rows that newly break the rule; `unsure` says why there is no answer."""

    rule: Rule
    keys: tuple[str, ...] = field(default=(), repr=False)
    unsure: str = ""
    milliseconds: float = 0.0

    @property
    def words(self) -> str:
        if self.unsure:
            return f"Cannot tell: {self.unsure} ({self.rule.key})."
        least = "at least " if len(self.keys) >= MOST_KEYS else ""
        return f"{least}{self.rule.words(len(self.keys))}."


@dataclass(frozen=True, slots=True)
class Sessions:
    """The script's session, within its transaction, and one that sees only what is committed."""

    run: RunAtWork
    ours: Connection
    theirs: Connection
    budget: Budget
    touched: Ours
    earlier: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By rule, the keys that broke it before a script that keeps a table to itself began."""
    others: Ours | None = None
    """Which row versions others committed since the script began; None where nobody asked then."""


def check(sessions: Sessions, rule: Rule) -> Answer:
    began = time.perf_counter()
    unsure = ""
    keys: tuple[str, ...] = ()
    try:
        keys = tuple(_new(sessions, rule))
    except CannotTell as reason:
        unsure = str(reason)
    return Answer(rule, keys, unsure, (time.perf_counter() - began) * 1000)


def _new(sessions: Sessions, rule: Rule) -> Iterable[str]:
    found = _ours(sessions, rule, among=None)
    if not found:
        return ()
    # What the rule speaks of may have been made by this script: nothing broke it before then.
    fresh = _fresh(sessions, rule, found) if _committed_knows(sessions, rule) else found
    if not fresh:
        return ()
    again = _ours(sessions, rule, among=fresh)
    if not again:
        raise CannotTell("live writes changed the same rows, or what they point at, meanwhile")
    return again


def _fresh(sessions: Sessions, rule: Rule, found: list[str]) -> list[str]:
    """Those of the rows that did not break the rule before. Raises CannotTell."""
    if not rule.child.key:
        raise CannotTell("rows break it, but have no primary key to compare them by")
    if _isolation(sessions) != "read committed":
        raise CannotTell("live writes; the script looks at an older state of the database")
    earlier = sessions.earlier.get(rule.key)
    before = set(_theirs(sessions, rule, found)) if earlier is None else earlier
    if len(before) == len(found) == MOST_KEYS:
        raise CannotTell("too many rows break it already")
    fresh = [key for key in found if key not in before]
    if fresh and earlier is None:
        _refuse_what_is_no_rule(sessions, rule)
    return fresh


def _ours(sessions: Sessions, rule: Rule, *, among: list[str] | None) -> list[str]:
    # A parent that is gone can't be asked who removed it.
    touched = sessions.touched if rule.learnt else None
    others = None if among is None else sessions.others
    question = broken_keys(rule, touched=touched, others=others, among=among)
    rows = ask(sessions.ours, sessions.budget, question, run=sessions.run)
    return [str(row[0]) for row in rows]


def _theirs(sessions: Sessions, rule: Rule, keys: list[str]) -> list[str]:
    question = broken_keys(rule, among=keys)
    return [str(row[0]) for row in ask(sessions.theirs, sessions.budget, question)]


def _committed_knows(sessions: Sessions, rule: Rule) -> bool:
    """Does all that the rule speaks of stand committed? Raises CannotTell if under other names."""
    asked = [sorted(rule.tables)]
    rows = ask(sessions.theirs, sessions.budget, sql.SQL(_COLUMNS), [*asked])
    names = {(int(str(oid)), int(str(number))): str(name) for oid, number, name in rows}
    if any((oid, number) not in names for oid, number, _ in rule.columns):
        return False
    if any(names[oid, number] != name for oid, number, name in rule.columns):
        raise CannotTell("the script gives other names to what it would be compared by")
    return True


def _isolation(sessions: Sessions) -> str:
    question = sql.SQL("SELECT current_setting('transaction_isolation')")
    return str(ask(sessions.ours, sessions.budget, question, run=sessions.run)[0][0])


def _refuse_what_is_no_rule(sessions: Sessions, rule: Rule) -> None:
    """Where most committed rows differ (a comment's author and the book's), nobody meant it so."""
    if not rule.learnt:
        return
    question = totals(rule, others=sessions.others)
    broken, rows = (int(str(n)) for n in ask(sessions.theirs, sessions.budget, question)[0])
    if broken >= FEW and 2 * broken > rows:
        raise CannotTell(f"{broken} of {rows} committed rows differ too: no rule here")
