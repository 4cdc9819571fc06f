"""How a script ends early, in words. Pure but for the driver's error classes.

Refused
├── ChangedSinceApplied
├── StatementFailed
├── PartlyApplied
├── UnfinishedBefore
└── Stopped
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg.pq import TransactionStatus

from migrations_runner.ledger import Connection
from migrations_runner.script import Statement
from releases.redaction import redact
from releases.refusals import Refused


class ChangedSinceApplied(Refused):
    """This script stands on the target with another text, so it was not run again."""


class StatementFailed(Refused):
    """A statement failed and its transaction was rolled back."""


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


def leaves_traces(statement: Statement) -> bool:
    """May this statement have had an effect although it failed, outside a transaction?

    CREATE INDEX CONCURRENTLY leaves an invalid index; DO and CALL may commit a part themselves.
    """
    return not statement.in_transaction_ok or statement.kind in {"DO", "CALL"}


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


@contextmanager
def answers(connection: Connection, where: str) -> Iterator[None]:
    """Tell a server that said no (StatementFailed) from one that is gone (TargetGone)."""
    try:
        yield
    except psycopg.Error as error:
        if is_gone(connection):
            raise TargetGone(told(error)) from None
        raise StatementFailed(f"{where}: {told(error)}") from None


def is_gone(connection: Connection) -> bool:
    """Did this session end without our doing?"""
    return connection.closed or connection.info.transaction_status == TransactionStatus.UNKNOWN
