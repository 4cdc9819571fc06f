"""Who asks for flags and what they were told: counted in memory, written in batches.

`evaluated` and `seen` are called on the way of a request. They take a lock for the length of a
dictionary entry and never touch the database; a thread of this process writes what came together
every few seconds, in three statements however much it is; thousands of different answers wait for
each other a little longer. A process that is killed with -9 loses what it had not written yet:
counts tell how a flag is used, and no decision hangs on the last one.

Memory is bounded: while the database is away, what is new beyond `MOST_KEYS` is left out, and how
much that was is logged.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from django.db import Error as DatabaseError
from django.db import connection, transaction

log = logging.getLogger(__name__)

FLUSH_SECONDS = 2.0
MOST_KEYS = 50_000
MANY_KEYS = 2_000
"""From here on answers are written together each `SELDOM_SECONDS`, for each is a row."""
SELDOM_SECONDS = 10.0
_LONGEST = 200


class Answer(NamedTuple):
    """What is counted together: one variant of a flag at one stand of its dial, in one hour."""

    environment: str
    key: str
    variant: str
    dial: int
    source: str
    hour: datetime


class Client(NamedTuple):
    """One client, as far as its protocol names it."""

    environment: str
    token_id: int
    protocol: str
    instance: str


@dataclass(slots=True)
class Sight:
    """The newest that is known of a client; None: nothing new."""

    at: datetime
    reached_at: datetime | None
    """When it was first heard of at this revision."""
    revision: int | None
    application: str
    sdk: str
    connected: bool | None


class Counts:
    """What one process noted since its last flush."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answers: dict[Answer, int] = {}
        self._taken_at = float("-inf")
        self._clients: dict[Client, Sight] = {}
        self.left_out = 0

    def evaluated(self, answer: Answer, count: int) -> None:
        with self._lock:
            if answer in self._answers or len(self._answers) < MOST_KEYS:
                self._answers[answer] = self._answers.get(answer, 0) + count
            else:
                self.left_out += count

    def seen(self, client: Client, sight: Sight) -> None:
        with self._lock:
            known = self._clients.get(client)
            if known is None and len(self._clients) >= MOST_KEYS:
                self.left_out += 1
                return
            self._clients[client] = sight if known is None else _merged(known, sight)

    def take(self, *, answers: bool = True) -> tuple[dict[Answer, int], dict[Client, Sight]]:
        """Hand over what is there, the answers only if so wanted, and begin anew."""
        with self._lock:
            counted: dict[Answer, int] = {}
            if answers:
                counted, self._answers = self._answers, {}
                self._taken_at = time.monotonic()
            clients, self._clients = self._clients, {}
            return counted, clients

    def may_be_written(self, now: float) -> bool:
        """Say whether answers need not wait: thousands are written together, now and then."""
        many = MANY_KEYS < len(self._answers) < MOST_KEYS // 2
        return not many or now >= self._taken_at + SELDOM_SECONDS

    def put_back(self, answers: dict[Answer, int], clients: dict[Client, Sight]) -> None:
        """Take again what could not be written; what came meanwhile is newer."""
        for answer, count in answers.items():
            self.evaluated(answer, count)
        with self._lock:
            for client, sight in clients.items():
                newer = self._clients.get(client)
                if newer is None and len(self._clients) >= MOST_KEYS:
                    self.left_out += 1
                    continue
                self._clients[client] = sight if newer is None else _merged(sight, newer)


def _merged(known: Sight, newer: Sight) -> Sight:
    goes_on = newer.revision is not None and newer.revision > (known.revision or -1)
    furthest = newer if goes_on else known
    return Sight(
        at=newer.at,
        reached_at=furthest.reached_at,
        revision=furthest.revision,
        application=newer.application or known.application,
        sdk=newer.sdk or known.sdk,
        connected=known.connected if newer.connected is None else newer.connected,
    )


