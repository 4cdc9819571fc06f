"""Making, starting and recovering one embedded PostgreSQL server.

Every function here expects the caller to hold `Home.changing()`, so that nobody else starts or
stops the same server meanwhile.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psycopg
from psycopg import sql

from releasecontrol.embedded_home import Account, EmbeddedFailed, Home, choose_programs, run
from releasecontrol.embedded_process import (
    alive,
    clear_leftovers,
    port_in_use,
    postmaster,
    wait_until,
)

OWNER = "releasecontrol"  # the server's superuser, and the control database
START_TRIES = 4  # a server may be shutting down, or lose its port at the last moment
READY_SECONDS = 90.0  # crash recovery after a kill may take a while on a slow disk
LOG_BYTES = 5_000_000
PORTS = range(20_000, 30_000)  # below the ports that systems hand out for outgoing connections
PORT_TRIES = 200
SMALL_SHARED_MEMORY = 256 * 1024 * 1024

Connection = psycopg.Connection[tuple[object, ...]]


@dataclass
class State:
    """What must outlive a restart. Kept in a 0600 file: it has the passwords."""

    port: int = 0
    passwords: dict[str, str] = field(default_factory=dict)
    #: Started by hand: stays until it is stopped by hand.
    keep: bool = False

    def url(self, role: str, database: str) -> str:
        return f"postgresql://{role}:{self.passwords[role]}@127.0.0.1:{self.port}/{database}"

    def save(self, home: Home) -> None:
        """Written under another name and renamed, so a crash leaves the old or the new state."""
        draft = home.state.with_suffix(".new")
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(asdict(self), file)
            file.flush()
            os.fsync(file.fileno())
        draft.rename(home.state)

    @classmethod
    def load(cls, home: Home) -> State:
        """The kept state; a fresh one where there are no data yet. Raises EmbeddedFailed."""
        if home.state.exists():
            return cls(**json.loads(home.state.read_text()))
        if home.data.exists():
            raise EmbeddedFailed(
                f"{home.state} with the password is gone. Restore it, or remove {home.path}."
            )
        return cls(passwords={OWNER: secrets.token_hex(24)})


def connect(state: State, database: str = OWNER) -> Connection:
    """A connection as the server's superuser. Raises psycopg.OperationalError."""
    return psycopg.connect(state.url(OWNER, database), autocommit=True, connect_timeout=5)


def ensure(home: Home) -> State:
    """Make the server run and answer; start or recover it if need be. Raises EmbeddedFailed."""
    state = State.load(home)
    if not _answers(home, state):
        _bring_up(home, state)
    return state


def _answers(home: Home, state: State) -> bool:
    """Does *our* server answer, with its control database? Another program may hold the port."""
    if not state.port or postmaster(home) is None:
        return False
    try:
        with connect(state) as connection:
            shown = connection.execute("SHOW data_directory").fetchone()
    except psycopg.OperationalError:
        return False
    return shown is not None and Path(str(shown[0])).resolve() == home.data.resolve()


def _bring_up(home: Home, state: State) -> None:
    deadline = time.monotonic() + READY_SECONDS
    _initialise(home, state)
    for _ in range(START_TRIES):
        running = postmaster(home)
        if running is None:
            clear_leftovers(home)
            running = _launch(home, state)
        # Starting, recovering, or shutting down on somebody's order: wait for either outcome.
        if _wait_for(running, home, state, deadline):
            return
    raise EmbeddedFailed(f"PostgreSQL does not start. {home.log} ends with:\n{_log_tail(home)}")


def _wait_for(pid: int, home: Home, state: State, deadline: float) -> bool:
    wait_until(lambda: _up(home, state) or not alive(pid), deadline)
    return _answers(home, state)


def _up(home: Home, state: State) -> bool:
    """Accepting connections; then the control database is made and the port written down."""
    port = port_in_use(home)
    if port is None:
        return False
    if port != state.port:
        state.port = port
        state.save(home)
    try:
        with connect(state, "postgres") as connection:
            _make_control_database(connection)
    except psycopg.OperationalError:
        return False
    return True


