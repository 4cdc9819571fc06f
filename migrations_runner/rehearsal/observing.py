"""What one statement did to the clone, beside its answer.

Inside a transaction the session itself is asked after each statement, in one question: the locks
that it holds now and did not hold before, which files were written anew, how many rows sequential
scans have read. A statement outside a transaction has let go of its locks by the time it answers,
so a second session looks at them every few milliseconds meanwhile; short ones may go unseen.

WAL is the distance that the server's log moved: on a server with others at work theirs is in it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Self

from psycopg import Error

from migrations_runner.ledger import Connection

LOOK_SECONDS = 0.005

#: From the weakest to the strongest, as PostgreSQL numbers them.
MODES = (
    "AccessShareLock",
    "RowShareLock",
    "RowExclusiveLock",
    "ShareUpdateExclusiveLock",
    "ShareLock",
    "ShareRowExclusiveLock",
    "ExclusiveLock",
    "AccessExclusiveLock",
)

# Every relation with its name and its file. Reading the catalog locks none of them.
_FILES = """
SELECT c.oid::bigint, format('%I.%I', n.nspname, c.relname), c.relkind::text,
    c.relfilenode::bigint
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'release_control')
"""

_HELD = """
SELECT l.relation::bigint, l.mode,
    CASE WHEN c.oid IS NOT NULL THEN format('%I.%I', n.nspname, c.relname) END, c.relkind::text,
    c.relfilenode::bigint, pg_stat_get_xact_tuples_returned(l.relation)
FROM pg_locks l LEFT JOIN pg_class c ON c.oid = l.relation
LEFT JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE coalesce(n.nspname, '') !~ '^(pg_|release_control$)' AND l.relation >= 16384
    AND l.pid = pg_backend_pid() AND l.locktype = 'relation' AND l.granted
"""

_SEEN = """
SELECT l.relation::bigint, l.mode FROM pg_locks l
WHERE l.pid = %s AND l.locktype = 'relation' AND l.granted AND l.relation >= 16384
"""

_WAL = "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint"
_TABLES = frozenset({"r", "p", "m", "f", "v"})


@dataclass
class Seen:
    """What one statement did: pairs of table and lock mode, names, pairs of table and rows."""

    locks: list[list[str]] = field(default_factory=list)
    rewrites: list[str] = field(default_factory=list)
    scans: list[list[Any]] = field(default_factory=list)
    wal_bytes: int | None = None


class Observer:
    """Looks at the session of one script, from its begin to its end."""

    def __init__(self, session: Connection, beside: Connection) -> None:
        self._session = session
        self._beside = beside
        self._files = self._read_files()
        self._nodes = {name: node for name, _, node in self._files.values()}
        self._held: set[tuple[int, str]] = set()
        self._read: dict[int, int] = {}
        self._wal = self._read_wal()

    def after(self) -> Seen:
        """What the last statement did, inside a transaction."""
        seen = Seen(wal_bytes=self._wal_since())
        rows: list[Any] = self._session.execute(_HELD).fetchall()
        for oid, mode, name, kind, node, read in rows:
            # What this transaction dropped has its name from before.
            called, sort, was = self._files.get(oid, (name, kind, node))
            if called is not None:
                self._files[oid] = (name or called, sort, node or was)
                self._note_lock(seen, oid, mode)
                if name is not None:  # it was not dropped
                    self._note_file(seen, oid)
                self._note_scan(seen, oid, int(read or 0))
        seen.locks.sort()
        seen.rewrites.sort()
        self._wal = self._read_wal()
        return seen

    @contextmanager
    def outside(self) -> Iterator[Seen]:
        """Around one statement that stands outside a transaction."""
        seen = Seen()
        before, self._wal = self._read_files(), self._read_wal()
        with _Watch(self._beside, self._session.info.backend_pid) as watch:
            yield seen
        seen.wal_bytes = self._wal_since()
        after = self._read_files()
        seen.locks = sorted(
            [names[oid][0], mode]
            for oid, mode in watch.seen
            if (names := after if oid in after else before).get(oid) and names[oid][1] in _TABLES
        )
        # By name: REINDEX CONCURRENTLY puts another index under the same one.
        files = {name: node for name, _, node in before.values()}
        seen.rewrites = sorted(
            name for name, _, node in after.values() if files.get(name, node) != node
        )

    def _note_lock(self, seen: Seen, oid: int, mode: str) -> None:
        name, kind, _ = self._files[oid]
        if (oid, mode) not in self._held and kind in _TABLES:
            seen.locks.append([name, mode])
        self._held.add((oid, mode))

    def _note_file(self, seen: Seen, oid: int) -> None:
        """By name: ALTER … TYPE makes an index anew under its old one."""
        name, _, node = self._files[oid]
        if self._nodes.get(name, node) != node:
            seen.rewrites.append(name)
        self._nodes[name] = node

    def _note_scan(self, seen: Seen, oid: int, read: int) -> None:
        name, kind, _ = self._files[oid]
        new = read - self._read.get(oid, 0)
        self._read[oid] = read
        if new > 0 and kind in {"r", "m"}:
            seen.scans.append([name, new])

    def _read_files(self) -> dict[int, tuple[str, str, int]]:
        rows: list[Any] = self._session.execute(_FILES).fetchall()
        return {oid: (name, kind, node) for oid, name, kind, node in rows}

    def _read_wal(self) -> int:
        row: Any = self._beside.execute(_WAL).fetchone()
        return int(row[0])

    def _wal_since(self) -> int:
        return max(self._read_wal() - self._wal, 0)


class _Watch:
    """Looks at another session's locks in a thread until it is left."""

    def __init__(self, beside: Connection, pid: int) -> None:
        self.seen: set[tuple[int, str]] = set()
        self._beside, self._pid = beside, pid
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look_on, name="lock watch", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._ended.set()
        self._thread.join()

    def _look_on(self) -> None:
        try:
            while not self._ended.wait(LOOK_SECONDS):
                rows: list[Any] = self._beside.execute(_SEEN, [self._pid]).fetchall()
                self.seen.update((oid, mode) for oid, mode in rows)
        except Error:
            return  # the clone is being thrown away
