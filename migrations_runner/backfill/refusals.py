"""Why a backfill does not begin, or ends before its last row.

Refused
├── NotABackfill
├── AnotherTextBefore
├── RowsNotGranted
├── TooManyBadRows
└── RowsLeft
"""

from __future__ import annotations

from releases.refusals import Refused


class NotABackfill(Refused):
    """This script can't run in batches; nothing of it was run."""


class AnotherTextBefore(Refused):
    """An earlier run began this backfill with another text, so it was not gone on with."""


class RowsNotGranted(Refused):
    """Rows stayed locked by others, so the backfill ended; queue again, it goes on from there."""


class TooManyBadRows(Refused):
    """So many rows failed by themselves that the statement looks wrong; the backfill was ended."""


class RowsLeft(Refused):
    """Some rows failed by themselves; all others are done and stand."""
