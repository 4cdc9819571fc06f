"""Users of a target, handed to flags as a sample: the query runs in a worker, reads and no more.

Flags know no target and targets know no flag: the keys pass from one to the other here.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import psycopg
from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now
from django_q.tasks import async_task

from flags.changing import samples
from flags.core.blast import MOST_KEYS, SampleTooLarge, UnreadableSample
from flags.core.specs import TARGETING_KEY
from flags.models import UserSample
from releases import targets
from releases.models import TargetDatabase
from releases.redaction import redact
from releases.refusals import Refused
from releases.timeline import Actor

_APPLICATION = "rc-sample"
_LIMITS = (
    "SET statement_timeout = '30s'",
    "SET lock_timeout = '200ms'",
    "SET default_transaction_read_only = on",
)
_TASK = "releasecontrol.samples.answer"
_PATIENCE = timedelta(seconds=90)


class NoSuchTarget(Refused):
    """There is no target of that name; nothing was asked."""


def ask(*, name: str, target: str, query: str, actor: Actor) -> UserSample:
    """Have a worker fill a sample by a query; its first column is the key, others are attributes.

    Raises NoSuchTarget, UnreadableSample, NotPermitted.
    """
    actor.require("migrations_runner.queue_run")
    if not TargetDatabase.objects.filter(name=target).exists():
        raise NoSuchTarget(f"Given: “{target[:60]}”.")
    if not query.strip():
        raise UnreadableSample("Without a query.")
    with transaction.atomic():
        sample = samples.ask(name=name, target=target, query=query, actor=actor)
        transaction.on_commit(lambda: _poke(sample.pk))
    return sample


def redispatch() -> int:
    """For the timetable: poke again for what was asked and not answered for a while."""
    silent = Q(made_at=None) | Q(made_at__lt=F("asked_at"))
    waiting = UserSample.objects.filter(silent, asked_at__isnull=False, error="")
    late = waiting.filter(asked_at__lt=Now() - _PATIENCE)
    lost = list(late.values_list("pk", flat=True))
    for key in lost:
        UserSample.objects.filter(pk=key).update(asked_at=Now())
        _poke(key)
    return len(lost)


def answer(sample_id: int) -> bool:
    """Run a sample's query and keep what it found; a second time changes nothing."""
    sample = UserSample.objects.filter(pk=sample_id).first()
    if sample is None or not sample.is_awaited:
        return False
    try:
        return samples.keep_answer(sample=sample, text=_asked(sample))
    except Refused as refused:
        return samples.keep_answer(sample=sample, error=refused.message)
    except psycopg.Error as failed:
        return samples.keep_answer(sample=sample, error=redact(str(failed)).strip())


def _asked(sample: UserSample) -> str:
    target = TargetDatabase.objects.filter(name=sample.target).first()
    if target is None:
        raise NoSuchTarget(f"Given: “{sample.target}”.")
    with targets.connect(target, application_name=_APPLICATION, autocommit=True) as connection:
        targets.check_identity(target, targets.identify(connection))
        for limit in _LIMITS:
            connection.execute(limit)
        with connection.transaction(), connection.cursor(name="sample") as cursor:
            cursor.execute(sample.query.encode())
            names = [column.name for column in cursor.description or ()]
            rows = cursor.fetchmany(MOST_KEYS + 1)
    if len(rows) > MOST_KEYS:
        raise SampleTooLarge(f"More than {MOST_KEYS:,} rows: add a LIMIT.")
    return _table([TARGETING_KEY, *names[1:]], rows)


def _table(names: list[str], rows: Iterable[tuple[Any, ...]]) -> str:
    if len(set(names)) != len(names):
        raise UnreadableSample("Two columns have the same name.")
    sink = io.StringIO()
    # A table even of one column, so that a comma in a key is not taken for a heading.
    writer = csv.writer(sink, lineterminator="\n")
    writer.writerow([*names, ""] if len(names) == 1 else names)
    for row in rows:
        cells = ["" if value is None else " ".join(str(value).split()) for value in row]
        writer.writerow([*cells, ""] if len(names) == 1 else cells)
    return sink.getvalue()


def _poke(sample_id: int) -> None:
    async_task(_TASK, sample_id, task_name=f"sample {sample_id}")
