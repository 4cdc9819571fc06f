"""`make up`: the whole example installation, started, watched and stopped as one.

Everything is safe to be cut off at any point: a second `make up` says so, and after a kill -9 of
any part or of all, the next one clears up and goes on with the data as they were.
"""

from __future__ import annotations

import fcntl
import json
import math
import os
import secrets
import signal
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import environ

from releasecontrol import embedded
from releasecontrol.leash import ROOT
from releasecontrol.up_children import Child, Log, listen, say, stop_all
from releasecontrol.up_places import (
    HOST,
    MARK,
    CannotStart,
    Ports,
    end_leftovers,
    find_databases,
    find_ports,
)
from releases.redaction import redact

READY_SECONDS = 120.0
TICK_SECONDS = 0.2
LOOK_SECONDS = 0.3
WORKER_GRACE = 20
#: Loopback only, and never through a proxy.
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Stopped(Exception):
    """Somebody asked to stop before everything was started."""


@dataclass
class House:
    """One run of `make up`."""

    var: Path
    begun: float
    signals: list[int] = field(default_factory=list)
    children: list[Child] = field(default_factory=list)
    parent: int = field(default_factory=os.getppid)

    def asked_to_stop(self) -> bool:
        """By a signal; or the `make` that started us is gone."""
        return bool(self.signals) or ("MAKELEVEL" in os.environ and os.getppid() != self.parent)

    def child(self, name: str, env: Mapping[str, str], *command: str, grace: float = 8.0) -> Child:
        return Child(name, command, env, Log(self.var / "log" / f"{name}.log"), grace=grace)

    # --- One thing after the other ---
    def do(self, name: str, env: Mapping[str, str], *words: str) -> None:
        """Run a manage.py command to its end. Raises CannotStart or Stopped."""
        child = self.child(name, env, sys.executable, "manage.py", *words)
        child.start(time.monotonic())
        while (code := child.ended()) is None:
            if self.asked_to_stop():
                child.kill()
                raise Stopped
            listen([child, *self.children], TICK_SECONDS)
        if code:
            said = "\n".join(f"    {line}" for line in child.log.tail)
            raise CannotStart(f"{' '.join(words)} failed with code {code}:\n{said}")

    def watch(self, url: str, announce: Mapping[str, object]) -> None:
        """Keep everything alive until somebody asks to stop."""
        look_due, patience_ends = 0.0, self.begun + READY_SECONDS
        while not self.asked_to_stop():
            now = time.monotonic()
            for child in self.children:
                child.keep_alive(now)
            listen(self.children, TICK_SECONDS)
            if not os.environ.get("DATABASE_URL"):
                _tend_postgres()
            if now < look_due:
                continue
            look_due = now + LOOK_SECONDS
            if _is_ready(url):
                _announce(self.var, url, time.time() - self.begun, announce)
                look_due = math.inf
            elif time.time() > patience_ends:
                patience_ends = math.inf
                say(f"Not ready yet: {_readiness(url)}. See {self.var / 'log'}.")


def _tend_postgres() -> None:
    try:
        if embedded.ensure_running():
            say("[postgres] was gone and is started again; committed work is safe")
    except embedded.EmbeddedFailed as failed:
        say(f"[postgres] {failed}")


# --- Ready? -----------------------------------------------------------------------------------
def _is_ready(url: str) -> bool:
    try:
        with _direct.open(f"{url}/readyz", timeout=2) as answer:
            return bool(answer.status == 200)  # noqa: PLR2004  (HTTP "OK")
    except OSError:
        return False


def _readiness(url: str) -> str:
    try:
        with _direct.open(f"{url}/readyz", timeout=2) as answer:
            return str(answer.read().decode())
    except urllib.error.HTTPError as told:
        return told.read().decode(errors="replace")
    except OSError as failed:
        return str(failed)


def _announce(var: Path, url: str, seconds: float, more: Mapping[str, object]) -> None:
    say(f"\nRelease Control is ready after {seconds:.1f} s: {url}")
    for what, where in more.items():
        say(f"  {what:<18}{where}")
    for login in _logins(var):
        say(f"  {login['role']:<18}{login['username']} / {login['password']}")
    say(f"Logs: {var / 'log'}. Ctrl-C stops everything and keeps the data.\n")


def _logins(var: Path) -> list[dict[str, str]]:
    try:
        found = json.loads((var / "example-logins.json").read_text())
    except (OSError, ValueError):
        return []
    return [dict(login) for login in found]


# --- What runs --------------------------------------------------------------------------------
def _environment(ports: Ports, targets: Mapping[str, str], var: Path) -> dict[str, str]:
    usual = {
        "EXAMPLE": "true",
        "BASE_URL": f"http://{HOST}:{ports.web}",
        "STREAM_URL": f"http://{HOST}:{ports.stream}",
        "APP_URL": f"http://{HOST}:{ports.app}",
        "OUTBOUND_ALLOWED_HOSTS": HOST,
        "WORKER_GRACE_SECONDS": str(WORKER_GRACE),
        "BACKUP_DIR": str(_backups(var)),
        "PYTHONUNBUFFERED": "1",
    }
    fixed = {"PORT": str(ports.web), "VAR_DIR": str(var), MARK: str(var)}
    return usual | os.environ | dict(targets) | fixed


