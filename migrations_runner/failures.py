"""How a script ends early, in words. Pure but for the driver's error classes.

Refused
├── ChangedSinceApplied
├── StatementFailed
├── PartlyApplied
├── UnfinishedBefore
├── LockNotGranted
├── HeldUsersTooLong
└── Stopped

StatementFailed
├── TookTooLong
└── CannotBeInTransaction

Interrupted        a try that left nothing and may be made again
├── LockMissed
├── StalledOthers
└── PauseAsked
"""

from __future__ import annotations

import psycopg
from psycopg.pq import TransactionStatus

from migrations_runner.ledger import Connection
from releases.redaction import redact
from releases.refusals import Refused


class ChangedSinceApplied(Refused):
    """This script stands on the target with another text, so it was not run again."""


class StatementFailed(Refused):
    """A statement failed and its transaction was rolled back."""


class TookTooLong(StatementFailed):
    """A statement took far longer than in its rehearsal, so it was stopped and rolled back."""


class CannotBeInTransaction(StatementFailed):
    """A statement refused to run in a transaction, as only the server could know."""


class LockNotGranted(Refused):
    """Others held what was needed until we gave up, so that nobody had to wait; rolled back."""


class HeldUsersTooLong(Refused):
    """It kept others waiting for longer than the stall budget allows, so it was rolled back."""


class PartlyApplied(Refused):
    """The script can't be one transaction, and it ended before its last statement."""


class TargetGone(Exception):
    """The connection to the target broke: what the server made of the last words is not known."""


class Unsure(Exception):
    """A statement failed and may have left something behind all the same; a person has to look."""


class UnfinishedBefore(Refused):
    """An earlier run left this script unfinished outside a transaction; a person has to look."""


class Stopped(Refused):
    """The run was cancelled."""


class Interrupted(Exception):
    """A try that was rolled back and left nothing; it may be made again."""


class LockMissed(Interrupted):
    """A lock was not granted within the stall budget, or would have meant a deadlock."""


class StalledOthers(Interrupted):
    """Somebody had waited for us for almost the whole stall budget."""


class PauseAsked(Interrupted):
    """Somebody asked the run to rest."""


def told(error: psycopg.Error) -> str:
    """What the server said: message, detail, hint, code; masked."""
    diagnosis = error.diag
    if diagnosis.message_primary is None:
        return redact(str(error)).strip()
    parts = [diagnosis.message_primary]
    if diagnosis.message_detail:
        parts.append(f"Detail: {diagnosis.message_detail}")
    if diagnosis.message_hint:
        parts.append(f"Hint: {diagnosis.message_hint}")
    return redact(
        ". ".join(part.rstrip(".") for part in parts) + f" (SQLSTATE {diagnosis.sqlstate})."
    )


def is_gone(connection: Connection) -> bool:
    """Did this session end without our doing?"""
    return connection.closed or connection.info.transaction_status == TransactionStatus.UNKNOWN
