"""The whole house as `make up` starts it: embedded PostgreSQL, web, stream, worker, stand-in."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

ROOT = Path(__file__).resolve().parents[2]
REAL_PLAN = ROOT.parent / "shared" / "plans" / "phase-12-cutover.md"
OWN_PLAN = ROOT / "releasecontrol" / "examples" / "plan.md"
SCRIPTS = ROOT / "releasecontrol" / "examples" / "scripts" / "phase-12"
READY_SECONDS = 120


@dataclass
class House:
    """A running installation: where it answers, and how to give it commands."""

    url: str
    var: Path
    env: dict[str, str]
    process: subprocess.Popen[str]

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a manage.py command as somebody with a shell on the server would."""
        return subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=ROOT,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )

    def password(self, username: str) -> str:
        logins = json.loads((self.var / "example-logins.json").read_text())
        return next(str(one["password"]) for one in logins if one["username"] == username)

    def token(self, scope: str, *more: str) -> str:
        made = self.command("create_token", "--environment", "production", "--scope", scope, *more)
        assert made.returncode == 0, made.stderr
        return made.stdout.strip().splitlines()[-1]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    """Started once a story file, on ports and data of its own: two stories may run side by side."""
    var = ROOT / "var" / f"story-{os.getpid()}"
    shutil.rmtree(var, ignore_errors=True)
    var.mkdir(parents=True)
    env = {key: value for key, value in os.environ.items() if key != "DATABASE_URL"}
    env |= {
        "VAR_DIR": str(var),
        "EMBEDDED_DIR": str(var / "postgres"),
        "PORT": str(free_port()),
        "STREAM_PORT": str(free_port()),
        "APP_PORT": str(free_port()),
        "EXAMPLE": "true",
    }
    # Into a file: nobody reads a pipe while the story goes on, and a full one would stop the house.
    output = var / "up.log"
    with output.open("w") as sink:
        process = subprocess.Popen(
            [sys.executable, "-m", "releasecontrol.up"],
            cwd=ROOT,
            env=env,
            stdout=sink,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
    try:
        _wait_until_ready(process, output)
        yield House(f"http://127.0.0.1:{env['PORT']}", var, env, process)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 0
    finally:
        end_group(process)
        shutil.rmtree(var, ignore_errors=True)


def end_group(process: subprocess.Popen[str]) -> None:
    """Kill whatever is left of a process and of those that it started in its own session."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(timeout=30)


def _wait_until_ready(process: subprocess.Popen[str], output: Path) -> None:
    until = time.monotonic() + READY_SECONDS
    while "\nLogs:" not in output.read_text():
        if process.poll() is not None or time.monotonic() > until:
            pytest.fail("the house did not start:\n" + output.read_text())
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.1)


@dataclass
class Caller:
    """Somebody with a token for production: method, path, body to JSON."""

    house: House
    token: str

    def ask(self, method: str, path: str, body: Any = None) -> requests.Response:
        return requests.request(
            method,
            f"{self.house.url}/api/v1{path}",
            json=body,
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=30,
        )

    def __call__(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.ask(method, path, body)
        assert answer.ok, (answer.status_code, answer.text)
        return answer.json()


@pytest.fixture
def api(house: House) -> Caller:
    """Ana, release manager."""
    return Caller(house, house.token("manage", "--user", "ana"))


@pytest.fixture
def ben(house: House) -> Caller:
    """The second pair of eyes."""
    return Caller(house, house.token("manage", "--user", "ben"))
