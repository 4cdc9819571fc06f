"""Where clones live: the server that a target names for them, or the target's own.

Refused
├── CloneServerNotConfigured
├── CloneServerUnreachable
└── MayNotClone
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from migrations_runner.ledger import Connection
from releases import targets
from releases.models import TargetDatabase
from releases.redaction import redact
from releases.refusals import Refused

_GONE_SECONDS = 10.0


class CloneServerNotConfigured(Refused):
    """The variable with the server for clones is not set in the worker; nothing was cloned."""


class CloneServerUnreachable(Refused):
    """The server for clones could not be reached; nothing was run."""


class MayNotClone(Refused):
    """The role on the server for clones may not create databases, so nothing was rehearsed."""


class SessionsStay(Refused):
    """Sessions of a dead worker could not be ended yet, so its clone is still there."""


@dataclass(frozen=True)
class Place:
    """A server for clones. `own` when it is the target's: only there a template can be copied."""

    url: str = field(repr=False)
    own: bool

    def url_of(self, database: str) -> str:
        """The same server and role, another database; for our process only."""
        return make_conninfo("", **{**conninfo_to_dict(self.url), "dbname": database})

    @contextmanager
    def session(self, application_name: str, database: str = "") -> Iterator[Connection]:
        """An autocommit session. Raises CloneServerUnreachable, masked."""
        connection = self._connect(
            self.url_of(database) if database else self.url, application_name
        )
        try:
            yield connection
        finally:
            connection.close()

    def _connect(self, url: str, application_name: str) -> Connection:
        try:
            return psycopg.connect(
                url,
                application_name=application_name,
                autocommit=True,
                connect_timeout=targets.CONNECT_SECONDS,
                prepare_threshold=None,
            )
        except psycopg.Error as failed:
            raise CloneServerUnreachable(redact(str(failed)).strip()) from None


def place_of(target: TargetDatabase) -> Place:
    """Where a target's clones are made. Raises CloneServerNotConfigured, TargetNotConfigured."""
    if not target.clone_variable:
        return Place(targets.resolve(target), own=True)
    url = os.environ.get(target.clone_variable, "")
    if not url:
        raise CloneServerNotConfigured(f"Set {target.clone_variable} and start the worker again.")
    return Place(url, own=False)


def require_may_clone(connection: Connection) -> None:
    """Raises MayNotClone."""
    row = connection.execute(
        "SELECT rolname, rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user"
    ).fetchone()
    if row is None or not row[1]:
        name = row[0] if row else "this role"
        raise MayNotClone(f"Give it the right: ALTER ROLE {name} CREATEDB.")


def end_sessions(connection: Connection, application_name: str) -> None:
    """End what a dead worker left under this name: it may be making a clone right now.

    Raises SessionsStay.
    """
    deadline = time.monotonic() + _GONE_SECONDS
    while connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name = %s AND pid <> pg_backend_pid()",
        [application_name],
    ).fetchall():
        if time.monotonic() > deadline:
            raise SessionsStay(f"They are called {application_name}.")
        connection.execute("SELECT pg_sleep(0.1)")
