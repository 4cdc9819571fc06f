"""The account of source lines: each is given to something, or listed as not understood. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from releasecontrol.plan.facts import LineMapping
from releasecontrol.plan.shell import masked

NOT_UNDERSTOOD = "not_understood"
_SHOWN = 400


class Ledger:
    """Keeps, for every line of a document, the first thing that claimed it.

    >>> ledger = Ledger(["# Title", "", "what?"])
    >>> ledger.put([1], "title")
    >>> [(line.line, line.kind) for line in ledger.close()]
    [(1, 'title'), (2, 'blank'), (3, 'not_understood')]
    """

    def __init__(self, lines: Sequence[str]) -> None:
        self.lines = lines
        self._claims: dict[int, LineMapping] = {}

    def put(self, numbers: Iterable[int], kind: str, ref: str = "") -> None:
        """Give lines to a fact or to structure; a line already given keeps its owner."""
        for number in numbers:
            self._claims.setdefault(number, LineMapping(number, kind, ref))

    def close(self) -> tuple[LineMapping, ...]:
        """The whole account, one entry a line, in order."""
        return tuple(self._entry(number, text) for number, text in enumerate(self.lines, 1))

    def _entry(self, number: int, text: str) -> LineMapping:
        claim = self._claims.get(number)
        if claim and claim.kind != NOT_UNDERSTOOD:
            return claim
        if not text.strip():
            return LineMapping(number, "blank")
        return LineMapping(number, NOT_UNDERSTOOD, text=masked(text[:_SHOWN]))
