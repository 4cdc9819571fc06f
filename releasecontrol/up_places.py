"""What `make up` needs before it can start anything: free ports, databases, an empty house."""

from __future__ import annotations

import errno
import os
import signal
import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from releasecontrol import embedded
from releasecontrol.up_children import say

HOST = "127.0.0.1"
HIGHEST_PORT = 65535
USUAL_APP_PORT = 8080
CONNECT_SECONDS = 10
END_SECONDS = 12.0
#: Every process that `make up` starts carries the path of its var/ under this name.
MARK = "RELEASE_CONTROL_UP"


class CannotStart(Exception):
    """`make up` can't start. The message says what to do about it."""


# --- Ports ------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Ports:
    web: int
    stream: int
    app: int


def find_ports(environ: Mapping[str, str]) -> Ports:
    """The ports of PORT, STREAM_PORT and APP_PORT or their usual values. Raises CannotStart."""
    web = _number(environ, "PORT", 8000)
    stream = _number(environ, "STREAM_PORT", web + 1)
    for name, port in (("PORT", web), ("STREAM_PORT", stream)):
        _must_be_free(name, port)
    if environ.get("APP_PORT"):
        app = _number(environ, "APP_PORT", USUAL_APP_PORT)
        _must_be_free("APP_PORT", app)
    else:
        app = USUAL_APP_PORT if _taken(USUAL_APP_PORT) is None else _any_free_port()
    if len({web, stream, app}) < 3:  # noqa: PLR2004  (three processes)
        raise CannotStart(f"PORT={web}, STREAM_PORT={stream} and APP_PORT={app} must differ.")
    return Ports(web, stream, app)


def _number(environ: Mapping[str, str], name: str, usual: int) -> int:
    raw = environ.get(name) or str(usual)
    if not (raw.isascii() and raw.isdigit() and 0 < int(raw) <= HIGHEST_PORT):
        raise CannotStart(f"{name}={raw} is not a port: 1 to {HIGHEST_PORT}.")
    return int(raw)


def _must_be_free(name: str, port: int) -> None:
    failed = _taken(port)
    if failed is None:
        return
    if failed.errno == errno.EADDRINUSE:
        raise CannotStart(
            f"Port {port} is in use by another program. Choose another: make up {name}=..."
        )
    raise CannotStart(f"Port {port} can't be used ({failed.strerror}). Choose another: {name}=...")


def _taken(port: int) -> OSError | None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as failed:
            return failed
    return None


def _any_free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


# --- Databases --------------------------------------------------------------------------------
def find_databases(environ: Mapping[str, str]) -> dict[str, str]:
    """Make sure the control database answers; the target URLs by variable. Raises CannotStart."""
    try:
        if not environ.get("DATABASE_URL"):
            embedded.database_url()
            return _given(environ) or embedded.target_urls()
    except embedded.EmbeddedFailed as failed:
        raise CannotStart(str(failed)) from None
    return _given(environ) or _beside(environ["DATABASE_URL"])


def _given(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: environ[name] for name in embedded.TARGETS if environ.get(name)}


def _beside(url: str) -> dict[str, str]:
    """Example targets as further databases on the server of DATABASE_URL, where its role may."""
    try:
        connection = psycopg.connect(url, autocommit=True, connect_timeout=CONNECT_SECONDS)
    except psycopg.Error as failed:
        raise CannotStart(f"DATABASE_URL: {str(failed).strip()}") from None
    with connection:
        own = connection.info.dbname
        try:
            return {
                variable: _make_beside(connection, url, f"{own}_{name}")
                for variable, name in embedded.TARGETS.items()
            }
        except psycopg.Error as failed:
            say(f"No example targets: {str(failed).strip()}. Set {' and '.join(embedded.TARGETS)}.")
            return {}


def _make_beside(connection: psycopg.Connection[tuple[object, ...]], url: str, name: str) -> str:
    known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
    if known is None:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    parts = urlsplit(url)
    if parts.path.strip("/") != conninfo_to_dict(url).get("dbname"):
        raise psycopg.ProgrammingError("the name of the database is not the path of DATABASE_URL")
    return parts._replace(path=f"/{name}").geturl()


# --- An empty house ---------------------------------------------------------------------------
def end_leftovers(var: Path) -> int:
    """End what an earlier `make up` with this var/ left behind; how many processes that were.

    Its children notice that it was killed and end by themselves; this waits for them and helps
    those along that can't. The caller holds the lock, so nobody lives here rightfully.
    """
    found = marked(var)
    for number, patience in ((signal.SIGTERM, END_SECONDS), (signal.SIGKILL, END_SECONDS)):
        for pid in found:
            _tell(pid, number)
        if not found or _gone(var, patience):
            return len(found)
    raise CannotStart(f"Processes {marked(var)} of an earlier start do not end.")


def _gone(var: Path, seconds: float) -> bool:
    deadline, pause = time.monotonic() + seconds, threading.Event()
    while marked(var):
        if time.monotonic() > deadline:
            return False
        pause.wait(0.1)
    return True


def marked(var: Path) -> list[int]:
    """Processes that carry our mark. Only where /proc shows it; elsewhere their leash must do."""
    mark = f"{MARK}={var}".encode()
    return [
        int(place.name)
        for place in Path("/proc").glob("[0-9]*")
        if int(place.name) != os.getpid() and mark in _environment(place).split(b"\0")
    ]


def _environment(place: Path) -> bytes:
    try:
        return (place / "environ").read_bytes()
    except OSError:
        return b""


def _tell(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
