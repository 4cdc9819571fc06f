"""Who was locked out of what and for how long, as plain values and in words. Pure.

A lock that a transaction takes lives to its end; one taken outside a transaction lives as long as
its statement, at most.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

#: From the weakest to the strongest, and whom each keeps waiting.
WAITS = {
    "AccessShareLock": "",
    "RowShareLock": "",
    "RowExclusiveLock": "",
    "ShareUpdateExclusiveLock": "",
    "ShareLock": "writers",
    "ShareRowExclusiveLock": "writers",
    "ExclusiveLock": "writers",
    "AccessExclusiveLock": "readers and writers",
}
_STRENGTH = {mode: place for place, mode in enumerate(WAITS)}
_NAMES = {
    "AccessShareLock": "ACCESS SHARE",
    "RowShareLock": "ROW SHARE",
    "RowExclusiveLock": "ROW EXCLUSIVE",
    "ShareUpdateExclusiveLock": "SHARE UPDATE EXCLUSIVE",
    "ShareLock": "SHARE",
    "ShareRowExclusiveLock": "SHARE ROW EXCLUSIVE",
    "ExclusiveLock": "EXCLUSIVE",
    "AccessExclusiveLock": "ACCESS EXCLUSIVE",
}


@dataclass(frozen=True, slots=True)
class Done:
    """A statement as it was rehearsed; times in milliseconds since its transaction began."""

    line: int
    began: float
    milliseconds: float
    locks: Sequence[Sequence[str]] = ()
    rewrites: Sequence[str] = ()
    scans: Sequence[Sequence[str | int]] = ()


@dataclass(frozen=True, slots=True)
class Bar:
    """A lock of one table, from and to in milliseconds; `line` took it."""

    table: str
    mode: str
    begin: float
    end: float
    line: int

    @property
    def milliseconds(self) -> float:
        return self.end - self.begin

    @property
    def name(self) -> str:
        """As PostgreSQL's documentation writes it."""
        return _NAMES.get(self.mode, self.mode)

    @property
    def waits(self) -> str:
        """Who has to wait for it: '', writers, or readers and writers."""
        return WAITS.get(self.mode, "readers and writers")


def bars(statements: Sequence[Done], *, transactional: bool) -> list[Bar]:
    """The locks of one script, by table, then as they were taken.

    >>> one = Done(1, 0.0, 5.0, locks=[["public.t", "AccessExclusiveLock"]])
    >>> two = Done(2, 5.0, 20.0)
    >>> [(bar.table, bar.name, bar.begin, bar.end) for bar in bars([one, two], transactional=True)]
    [('public.t', 'ACCESS EXCLUSIVE', 0.0, 25.0)]
    >>> bars([one, two], transactional=False)[0].end
    5.0
    """
    last = max((one.began + one.milliseconds for one in statements), default=0.0)
    found = [
        Bar(
            table,
            mode,
            one.began,
            last if transactional else one.began + one.milliseconds,
            one.line,
        )
        for one in statements
        for table, mode in one.locks
    ]
    return sorted(found, key=lambda bar: (bar.table, bar.begin, _STRENGTH.get(bar.mode, 9)))


def warnings(
    name: str,
    statements: Sequence[Done],
    *,
    transactional: bool,
    budget: float,
    is_new: Iterable[str] = (),
) -> list[str]:
    """What an approver should know of a script, in words; `budget` is the stall budget in ms.

    Tables in `is_new` were made by the batch itself: nobody waits for them.

    >>> slow = Done(3, 0.0, 1200.0, [["projects", "AccessExclusiveLock"]], ["projects"])
    >>> for line in warnings("2.sql", [slow], transactional=True, budget=200):
    ...     print(line)
    2.sql, line 3: ACCESS EXCLUSIVE on projects for 1.2 s: readers and writers wait longer than \
the stall budget of 200 ms.
    2.sql, line 3: writes projects anew.
    """
    new = set(is_new)
    worst: dict[str, Bar] = {}
    for bar in bars(statements, transactional=transactional):
        known = worst.get(bar.table)
        too_long = bar.waits and bar.milliseconds > budget and bar.table not in new
        if too_long and (known is None or _STRENGTH[bar.mode] > _STRENGTH[known.mode]):
            worst[bar.table] = bar
    told = [
        f"{name}, line {bar.line}: {bar.name} on {bar.table} for {_long(bar.milliseconds)}:"
        f" {bar.waits} wait longer than the stall budget of {budget:g} ms."
        for bar in worst.values()
    ]
    for one in statements:
        written = [table for table in one.rewrites if table not in new]
        if written:
            told.append(f"{name}, line {one.line}: writes {', '.join(written)} anew.")
    return told


def _long(milliseconds: float) -> str:
    """A time in words.

    >>> _long(1234.5), _long(12.3)
    ('1.2 s', '12 ms')
    """
    return f"{milliseconds / 1000:.1f} s" if milliseconds >= 1000 else f"{milliseconds:.0f} ms"  # noqa: PLR2004
