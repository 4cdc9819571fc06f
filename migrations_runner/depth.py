"""How deeply a statement nests, told while it is walked. Pure.

The parser recurses in C: a statement that is deep enough takes the whole process down. So the depth
is estimated beforehand, rather too high than too low.
"""

from __future__ import annotations

from dataclasses import dataclass, field

#: Levels of one statement, as estimated here. The parser recurses in C and would take the process
#: down somewhere beyond ten thousand.
DEEPEST = 3000
_OPERATORS = frozenset([*"+-*/<>=~!@#%^&|`?", "::", ":="])
_DEEPENING = frozenset(
    ["not", "is", "collate", "zone", "like", "ilike", "similar", "isnull", "notnull"]
)
#: These nest the whole statement, so neither a comma nor an AND takes them back.
_STACKING = frozenset(["join", "union", "intersect", "except", "case"])
_LEVELLING = frozenset(["and", "or", "select", "where", "from", "set", "values"])
_LONGEST_OPENING = ["create", "or", "replace", "function"]


@dataclass
class Depth:
    """How deeply the tree of the statement nests at most, level of brackets by level."""

    chain: int = 0  # operators in a row; a comma or an AND begins anew
    stacked: int = 0  # joins, unions, cases: never taken back within the level
    outer: int = 0  # what the levels around this one add up to
    around: list[tuple[int, int, int]] = field(default_factory=list)

    def word(self, word: str) -> None:
        if word in _LEVELLING:
            self.chain = 0
        self.chain += word in _DEEPENING
        self.stacked += word in _STACKING

    def sign(self, sign: str) -> None:
        """An operator's character, or the two of a cast."""
        if sign == ",":
            self.chain = 0
        self.chain += sign in _OPERATORS

    def enter(self) -> None:
        self.around.append((self.chain, self.stacked, self.outer))
        self.outer += self.chain + self.stacked + 1
        self.chain = self.stacked = 0

    def leave(self) -> None:
        self.chain, self.stacked, self.outer = self.around.pop()

    @property
    def too_deep(self) -> bool:
        return self.outer + self.chain + self.stacked > DEEPEST


@dataclass
class Body:
    """The body of a function in plain SQL: its semicolons don't end the statement.

    psql goes by words, too: after ``CREATE [OR REPLACE] FUNCTION`` or ``PROCEDURE`` a BEGIN, and
    within it a CASE, wants its END.
    """

    first: list[str] = field(default_factory=list)
    begun: int = 0

    def word(self, word: str) -> None:
        """A bare word in lower case, outside of parentheses."""
        if len(self.first) < len(_LONGEST_OPENING):
            self.first.append(word)
        if word == "begin" or (word == "case" and self.begun):
            self.begun += self._makes_a_routine
        elif word == "end" and self.begun:
            self.begun -= 1

    @property
    def open(self) -> bool:
        return self.begun > 0

    @property
    def _makes_a_routine(self) -> bool:
        made = self.first[1:2]
        if self.first[:3] == _LONGEST_OPENING[:3]:
            made = self.first[3:]
        return self.first[:1] == ["create"] and made in (["function"], ["procedure"])
