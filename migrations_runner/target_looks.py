"""A worker looks at a target and writes down what it saw: one row a target, the newest look wins.

Every failure is a sentence in that row. What was seen before a failed look stays, with its time: an
old catalog is better for lint than none, as long as it says how old it is.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

import psycopg
from django.db import connection as control
from django.db.models import Q

from migrations_runner import catalog, fingerprints, poolers, target_facts
from migrations_runner.ledger import Connection
from migrations_runner.models import TargetReport
from migrations_runner.work import RunAtWork
from releases import targets
from releases.models import TargetDatabase
from releases.redaction import redact
from releases.refusals import Refused

logger = logging.getLogger(__name__)

APPLICATION: Final = "rc-look"
_LIMITS: Final = (
    "SET statement_timeout = '15s'",
    "SET lock_timeout = '200ms'",
    "SET default_transaction_read_only = on",
)


def look(target_id: int) -> bool:
    """Look at a target and keep the report; True if it was reached and is the expected one.

    Twice at once does no harm: a look that began earlier never overwrites a later one.
    """
    target = TargetDatabase.objects.filter(pk=target_id).first()
    if target is None:
        return False
    TargetReport.objects.get_or_create(target=target)
    began = _now()
    try:
        seen = _seen(target, began)
    except Refused as refused:
        return _keep(target, began, ok=False, error=redact(refused.message))
    except psycopg.Error as failed:
        return _keep(target, began, ok=False, error=_sentence(failed))
    return _keep(target, began, ok=True, error="", **seen)


def note_left(at_work: RunAtWork) -> None:
    """After a run: how its target's schema is now, to tell later what somebody else changed.

    A run never fails for want of it; without it drift is "cannot tell".
    """
    try:
        left = asdict(fingerprints.take(at_work.connection))
    except psycopg.Error as failed:
        logger.warning("No fingerprint after run %s: %s", at_work.run.pk, _sentence(failed))
        left = {}
    # What was just seen is also what was seen last: an older look must not be told as drift.
    seen = {"left": left, "left_by": at_work.run} | ({"fingerprint": left} if left else {})
    TargetReport.objects.update_or_create(target=at_work.target, defaults=seen)


def _seen(target: TargetDatabase, began: datetime) -> dict[str, Any]:
    with _session(target) as connection:
        identity = targets.identify(connection)
        targets.check_identity(target, identity)
        facts = target_facts.server(connection)
        schema = _tried(lambda: _schema(connection), {})
        facts |= {
            "seen_at": began.isoformat(),
            "tables_seen": bool(schema),
            "identity": asdict(identity),
            "skew_seconds": target_facts.skew_seconds(connection),
            "waiting": _tried(lambda: target_facts.waiting(connection), []),
            "ledger": _tried(lambda: target_facts.standing(connection), None),
        }
        return {"facts": facts, "sessions": target_facts.sessions(connection), **schema}


def _schema(connection: Connection) -> dict[str, Any]:
    return {
        "catalog": catalog.read(connection).to_json(),
        "fingerprint": asdict(fingerprints.take(connection)),
    }


def _tried(ask: Callable[[], Any], otherwise: Any) -> Any:
    """What a role may not see, or what somebody has locked, leaves the rest of the report as it is.

    Definitions can't be read while a table is locked; what was seen of them before then stays.
    """
    try:
        return ask()
    except (
        psycopg.errors.InsufficientPrivilege,
        psycopg.errors.LockNotAvailable,
        psycopg.errors.QueryCanceled,
    ):
        return otherwise


@contextmanager
def _session(target: TargetDatabase) -> Iterator[Connection]:
    """A session that only reads. Raises as targets.connect, and BehindTransactionPooler."""
    connection = _connected(target)
    try:
        poolers.refuse_shared_session(connection, lambda: _connected(target))
        for limit in _LIMITS:
            connection.execute(limit.encode())
        yield connection
    finally:
        connection.close()


def _connected(target: TargetDatabase) -> Connection:
    return targets.connect(target, application_name=APPLICATION, autocommit=True)


def _keep(
    target: TargetDatabase, began: datetime, *, ok: bool, error: str, **seen: dict[str, Any]
) -> bool:
    older = Q(at__isnull=True) | Q(at__lt=began)
    TargetReport.objects.filter(older, target=target).update(ok=ok, error=error, at=began, **seen)
    return ok


def _sentence(failed: psycopg.Error) -> str:
    lines = str(failed).strip().splitlines()
    first = redact(lines[0]) if lines else type(failed).__name__
    return f"The database was reached, but a question to it failed: {first}. Nothing was changed."


def _now() -> datetime:
    """The control database's time: reports and asks are told apart by one clock."""
    with control.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        told: datetime = cursor.fetchone()[0]
        return told