def _make_control_database(connection: Connection) -> None:
    if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [OWNER]).fetchone():
        return
    connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(OWNER)))
    for database in (OWNER, "postgres"):  # the targets' roles have no business there
        connection.execute(
            sql.SQL("REVOKE CONNECT, TEMPORARY ON DATABASE {} FROM PUBLIC").format(
                sql.Identifier(database)
            )
        )


# --- First start ------------------------------------------------------------------------------
def _initialise(home: Home, state: State) -> None:
    """Make the cluster under another name and rename it: half a cluster is never taken for one."""
    if home.data.exists():
        return
    state.save(home)
    programs, version = choose_programs(home)
    account = Account.for_data(home.data)
    draft, password = home.path / "data.new", home.path / "password.new"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    password.unlink(missing_ok=True)
    password.touch(mode=0o600)
    password.write_text(state.passwords[OWNER])
    for path in (draft, password):
        _give_to(account, path)
    try:
        done = run(
            account,
            *(programs / "initdb", "-D", draft, "-U", OWNER, "--auth=scram-sha-256"),
            *(f"--pwfile={password}", "--encoding=UTF8", *_locale(version)),
            capture_output=True,
        )
    finally:
        password.unlink()
    if done.returncode != 0:
        raise EmbeddedFailed(f"The database files could not be made: {done.stderr.strip()}")
    draft.rename(home.data)


def _locale(version: int) -> list[str]:
    """The same order and letter case everywhere, whatever locales the machine has."""
    if version >= 17:  # noqa: PLR2004  (the first with a built-in UTF-8 locale)
        return ["--no-locale", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    return ["--no-locale"]


def _give_to(account: Account | None, path: Path) -> None:
    if account is not None:
        os.chown(path, account.uid, account.gid)


# --- Starting ---------------------------------------------------------------------------------
def _launch(home: Home, state: State) -> int:
    """Start the server in a session of its own, as nobody's child; its process id."""
    programs, version = choose_programs(home)
    if not (state.port and _is_free(state.port)):
        state.port = _free_port()
        state.save(home)
    if home.log.exists() and home.log.stat().st_size > LOG_BYTES:
        home.log.replace(home.log.with_suffix(".log.1"))
    settings = [word for setting in _settings(state, version) for word in ("-c", setting)]
    descriptor = os.open(home.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor) as log:
        # The shell ends at once and hands the server to init, which reaps it one day.
        started = run(
            Account.for_data(home.data),
            *("/bin/sh", "-c", '"$@" >&2 & echo $!', "sh"),
            *(str(programs / "postgres"), "-D", str(home.data), *settings),
            start_new_session=True,
            stdout=subprocess.PIPE,
            stderr=log,
        )
    return int(started.stdout)


def _settings(state: State, version: int) -> Iterator[str]:
    yield "listen_addresses=127.0.0.1"
    yield f"port={state.port}"
    yield "unix_socket_directories="
    yield "max_connections=100"
    yield "shared_buffers=64MB"
    yield "wal_level=minimal"
    yield "max_wal_senders=0"
    yield "max_wal_size=512MB"
    yield "timezone=UTC"
    yield "log_timezone=UTC"
    yield "log_min_messages=warning"
    yield "log_checkpoints=off"
    yield "log_min_error_statement=panic"  # statements may hold what no log should
    yield f"dynamic_shared_memory_type={_shared_memory()}"
    if sys.platform == "linux" and version >= 14:  # noqa: PLR2004  (the first that knows it)
        yield "client_connection_check_interval=1s"


def _shared_memory() -> str:
    """Containers often have a tiny /dev/shm; files in the data directory always work."""
    if sys.platform != "linux":
        return "posix"
    try:
        room = os.statvfs("/dev/shm")  # noqa: S108
    except OSError:
        return "mmap"
    return "posix" if room.f_bavail * room.f_frsize >= SMALL_SHARED_MEMORY else "mmap"


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _free_port() -> int:
    for _ in range(PORT_TRIES):
        port = secrets.choice(PORTS)
        if _is_free(port):
            return port
    raise EmbeddedFailed(f"No free port on 127.0.0.1 among {PORT_TRIES} tried.")


def _log_tail(home: Home) -> str:
    try:
        return "\n".join(home.log.read_text(errors="replace").splitlines()[-6:])
    except OSError:
        return "(no log)"
