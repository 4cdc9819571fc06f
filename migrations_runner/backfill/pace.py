"""How many rows a batch takes: so many that it lasts half of the stall budget. Pure.

The idea is that of GitLab's batch optimizer, brought from minutes down to milliseconds: the next
size follows from how long the last batch took, in bounded steps. A batch that failed is halved, and
from then on its rows are searched by halves until the bad one stands alone.
"""

from __future__ import annotations

from dataclasses import dataclass

FIRST_ROWS = 500
MOST_ROWS = 500_000
_SHARE = 0.5
_GROWS, _SHRINKS = 2.0, 0.25
_LEAST_PRESSURE = 0.25


@dataclass
class Pace:
    """`budget` is in seconds. `pressure` is 1 while nobody waits for us, and less after that."""

    budget: float
    rows: int = FIRST_ROWS
    pressure: float = 1.0
    #: While a bad row is searched: how many of the next rows are known to hold it.
    suspects: int = 0

    @property
    def goal(self) -> float:
        """How long a batch should last, in seconds."""
        return self.budget * _SHARE * self.pressure

    @property
    def limit(self) -> float:
        """After how many seconds a batch is given up and halved: others may wait for all of it."""
        return self.budget * 0.9

    @property
    def take(self) -> int:
        """How many rows the next batch takes."""
        return max(1, self.suspects // 2) if self.suspects else self.rows

    def went_well(self, seen: int, seconds: float) -> None:
        """A batch of `seen` rows was committed after so many seconds.

        >>> pace = Pace(budget=0.2)
        >>> pace.went_well(500, 0.05)
        >>> pace.rows
        1000
        """
        if self.suspects:
            self.suspects = max(0, self.suspects - seen)
            return
        factor = min(_GROWS, max(_SHRINKS, self.goal / max(seconds, 1e-6)))
        grown = int(max(seen, 1) * factor)
        # The last batch of a part may be small for want of rows, which says nothing.
        self.rows = min(MOST_ROWS, max(1, grown if seen >= self.rows // 2 else self.rows))

    def was_too_much(self) -> None:
        """A batch took too long, or waited for a lock that it did not get."""
        self.rows = max(1, self.take // 2)
        self.suspects = 0

    def holds_a_bad_row(self, seen: int) -> bool:
        """A batch failed for what its rows hold; True when it was a single row.

        >>> pace = Pace(budget=0.2, rows=8)
        >>> pace.holds_a_bad_row(8), pace.take
        (False, 4)
        """
        self.suspects = 0 if seen <= 1 else seen
        return seen <= 1

    def others_wait(self, *, waiting: bool) -> None:
        """Sessions wait for us: shorter batches for a while."""
        changed = self.pressure * (0.7 if waiting else 1.15)
        self.pressure = min(1.0, max(_LEAST_PRESSURE, changed))