# --- What requests call -------------------------------------------------------------------------
def evaluated(
    environment: str, key: str, variant: str, dial: int, count: int = 1, *, source: str = "ofrep"
) -> None:
    """Note that a flag gave a variant `count` times while its dial stood at `dial`.

    `environment` is a slug, `source` one of FlagUsage.Source.
    """
    evaluated_all(environment, [(key, variant, dial, count)], source=source)


def evaluated_all(
    environment: str, answers: Iterable[tuple[str, str, int, int]], *, source: str = "ofrep"
) -> None:
    """Note many answers at once: flag, variant, stand of the dial, and how often."""
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    counts = _writer().counts
    for key, variant, dial, count in answers:
        counts.evaluated(Answer(environment, key, variant, dial, source, hour), count)


def seen(  # noqa: PLR0917  (what a request knows of its client)
    environment: str,
    token_id: int,
    protocol: str,
    instance: str,
    revision: int | None,
    application: str = "",
    sdk: str = "",
    *,
    connected: bool | None = None,
) -> None:
    """Note that a client was heard of, and the revision it surely has by now (None: cannot tell).

    `protocol` is one of FlagClient.Protocol; `connected` says that a stream opened or closed.
    """
    client = Client(environment, token_id, protocol, _clipped(instance))
    now = datetime.now(UTC)
    reached_at = None if revision is None else now
    sight = Sight(now, reached_at, revision, _clipped(application), _clipped(sdk), connected)
    _writer().counts.seen(client, sight)


def flush() -> None:
    """Write now what is noted; raises DatabaseError, and keeps it all, where that is impossible."""
    _writer().flush()


def _clipped(text: str) -> str:
    return text.replace("\x00", "")[:_LONGEST].encode("utf-8", "replace").decode()


# --- Writing ------------------------------------------------------------------------------------
class Writer:
    """The thread that writes. It begins with the first note, and anew after a fork."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.counts = Counts()
        self._stopping = threading.Event()
        self._one_at_a_time = threading.Lock()
        self._away = False
        self._thread = threading.Thread(target=self._run, name="flag-counts", daemon=True)
        self._thread.start()

    def flush(self, *, answers: bool = True) -> None:
        with self._one_at_a_time:
            counted, clients = self.counts.take(answers=answers)
            if not counted and not clients:
                return
            try:
                write(counted, clients)
            except BaseException:
                self.counts.put_back(counted, clients)
                raise

    def stop(self) -> None:
        """End the thread after a last flush."""
        self._stopping.set()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        while not self._stopping.wait(FLUSH_SECONDS):
            self._try(answers=self.counts.may_be_written(time.monotonic()))
        self._try()
        connection.close()

    def _try(self, *, answers: bool = True) -> None:
        try:
            self.flush(answers=answers)
        except DatabaseError as away:
            if not self._away:
                log.warning("what flags answered cannot be written yet: %s", away)
            self._away = True
            connection.close()
            return
        if self._away and self.counts.left_out:
            log.warning("%s notes about flags were left out meanwhile", self.counts.left_out)
            self.counts.left_out = 0
        self._away = False


_held: Writer | None = None
_starting = threading.Lock()


def _writer() -> Writer:
    held = _held
    return held if held is not None else _start()


def _start() -> Writer:
    global _held  # noqa: PLW0603  (one writer a process is the point)
    with _starting:
        if _held is None:
            _held = Writer()
        return _held


def stop() -> None:
    """End this process's writer after a last flush; the next note starts another."""
    global _held
    with _starting:
        writer, _held = _held, None
    if writer is not None and writer.pid == os.getpid():
        writer.stop()


def _after_fork() -> None:
    # A thread does not survive a fork, and what the parent noted the parent writes.
    global _held, _starting  # noqa: PLW0603
    _held = None
    _starting = threading.Lock()


os.register_at_fork(after_in_child=_after_fork)


@atexit.register
def _at_exit() -> None:
    with contextlib.suppress(Exception):
        stop()


