"""A rehearsal as its page shows it: each script's statements, and its locks as a picture.

The picture is drawn in thousandths of the script's time, so it needs no unit and no script.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from migrations_runner.models import Rehearsal, RehearsedStatement
from migrations_runner.rehearsal import telling
from migrations_runner.rehearsal.timeline import Bar

_ROW = 22
_WIDTH = 1000
_THINNEST = 3
_MOST_BARS = 60
_STRONG = {"readers and writers": "bad", "writers": "warn"}


@dataclass(frozen=True)
class Drawn:
    """One lock in the picture: its place, and its words."""

    bar: Bar
    x: float
    width: float
    y: int
    tone: str
    first: bool


@dataclass(frozen=True)
class Script:
    """One rehearsed script."""

    told: telling.Told
    rows: list[RehearsedStatement]
    drawn: list[Drawn]
    hidden: int

    @property
    def height(self) -> int:
        return max((one.y for one in self.drawn), default=0) + _ROW

    @property
    def name(self) -> str:
        return self.told.name


@dataclass(frozen=True)
class Page:
    """A rehearsal with what an approver should know of it first."""

    rehearsal: Rehearsal
    warnings: list[str]
    scripts: list[Script]


def show(rehearsal: Rehearsal) -> Page:
    """Read a rehearsal; it comes with its run, target and environment."""
    rows = {
        script.name: list(script.statements.all())
        for script in rehearsal.scripts.prefetch_related("statements")
    }
    told = telling.scripts(rehearsal)
    return Page(
        rehearsal=rehearsal,
        warnings=telling.summary(rehearsal),
        scripts=[_script(one, rows.get(one.name, [])) for one in told],
    )


def _script(told: telling.Told, rows: list[RehearsedStatement]) -> Script:
    strong = [bar for bar in told.bars if bar.waits]
    shown = strong[:_MOST_BARS]
    # From the first statement to the end of the last: the time between statements counts too.
    whole = max([told.milliseconds, *(bar.end for bar in told.bars)])
    return Script(told, rows, list(draw(shown, whole)), len(strong) - len(shown))


def draw(bars: Sequence[Bar], whole: float) -> Iterator[Drawn]:
    """Places of bars in a picture 1000 wide; each table begins a new row.

    >>> bar = Bar("t", "AccessExclusiveLock", 5.0, 10.0, 1)
    >>> [(one.x, one.width, one.y, one.tone) for one in draw([bar], 10.0)]
    [(500.0, 500.0, 0, 'bad')]
    """
    row, table = -1, None
    for bar in bars:
        first = bar.table != table
        row, table = row + 1, bar.table
        x = min(_WIDTH * bar.begin / whole if whole else 0, _WIDTH - _THINNEST)
        width = max(_WIDTH * bar.milliseconds / whole if whole else _WIDTH, _THINNEST)
        yield Drawn(
            bar,
            round(x, 1),
            round(min(width, _WIDTH - x), 1),
            row * _ROW,
            _STRONG.get(bar.waits, "info"),
            first,
        )
