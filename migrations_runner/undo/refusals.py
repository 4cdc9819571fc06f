"""Why rows can't be kept, or can't be put back.

Refused
├── CannotBeUndone      at the door or just before COMMIT; the script was not applied
├── NothingToUndo
├── UndoneAlready
├── NotUndone           while putting back; everything was rolled back
├── HeldByOthers
└── UndoLostTrack
"""

from __future__ import annotations

from releases.refusals import Refused


class CannotBeUndone(Refused):
    """This script asks for a row-exact undo, which is not possible here, so it was not applied."""


class NothingToUndo(Refused):
    """This run left no rows that could be put back; nothing was changed."""


class UndoneAlready(Refused):
    """This run was undone already, or its undo waits; nothing was changed."""


class NotUndone(Refused):
    """The rows could not be put back, so nothing was changed on the target."""


class HeldByOthers(Refused):
    """Others held the rows for too long, so nothing was put back; ask for the undo again."""


class UndoLostTrack(Refused):
    """What was applied has been undone or applied anew by another run; nothing was changed."""