def _backups(var: Path) -> Path:
    """Where dumps of the targets go: for our user's eyes alone."""
    folder = var / "backups"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _flag_token(var: Path) -> str:
    """The stand-in application's key to the flags of production, as load_example left it."""
    try:
        return str(json.loads((var / "example-tokens.json").read_text())["production"])
    except (OSError, ValueError, KeyError):
        return ""


def _children(house: House, env: Mapping[str, str], ports: Ports) -> list[Child]:
    python = sys.executable
    served = [
        *(python, "-m", "granian", "--host", HOST, "--no-ws", "--workers-kill-timeout", "3"),
        *("--respawn-failed-workers", "--respawn-interval", "0.5"),
    ]
    web = (
        # More threads share the one lock of Python and answer less: 8 a fifth less than 4.
        *("--interface", "wsgi", "--blocking-threads", "4"),
        *("--port", str(ports.web), "releasecontrol.wsgi:application"),
    )
    stream = (
        *("--interface", "asgi", "--port", str(ports.stream)),
        # A stream holds its place for hours: the usual limit of 1,024 requests would be the
        # limit of connected clients.
        *("--backlog", "4096", "--backpressure", "20000"),
        "releasecontrol.asgi:application",
    )
    worker = (python, "manage.py", "worker")
    return [
        house.child("web", env, *served, *web),
        house.child("stream", env, *served, *stream),
        house.child("worker", env, *worker, grace=WORKER_GRACE + 5.0),
    ]


def _app(house: House, env: Mapping[str, str], ports: Ports) -> Child:
    """The stand-in of the application that is released."""
    own = {
        "APP_DATABASE_URL": env["TARGET_PRODUCTION_URL"],
        "OFREP_ENDPOINT": env["BASE_URL"],
        "OFREP_TOKEN": _flag_token(house.var),
    }
    words = (sys.executable, "-m", "releasecontrol.examples.standin", "--port", str(ports.app))
    return house.child("app", {**env, **own}, *words)


def _start(house: House) -> tuple[str, dict[str, object]]:
    """All that comes before watching. Raises CannotStart or Stopped."""
    left = end_leftovers(house.var)
    if left:
        say(f"Ended {left} processes that an earlier start had left behind.")
    ports = find_ports(os.environ)
    targets = find_databases(os.environ)
    env = _environment(ports, targets, house.var)
    house.do("migrate", env, "migrate", "--no-input")
    # What the stand-in asks for, and its smoke tests send as $TOKEN.
    env["APP_TOKEN"] = env["SMOKE_TOKEN"] = secrets.token_urlsafe(24)
    house.children = _children(house, env, ports)
    for child in house.children:  # they come up while the example is made
        child.start(time.monotonic())
    house.do("example", env, "load_example")
    if "TARGET_PRODUCTION_URL" in targets:
        house.children.append(_app(house, env, ports))
    return f"http://{HOST}:{ports.web}", {"stand-in app": env["APP_URL"]}


# --- One at a time ----------------------------------------------------------------------------
def _lock(var: Path) -> int:
    """Held as long as we live. Raises CannotStart, naming who holds it."""
    descriptor = os.open(var / "up.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        who = os.read(descriptor, 200).decode(errors="replace").strip()
        os.close(descriptor)
        raise CannotStart(f"`make up` already runs here: {who or 'it is just starting'}.") from None
    return descriptor


def _sign(lock: int, text: str) -> None:
    os.ftruncate(lock, 0)
    os.pwrite(lock, text.encode(), 0)


def main() -> int:
    if (ROOT / ".env").is_file():
        environ.Env.read_env(ROOT / ".env")
    house = House(
        var=ROOT / (os.environ.get("VAR_DIR") or "var"),
        begun=float(os.environ.get("UP_BEGUN") or time.time()),
    )
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda number, _frame: house.signals.append(number))
    try:
        for room in ("log", "static"):
            (house.var / room).mkdir(parents=True, exist_ok=True)
        lock = _lock(house.var)
        _sign(lock, f"process {os.getpid()}")
        url, more = _start(house)
        _sign(lock, f"process {os.getpid()}, {url}")
        house.watch(url, more)
    except CannotStart as refused:
        say(f"Not started: {redact(str(refused))}")
        return 1
    except OSError as failed:
        say(f"Not started: {failed.filename or ''} {failed.strerror}")
        return 1
    except Stopped:
        pass
    finally:
        stop_all(house.children, house.signals)
    say("Stopped; the data are kept.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
