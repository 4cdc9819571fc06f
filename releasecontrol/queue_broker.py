"""The queue's broker: rows in our own database, as django-q2 keeps them, plus a doorbell.

django-q2 asks an empty queue every fifth of a second, so a task waits for a tenth of one on
average. Here whoever puts a task in NOTIFYs with the same commit, and whoever waits LISTENs on a
connection of its own. A bell that is not heard costs what it cost before.
"""

from __future__ import annotations

import logging
import os
import threading
from typing import Any, Final

import psycopg
from django.db import connections
from django_q.brokers.orm import ORM
from django_q.conf import Conf

log = logging.getLogger(__name__)

CHANNEL: Final = "rc_queue"
#: Seconds between two looks without a bell. `poll` of the queue is 0: the wait is here.
LOOK_SECONDS: Final = 0.2


class Broker(ORM):  # type: ignore[misc]  # django-q2 has no types
    """Rows and a doorbell."""

    def enqueue(self, task: str) -> Any:
        key = super().enqueue(task)
        with connections[Conf.ORM].cursor() as cursor:
            cursor.execute(f"NOTIFY {CHANNEL}")
        return key

    def dequeue(self) -> list[tuple[Any, str]] | None:
        bell = _bell()  # before the look: what comes in between is heard
        tasks: list[tuple[Any, str]] | None = super().dequeue()
        if not tasks:
            bell.wait(LOOK_SECONDS)
        return tasks


class Bell:
    """Hears when somebody puts a task into the queue; without a connection it only waits."""

    def __init__(self) -> None:
        self._connection: psycopg.Connection[Any] | None = None

    def listen(self) -> None:
        """Open the connection where there is none; a failure is tried again at the next look."""
        if self._connection is not None and not self._connection.closed:
            return
        given = connections[Conf.ORM].get_connection_params()
        wanted = {name: value for name, value in given.items() if name not in _OF_DJANGO}
        try:
            self._connection = psycopg.connect(
                **wanted, autocommit=True, application_name="rc-queue"
            )
            self._connection.execute(f"LISTEN {CHANNEL}")
        except psycopg.Error as failed:
            log.warning("the queue's bell is not heard just now: %s", type(failed).__name__)
            self._connection = None

    def wait(self, seconds: float) -> None:
        """Until the bell rings, or for so long."""
        if self._connection is None:
            threading.Event().wait(seconds)
            return
        try:
            for _ in self._connection.notifies(timeout=seconds, stop_after=1):
                pass
        except psycopg.Error:
            self.close()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None


#: What Django hands to psycopg about itself; the rest is about the server.
_OF_DJANGO: Final = ("context", "cursor_factory", "prepare_threshold")
_bells: dict[int, Bell] = {}


def _bell() -> Bell:
    """One a process: a connection can't be shared with a process that was forked."""
    bell = _bells.setdefault(os.getpid(), Bell())
    bell.listen()
    return bell
