"""Which processes belong to an embedded server: finding, ending and clearing up after them."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

from releasecontrol.embedded_home import EmbeddedFailed, Home

STOP_SECONDS = 30.0
HAS_PROC = Path("/proc/self/cwd").exists()  # Linux; elsewhere less can be told apart


def postmaster(home: Home) -> int | None:
    """The server's process id, if it runs. A pid file alone proves nothing: ids are used again."""
    lines = _pid_file(home)
    pid = int(lines[0]) if lines and lines[0].strip().isdigit() else 0
    return pid if pid and is_server(pid, home) else None


def port_in_use(home: Home) -> int | None:
    lines = _pid_file(home)
    return int(lines[3]) if len(lines) > 3 and lines[3].isdigit() else None  # noqa: PLR2004


def _pid_file(home: Home) -> list[str]:
    try:
        return (home.data / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return []


def is_server(pid: int, home: Home) -> bool:
    """Is this process a living part of our server? Its working directory is the data directory."""
    if HAS_PROC:
        try:
            return Path(f"/proc/{pid}/cwd").readlink() == home.data
        except OSError:  # gone, a zombie, or somebody else's
            return False
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def alive(pid: int) -> bool:
    """For a process just started, which may not have entered the data directory yet."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return not HAS_PROC or _letter(pid) not in {"Z", "X", ""}


def _letter(pid: int) -> str:
    """The system's one-letter state of a process; empty if it is gone. Source: proc(5)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def clear_leftovers(home: Home) -> None:
    """After a kill -9: end the dead server's last processes, then remove its pid file.

    PostgreSQL refuses to start over a pid file whose number is in use again, or is a zombie's in a
    container without init. Removing it is safe only once nobody works on the files.
    """
    if not HAS_PROC or not _pid_file(home):
        return
    for pid in members(home):
        _signal(pid, signal.SIGKILL)
    if not wait_until(lambda: not members(home), time.monotonic() + STOP_SECONDS):
        raise EmbeddedFailed(f"Processes {members(home)} of a dead server do not end.")
    (home.data / "postmaster.pid").unlink(missing_ok=True)


def members(home: Home) -> list[int]:
    numbers = (int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit())
    return [pid for pid in numbers if is_server(pid, home)]


def stop(home: Home) -> bool:
    """Stop the server, if it runs: open transactions roll back, all else is on disk."""
    pid = postmaster(home)
    if pid is None:
        return False
    for how in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):  # fast, immediate, at once
        _signal(pid, how)
        if wait_until(lambda: not is_server(pid, home), time.monotonic() + STOP_SECONDS):
            break
    return True


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def wait_until(holds: Callable[[], bool], deadline: float) -> bool:
    """Look again and again until it holds or the (monotonic) deadline is over."""
    pause = threading.Event()
    while not holds():
        if time.monotonic() >= deadline:
            return False
        pause.wait(0.02)
    return True