_USAGE = """
    INSERT INTO flags_flagusage
           (environment_id, flag_key, variant, dial, source, hour, count)
    SELECT e.id, given.key, given.variant, given.dial, given.source, given.hour, given.count
      FROM unnest(%s::text[], %s::text[], %s::text[], %s::int[], %s::text[], %s::timestamptz[],
                  %s::bigint[])
           AS given (environment, key, variant, dial, source, hour, count)
      JOIN releases_environment e ON e.slug = given.environment
     ORDER BY e.id, given.key, given.hour, given.variant, given.dial, given.source
        ON CONFLICT (environment_id, flag_key, hour, variant, dial, source)
        DO UPDATE SET count = flags_flagusage.count + excluded.count
"""
_EVALUATED = """
    UPDATE flags_flagstate s
       SET last_evaluated_at = now()
     WHERE s.id IN (
               SELECT t.id
                 FROM unnest(%s::text[], %s::text[]) AS given (environment, key)
                 JOIN releases_environment e ON e.slug = given.environment
                 JOIN flags_flag f ON f.key = given.key
                 JOIN flags_flagstate t ON t.environment_id = e.id AND t.flag_id = f.id
                WHERE t.last_evaluated_at IS NULL
                   OR t.last_evaluated_at < now() - interval '10 seconds'
                ORDER BY t.id
                  FOR NO KEY UPDATE OF t SKIP LOCKED)
"""
_SEEN = """
    INSERT INTO flags_flagclient
           (environment_id, token_id, protocol, instance, application, sdk, revision, connected,
            first_seen, last_seen, reached_at)
    SELECT e.id, t.id, given.protocol, given.instance, given.application, given.sdk,
           given.revision, coalesce(given.connected, c.connected, false), given.at, given.at,
           given.reached_at
      FROM unnest(%s::text[], %s::bigint[], %s::text[], %s::text[], %s::text[], %s::text[],
                  %s::bigint[], %s::boolean[], %s::timestamptz[], %s::timestamptz[])
           AS given (environment, token_id, protocol, instance, application, sdk, revision,
                     connected, at, reached_at)
      JOIN releases_environment e ON e.slug = given.environment
      JOIN releases_apitoken t ON t.id = given.token_id
      LEFT JOIN flags_flagclient c ON c.environment_id = e.id AND c.token_id = t.id
                                  AND c.protocol = given.protocol AND c.instance = given.instance
     ORDER BY e.id, t.id, given.protocol, given.instance
        ON CONFLICT (environment_id, token_id, protocol, instance) DO UPDATE SET
           application = coalesce(nullif(excluded.application, ''), flags_flagclient.application),
           sdk = coalesce(nullif(excluded.sdk, ''), flags_flagclient.sdk),
           revision = greatest(flags_flagclient.revision, excluded.revision),
           reached_at = CASE WHEN excluded.revision > coalesce(flags_flagclient.revision, -1)
                             THEN excluded.reached_at ELSE flags_flagclient.reached_at END,
           connected = excluded.connected,
           last_seen = greatest(flags_flagclient.last_seen, excluded.last_seen)
"""


def write(answers: dict[Answer, int], clients: dict[Client, Sight]) -> None:
    """Add counts and clients to the tables, all of them or none. Rows are taken in one order."""
    with transaction.atomic(), connection.cursor() as cursor:
        if answers:
            columns = _columns(answers, 6)
            cursor.execute(_USAGE, [*columns, list(answers.values())])
            cursor.execute(_EVALUATED, columns[:2])
        if clients:
            environment, token, protocol, instance = _columns(clients, 4)
            sights = clients.values()
            cursor.execute(
                _SEEN,
                [
                    environment,
                    token,
                    protocol,
                    instance,
                    [one.application for one in sights],
                    [one.sdk for one in sights],
                    [one.revision for one in sights],
                    [one.connected for one in sights],
                    [one.at for one in sights],
                    [one.reached_at for one in sights],
                ],
            )


def _columns(rows: Iterable[tuple[object, ...]], width: int) -> list[list[object]]:
    return [[row[place] for row in rows] for place in range(width)]
