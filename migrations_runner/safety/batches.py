"""The same look at the batches of a backfill, each in its own transaction, for little time.

No index leads to the rows that a transaction wrote, so a look reads the tables. Batches are looked
at as long as that takes no more than a small part of the backfill's own time; the first always is.
A batch whose statement is wrong is wrong like the others: a new contradiction in one that was
looked at stops the backfill there. What is committed then is told by `integrity`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from weakref import WeakKeyDictionary

from django.conf import settings

from migrations_runner import session, touched
from migrations_runner.ledger import Connection
from migrations_runner.progress import briefly
from migrations_runner.safety import facts, results
from migrations_runner.safety.budget import Budget, aside
from migrations_runner.safety.checking import Answer, Sessions, check
from migrations_runner.safety.guarding import DataUnsafe, guard, is_allowed, rules_of, sentence
from migrations_runner.touched import Start
from migrations_runner.work import Work

#: Of a session's time, at most this part goes into looking.
PART = 0.05
#: One look's milliseconds: the batch's locks are held meanwhile.
_HELD_MS = 100


@dataclass
class _Pace:
    """One session's: since when it works, and how long it has looked."""

    began: float = field(default_factory=time.monotonic)
    spent: float = 0.0

    @property
    def is_due(self) -> bool:
        return self.spent <= PART * (time.monotonic() - self.began)


_paces: WeakKeyDictionary[Connection, _Pace] = WeakKeyDictionary()


@contextmanager
def check_batch(work: Work, connection: Connection) -> Iterator[None]:
    """A backfill's BatchGuard. Raises DataUnsafe, which rolls this batch back.

    Every session that it is called with gets a second one to compare with, for that look only.
    """
    pace = _paces.setdefault(connection, _Pace())
    if not pace.is_due:
        yield
        return
    # Opened before the batch holds a lock.
    with session.another(work.run.target, work.run.run.pk) as observer:
        start = touched.start(connection)
        yield
        began = time.monotonic()
        try:
            wrong = _look(work, connection, observer, start)
        finally:
            pace.spent += time.monotonic() - began
    if wrong and not is_allowed(work):
        briefly(partial(results.record_stop, work.script, wrong))
        raise DataUnsafe(f"What was committed before stands. {sentence(wrong)}")


@contextmanager
def guard_key(work: Work) -> Iterator[None]:
    """Around one key of a fan-out: as a script's guard, until the run's time for checks is over.

    From then on as around a batch: now and then, for a small part of the time. Raises DataUnsafe.
    """
    if work.run.safety_ms < settings.SAFETY_BUDGET_MS:
        with guard(work):
            yield
        return
    with check_batch(work, work.connection):
        yield


def _look(work: Work, connection: Connection, observer: Connection, start: Start) -> list[Answer]:
    budget = Budget(min(_HELD_MS, settings.SAFETY_BUDGET_MS))
    with aside(connection), aside(observer):
        written = [int(str(row[0])) for row in touched.written(connection)]
        era = touched.era(connection, observer, touched.next_multixact(connection))
        since = start.committed_since
        sessions = Sessions(work.run, connection, observer, budget, era.ours, others=since)
        chosen = rules_of(work, facts.whole_tables(connection, written), facts.read(connection))
        answers = [check(sessions, rule) for rule in chosen]
    return [answer for answer in answers if answer.keys]
