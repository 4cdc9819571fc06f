"""Who enters, leaves or gets another answer when a flag changes: counted over a sample. Pure."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from flags.core.answers import Resolver
from flags.core.attributes import Context
from flags.core.specs import TARGETING_KEY
from releases.refusals import Refused

MOST_KEYS = 100_000
LONGEST_LINE = 4096
SHOWN = 10
"""Keys of each kind that are named."""


class UnreadableSample(Refused):
    """A sample holds one key a line, or a table with a column targetingKey; nothing was counted."""


class SampleTooLarge(Refused):
    """This sample is too large to be counted while somebody waits; nothing was counted."""


@dataclass
class Blast:
    """What a change does to a sample: counts, and some keys of each kind by name."""

    sample: int = 0
    enter: int = 0
    leave: int = 0
    move: int = 0
    """Stay in, with another variant."""
    inside_before: int = 0
    inside_after: int = 0
    variants: Counter[str] = field(default_factory=Counter)
    """Answers after the change, by variant."""
    named: dict[str, list[str]] = field(default_factory=dict)

    @property
    def unchanged(self) -> int:
        return self.sample - self.enter - self.leave - self.move

    def share(self, count: int) -> float:
        """A count as percent of the sample; 0 without a sample."""
        return 100 * count / self.sample if self.sample else 0.0


def compare(
    before: Resolver | None, after: Resolver | None, off: str, contexts: Iterable[Context]
) -> Blast:
    """Ask both for every context. None answers `off` for everybody."""
    blast = Blast()
    for context in contexts:
        old = before(context).variant if before else off
        new = after(context).variant if after else off
        _count(blast, old, new, off, str(context.get(TARGETING_KEY, "")))
    return blast


def _count(blast: Blast, old: str, new: str, off: str, key: str) -> None:
    blast.sample += 1
    blast.inside_before += old != off
    blast.inside_after += new != off
    blast.variants[new] += 1
    if old == new:
        return
    kind = "enter" if old == off else "leave" if new == off else "move"
    setattr(blast, kind, getattr(blast, kind) + 1)
    names = blast.named.setdefault(kind, [])
    if len(names) < SHOWN:
        names.append(key)


def contexts_of(text: str) -> Iterator[Context]:
    r"""Yield a context for each line of a sample: a key, or a row of a table with headings.

    Blank lines are left out. Raises `UnreadableSample`, `SampleTooLarge`.

    >>> list(contexts_of("ana\n\nben\n"))
    [{'targetingKey': 'ana'}, {'targetingKey': 'ben'}]
    >>> list(contexts_of("targetingKey,country\nana,DE\n"))
    [{'targetingKey': 'ana', 'country': 'DE'}]
    """
    lines = [line for line in text.replace("\x00", "").splitlines() if line.strip()]
    if any(len(line) > LONGEST_LINE for line in lines):
        raise UnreadableSample(f"A line is longer than {LONGEST_LINE} characters.")
    is_table = bool(lines) and "," in lines[0]
    if len(lines) - is_table > MOST_KEYS:
        raise SampleTooLarge(f"{len(lines) - is_table:,} lines; {MOST_KEYS:,} fit.")
    if not is_table:
        return ({TARGETING_KEY: line.strip()} for line in lines)
    return _rows(lines)


def _rows(lines: list[str]) -> Iterator[Context]:
    try:
        table = csv.reader(lines, strict=True)
        names = [name.strip() for name in next(table)]
        if TARGETING_KEY not in names:
            raise UnreadableSample(f"Its columns: {', '.join(names)[:200]}.")
        rows = list(islice(table, MOST_KEYS))
    except csv.Error as broken:
        raise UnreadableSample(f"{broken}.") from None
    if any(len(row) != len(names) for row in rows):
        raise UnreadableSample("Not every row has as many cells as the headings.")
    cells = ({name: cell.strip() for name, cell in zip(names, row, strict=True)} for row in rows)
    return ({name: cell for name, cell in row.items() if cell} for row in cells)
