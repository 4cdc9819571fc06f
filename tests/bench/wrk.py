"""A web server pinned to one core, and wrk on another: requests per second and the slow ones.

Client and server would fight for one core otherwise, and what is measured would be the fight.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from django.db import connection

from tests import databases

HOST = "127.0.0.1"
START_SECONDS = 60.0
_servers: dict[str, int] = {}
"""Process numbers by address."""
CONNECTIONS = 32
SCRIPT = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer {token}"
local n = 0
request = function()
  n = n + 1
  local user = '{{"targetingKey":"user-' .. n .. '","plan":"pro"}}'
  local path = {flags} > 0 and wrk.path .. math.random(0, {flags} - 1) or nil
  return wrk.format(nil, path, nil, '{{"context":' .. user .. '}}')
end
"""


@dataclass(frozen=True)
class Load:
    """What wrk saw: requests per second, 99th percentile in ms, answers that were not 2xx.

    ``cpu_us`` is what the server's processes took of the processor for one of them, in
    microseconds: other work on the machine touches it less than it does the rest.
    """

    per_second: float
    p99_ms: float
    failed: int
    requests: int
    cpu_us: float = 0.0


def found() -> bool:
    return shutil.which("wrk") is not None


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def pinned(core: int, *command: str) -> list[str]:
    """The command on one core, where the machine has more than one and can do that."""
    many = (os.cpu_count() or 1) > core and shutil.which("taskset") is not None
    return ["taskset", "-c", str(core), *command] if many else [*command]


@contextmanager
def granian(*words: str, env: Mapping[str, str] | None = None) -> Iterator[str]:
    """The base address of a granian process on core 0, with the words that `make up` gives it."""
    port = free_port()
    command = [sys.executable, "-m", "granian", "--host", HOST, "--no-ws", "--port", str(port)]
    command += ["--workers-kill-timeout", "3"]
    settings = {"DATABASE_URL": databases.control_url(), "LOG_LEVEL": "WARNING", **(env or {})}
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            pinned(0, *command, *words), env={**os.environ, **settings}, stdout=said, stderr=said
        )
        _servers[f"{HOST}:{port}"] = process.pid
        try:
            _wait(process, port)
            yield f"http://{HOST}:{port}"
        finally:
            connection.close()
            process.send_signal(signal.SIGTERM)
            process.wait(START_SECONDS)


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        with suppress(urllib.error.HTTPError, OSError):
            urllib.request.urlopen(f"http://{HOST}:{port}/healthz", timeout=5).read()
            return
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.1)
            break
    raise TimeoutError("The server to be measured did not start.")


def ask(url: str, token: str, *, seconds: int = 3, flags: int = 0) -> Load:
    """POST to `url` over 32 connections as fast as it answers, each time for another user.

    With `flags`, a number below it is put behind the address, another one each time.
    """
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "ask.lua"
        script.write_text(SCRIPT.format(token=token, flags=flags))
        words = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency", "-s", str(script)]
        server = _servers[urlsplit(url).netloc]
        before = _cpu_seconds(server)
        done = subprocess.run(
            pinned(1, *words, url), capture_output=True, text=True, timeout=60, check=True
        )
        taken = _cpu_seconds(server) - before
    load = read(done.stdout)
    return replace(load, cpu_us=taken / max(load.requests, 1) * 1e6)


def _cpu_seconds(pid: int) -> float:
    """What a process and all that it started took of the processor until now."""
    folder = Path(f"/proc/{pid}")
    user, system = (folder / "stat").read_text().rpartition(")")[2].split()[11:13]
    children: list[str] = []
    for thread in folder.joinpath("task").iterdir():
        with contextlib.suppress(FileNotFoundError):  # it ended just now
            children += (thread / "children").read_text().split()
    own = (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
    return own + sum(_cpu_seconds(int(child)) for child in children)


def read(report: str) -> Load:
    r"""Read wrk's report.

    >>> said = "  99%   12.50ms\n  9 requests in 1.00s\nRequests/sec:  9.5\n"
    >>> read(said + "  Non-2xx or 3xx responses: 3")
    Load(per_second=9.5, p99_ms=12.5, failed=3, requests=9, cpu_us=0.0)
    """
    scale = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}
    slow = re.search(r"99%\s+([\d.]+)(us|ms|s|m)", report)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", report)
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)", report)
    asked = re.search(r"(\d+) requests in", report)
    if slow is None or rate is None or asked is None:
        raise ValueError(f"wrk said something unknown: {report}")
    return Load(
        per_second=float(rate[1]),
        p99_ms=float(slow[1]) * scale[slow[2]],
        failed=int(failed[1]) if failed else 0,
        requests=int(asked[1]),
    )
