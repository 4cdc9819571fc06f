"""Why a fan-out does not begin, or ends before its last key.

Refused
├── BadDriverQuery
├── BadDriverRows
├── NotForFanOut
├── NothingGoesWell
└── KeysFailed
"""

from __future__ import annotations

from releases.refusals import Refused


class BadDriverQuery(Refused):
    """The driver query can't give keys to run a script with; nothing was run."""


class BadDriverRows(Refused):
    """The rows of the driver query can't be told apart as keys; nothing was run."""


class NotForFanOut(Refused):
    """This script can't run once for each key; nothing of it was run."""


class NothingGoesWell(Refused):
    """The first keys failed one and all, so the others were not begun."""


class KeysFailed(Refused):
    """The script failed for some keys; for all others it is done and stands."""
