"""How deeply a statement nests, estimated while it is walked. Pure.

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
