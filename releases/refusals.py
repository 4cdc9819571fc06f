"""Refusals: a verb that says no. The docstring of each class is its sentence for people.

Refused
├── NotPermitted       the actor's role may not do this
├── MoveNotAllowed     the state does not lead there
└── ...                each room adds its own below this root
"""

from __future__ import annotations

import inspect


class Refused(Exception):
    """The request was refused; nothing was changed."""

    def __init__(self, detail: str = "") -> None:
        self.detail = detail
        super().__init__(self.message)

    @property
    def message(self) -> str:
        """The class's sentence, followed by the particulars of this case."""
        first = inspect.cleandoc(type(self).__doc__ or "Refused.").split("\n\n")[0]
        return " ".join(f"{first} {self.detail}".split())

    @property
    def code(self) -> str:
        """A stable name for machines, such as ``already-ticked``."""
        name = type(self).__name__
        return "".join(f"-{c.lower()}" if c.isupper() else c for c in name).lstrip("-")


class NotPermitted(Refused):
    """Your role may not do this; nothing was changed."""


class MoveNotAllowed(Refused):
    """That step is not possible from the present state; nothing was changed."""
