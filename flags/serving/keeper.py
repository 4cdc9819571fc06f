"""The keeper: one thread a process that holds the newest snapshot and swaps it in whole.

It owns one database connection, LISTENs on it, and asks every two seconds anyway, so a lost
notification costs two seconds and not a release. Readers take the snapshot by one attribute
access, without a lock. When the database goes away they keep the last one, and `age` tells how
long ago it was last known to be the newest.
"""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection

from flags.serving import disk, snapshot
from flags.serving.disk import Saver
from flags.serving.snapshot import Snapshot
from releases.tokens import CHANNEL

log = logging.getLogger(__name__)

POLL_SECONDS = 2.0
RETRY_SECONDS = 1.0

Listener = Callable[[Snapshot], None]


class Keeper:
    """Keeps one process's snapshot fresh. All public methods may be called from any thread."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.snapshot: Snapshot | None = None
        self.from_disk = False
        self._saver = Saver(Path(settings.RULESET_DIR))
        self._confirmed_at = 0.0
        self._reading_finished = threading.Condition()
        self._begun = 0
        self._finished = 0
        self._connected = True
        self._listeners: list[Listener] = []
        self._stopping = False
        self._wake_reader, self._wake_writer = socket.socketpair()
        self._wake_reader.settimeout(0)
        self._thread = threading.Thread(target=self._run, name="ruleset-keeper", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End the thread and its connection; the snapshot stays readable."""
        self._stopping = True
        self._wake()
        self._thread.join()
        self._saver.stop()
        self._wake_reader.close()
        self._wake_writer.close()

    def age(self) -> float | None:
        """Seconds since the snapshot was last known to be the newest; None without one."""
        return None if self.snapshot is None else time.monotonic() - self._confirmed_at

    def add_listener(self, listener: Listener) -> None:
        """Call `listener` from the keeper's thread with each new snapshot from now on."""
        self._listeners.append(listener)

    def remove_listener(self, listener: Listener) -> None:
        self._listeners.remove(listener)

    def wait_for_first(self, timeout: float) -> None:
        """Wait until there is a snapshot, or it is known that the database does not answer."""
        with self._reading_finished:
            self._reading_finished.wait_for(
                lambda: self.snapshot is not None or not self._connected, timeout
            )

    def wait_until(self, holds: Callable[[Snapshot | None], bool], timeout: float) -> bool:
        """Wait until `holds` is true of the snapshot; False after `timeout` seconds."""
        with self._reading_finished:
            return self._reading_finished.wait_for(lambda: holds(self.snapshot), timeout)

    def read_now(self, timeout: float) -> bool:
        """Have the thread look at the database at once; False if it could not in time."""
        with self._reading_finished:
            goal = self._begun + 1  # one that is under way may have looked before we were called
            self._wake()
            self._reading_finished.wait_for(
                lambda: self._finished >= goal or not self._connected, timeout
            )
            return self._finished >= goal

    def _wake(self) -> None:
        self._wake_writer.send(b"!")

    # --- The thread ---------------------------------------------------------------------------
    def _run(self) -> None:
        while not self._stopping:
            try:
                self._follow_database()
            except (DatabaseError, psycopg.Error, OSError) as away:
                self._say_that_it_is_away(away)
                self._wait(RETRY_SECONDS)
            finally:
                connection.close()

    def _follow_database(self) -> None:
        connection.ensure_connection()
        raw: psycopg.Connection[Any] = connection.connection
        news = threading.Event()
        raw.add_notify_handler(lambda _notification: news.set())
        with connection.cursor() as cursor:
            cursor.execute(f"LISTEN {CHANNEL}")
        while not self._stopping:
            # What arrives while a query runs is taken off the socket with its answer, so it must
            # be noted before the next question, not waited for after it.
            news.clear()
            self._read()
            if not news.is_set():
                self._wait(POLL_SECONDS, raw)

    def _read(self) -> None:
        known = self.snapshot
        with self._reading_finished:
            self._begun = self._finished + 1
        asked_at = time.monotonic()
        if known is None or snapshot.marks() != known.marks:
            # Of a snapshot from disk nothing is taken over: the database may be another by now.
            self.snapshot = snapshot.load(known if known and known.marks else None)
            self._saver.offer(self.snapshot)
            self.from_disk = False
        self._confirmed_at = asked_at
        self._saver.confirm()
        with self._reading_finished:
            self._connected = True
            self._finished = self._begun
            self._reading_finished.notify_all()
        if self.snapshot is not None and self.snapshot is not known:
            self._tell_listeners(self.snapshot)

    def _tell_listeners(self, fresh: Snapshot) -> None:
        for listener in tuple(self._listeners):
            try:
                listener(fresh)
            except Exception:
                log.exception("a listener of the ruleset failed")

    def _answer_from_disk(self) -> None:
        """Nothing was read yet and the database is away: what was kept last has to do."""
        kept = disk.read(Path(settings.RULESET_DIR))
        if kept is None:
            return
        held, age = kept
        self._confirmed_at = time.monotonic() - age
        self.from_disk = True
        self.snapshot = held
        log.warning("the ruleset is the one kept on disk, %.0f seconds old", age)

    def _say_that_it_is_away(self, away: Exception) -> None:
        if self.snapshot is None:
            self._answer_from_disk()
        with self._reading_finished:
            first, self._connected = self._connected, False
            self._reading_finished.notify_all()
        if first:
            log.warning("the ruleset cannot be refreshed, the last one answers: %s", away)

    def _wait(self, timeout: float, *connections: psycopg.Connection[Any]) -> None:
        # A selector, not select(): a process with thousands of streams has high file numbers.
        with selectors.DefaultSelector() as selector:
            selector.register(self._wake_reader, selectors.EVENT_READ)
            for other in connections:
                selector.register(other, selectors.EVENT_READ)
            selector.select(timeout)
        with contextlib.suppress(BlockingIOError):
            while self._wake_reader.recv(1024):
                pass
