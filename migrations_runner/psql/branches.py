r"""Which branch of ``\if … \elif … \else … \endif`` is taken, as far as it is known. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

_WORDS = (("true", True), ("false", False), ("yes", True), ("no", False))
_EXACT = {"on": True, "off": False, "of": False, "1": True, "0": False}


def boolean(text: str) -> bool | None:
    """A Boolean as psql reads it: any beginning of a word, any case; None for all else.

    >>> [boolean(word) for word in ("t", "Fal", "oN", "1", "yess", "o", "")]
    [True, False, True, True, None, None, None]
    """
    word = text.lower()
    if not word:
        return None
    known = (value for name, value in _WORDS if name.startswith(word))
    return next(known, _EXACT.get(word))


@dataclass
class Branch:
    r"""One ``\if``. `active` and `decided` are None while the answer is not known yet.

    `open` once one of its conditions was left to the run.
    """

    active: bool | None
    decided: bool | None
    has_else: bool = False
    open: bool = False


@dataclass
class Branches:
    r"""The open ``\if``s of one file, the innermost last. A condition of None is not known yet."""

    stack: list[Branch] = field(default_factory=list)

    @property
    def active(self) -> bool | None:
        """Whether a line here is carried out: False as soon as one branch around it is not."""
        states = [branch.active for branch in self.stack]
        if False in states:
            return False
        return None if None in states else True

    @property
    def wants_condition(self) -> bool:
        r"""Whether an ``\elif`` here still has to look at its condition."""
        inner = self.stack.pop()
        try:
            return self.active is not False and inner.decided is not True
        finally:
            self.stack.append(inner)

    def begin(self, *, condition: bool | None) -> None:
        r"""``\if``; the condition of one that nobody reaches plays no role."""
        dead = self.active is False
        self.stack.append(
            Branch(active=False, decided=True) if dead else Branch(condition, condition)
        )

    def other(self, *, condition: bool | None) -> None:
        r"""``\elif``."""
        self._turn(self.stack[-1], condition=condition)

    def otherwise(self) -> None:
        r"""``\else``."""
        self.stack[-1].has_else = True
        self._turn(self.stack[-1], condition=True)

    def end(self) -> None:
        r"""``\endif``."""
        self.stack.pop()

    @staticmethod
    def _turn(branch: Branch, *, condition: bool | None) -> None:
        if branch.decided is True or condition is False:
            branch.active = False
        elif branch.decided is None:
            # Taken only if an earlier condition turns out to be false.
            branch.active = None
        else:
            branch.active = branch.decided = condition
