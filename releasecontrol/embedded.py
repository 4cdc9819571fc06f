"""The embedded PostgreSQL: a server of our own where DATABASE_URL names none.

For trying out, developing and testing; a real installation sets DATABASE_URL. Whoever asks for
`database_url()` starts the server or joins it, and keeps a shared lock while he lives; the last to
leave stops it. A kill -9 releases the lock too, and the next one to ask recovers what it finds.

    python -m releasecontrol.embedded start | stop | status | url
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import os
import re
import secrets
import sys

import psycopg
from psycopg import sql

from releasecontrol import embedded_process as process
from releasecontrol import embedded_server as server
from releasecontrol.embedded_home import EmbeddedFailed, Home, find_home, wanted_path
from releasecontrol.embedded_server import OWNER, State

__all__ = ["EmbeddedFailed", "database_url", "ensure_database", "ensure_running", "target_urls"]

#: The example targets: variable name → database and role.
TARGETS = {"TARGET_STAGING_URL": "staging", "TARGET_PRODUCTION_URL": "production"}
_NAME = re.compile(r"[a-z][a-z0-9_]{0,40}")

_joined: dict[Home, int] = {}  # home → descriptor that holds the shared lock
_urls: dict[tuple[Home, str], str] = {}


def database_url() -> str:
    """URL of the control database; the server runs when this returns. Raises EmbeddedFailed."""
    home = _find()
    if (home, OWNER) not in _urls:
        state = _join(home)
        _urls[home, OWNER] = state.url(OWNER, OWNER)
    return _urls[home, OWNER]


def ensure_running() -> bool:
    """Start the server again if it died. True if it had to be started."""
    home = _find()
    if process.postmaster(home) is not None:
        return False
    _join(home)
    return True


def ensure_database(name: str) -> str:
    """URL of a further database, owned by a role of its own that is no superuser.

    Raises ValueError for a name that is not plain, EmbeddedFailed otherwise.
    """
    if not _NAME.fullmatch(name) or name in {OWNER, "postgres"}:
        raise ValueError(f"{name!r} can't be the name of a database here.")
    home = _find()
    if (home, name) not in _urls:
        _join(home)
        with home.changing():
            _urls[home, name] = _make_database(home, name)
    return _urls[home, name]


def target_urls() -> dict[str, str]:
    """The example targets' URLs by the variable that names them; makes the databases if need be."""
    return {variable: ensure_database(name) for variable, name in TARGETS.items()}


def _find() -> Home:
    try:
        return find_home()
    except OSError as failed:
        raise EmbeddedFailed(f"{wanted_path()}: {failed.strerror}.") from failed


def _join(home: Home) -> State:
    """Take the shared lock and make the server run, both before anybody can leave."""
    try:
        with home.changing():
            if home not in _joined:
                descriptor = os.open(home.users_lock, os.O_RDWR | os.O_CREAT, 0o600)
                fcntl.flock(descriptor, fcntl.LOCK_SH)
                _joined[home] = descriptor
            return server.ensure(home)
    except OSError as failed:
        raise EmbeddedFailed(f"{failed.filename or home.path}: {failed.strerror}.") from failed


@atexit.register
def leave() -> None:
    """Let go of every server; stop those that nobody else uses."""
    _urls.clear()
    while _joined:
        home, descriptor = _joined.popitem()
        # Closed, never unlocked: a forked child that shares the lock still counts as a user.
        os.close(descriptor)
        # Leaving must not fail: what can't be stopped now, the next one to leave stops.
        with contextlib.suppress(EmbeddedFailed, OSError), home.changing():
            if not _in_use(home) and not State.load(home).keep:
                process.stop(home)


def _in_use(home: Home) -> bool:
    descriptor = os.open(home.users_lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


# --- Further databases ------------------------------------------------------------------------
def _make_database(home: Home, name: str) -> str:
    """Idempotent, and safe to be cut off anywhere: each step looks at what is there."""
    state = State.load(home)
    if name not in state.passwords:
        state.passwords[name] = secrets.token_hex(24)
        state.save(home)
    try:
        with server.connect(state) as connection:
            if not _exists(connection, "pg_roles", "rolname", name):
                _make_role(connection, name, state.passwords[name])
            # For rehearsals: a clone is made by the role that owns the original.
            _run(connection, "ALTER ROLE {0} CREATEDB", name)
            if not _exists(connection, "pg_database", "datname", name):
                _run(connection, "CREATE DATABASE {0} OWNER {0}", name)
            _run(connection, "REVOKE CONNECT, TEMPORARY ON DATABASE {0} FROM PUBLIC", name)
    except psycopg.Error as failed:
        raise EmbeddedFailed(f"The database {name} could not be made: {failed}") from failed
    return state.url(name, name)


def _make_role(connection: server.Connection, name: str, password: str) -> None:
    # Only the verifier travels, so that no log can ever show the password.
    verifier = connection.pgconn.encrypt_password(
        password.encode(), name.encode(), b"scram-sha-256"
    )
    statement = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}")
    connection.execute(statement.format(sql.Identifier(name), sql.Literal(verifier.decode())))


def _exists(connection: server.Connection, catalog: str, column: str, name: str) -> bool:
    question = sql.SQL("SELECT 1 FROM {} WHERE {} = %s")
    question_here = question.format(sql.Identifier(catalog), sql.Identifier(column))
    return connection.execute(question_here, [name]).fetchone() is not None


def _run(connection: server.Connection, statement: str, name: str) -> None:
    connection.execute(sql.SQL(statement).format(sql.Identifier(name)))


# --- Command line -----------------------------------------------------------------------------
def _keep(home: Home, *, keep: bool) -> None:
    with home.changing():
        state = State.load(home)
        state.keep = keep
        state.save(home)


def start_by_hand() -> str:
    """Start the server and let it stay after we leave; its URL."""
    url = database_url()
    _keep(_find(), keep=True)
    return url


def stop_by_hand() -> str:
    """Stop the server unless somebody uses it. A sentence on what came of it."""
    if not wanted_path().exists():
        return "There is no embedded PostgreSQL here."
    home = _find()
    with home.changing():
        if _in_use(home):
            raise EmbeddedFailed("The server is in use: stop `make up`, tests and workers first.")
        stopped = process.stop(home)
        if home.state.exists():
            state = State.load(home)
            state.keep = False
            state.save(home)
    return "Stopped." if stopped else "It was not running."


def status() -> str:
    if not wanted_path().exists():
        return "There is no embedded PostgreSQL here."
    home = _find()
    pid = process.postmaster(home)
    return f"Process {pid}, data in {home.data}." if pid else f"Not running, data in {home.data}."


def main(words: list[str]) -> int:
    acts = {
        "start": lambda: f"Running on port {start_by_hand().rpartition(':')[2].partition('/')[0]}.",
        "stop": stop_by_hand,
        "status": status,
        "url": start_by_hand,
    }
    if len(words) != 1 or words[0] not in acts:
        sys.stderr.write("Usage: python -m releasecontrol.embedded start | stop | status | url\n")
        return 2
    try:
        sys.stdout.write(acts[words[0]]() + "\n")
    except EmbeddedFailed as failed:
        sys.stderr.write(f"{failed}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
