"""A stand-in as a process, the flag server that it asks, and requests to both."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import requests

TOKEN = "a-token-for-the-application"
COMMAND = [sys.executable, "-m", "releasecontrol.examples.standin", "--port"]
TIMEOUT = 20


@dataclass
class FlagServer:
    """Speaks just enough OFREP: `on` are the keys for which the flag is true."""

    url: str = ""
    on: set[str] = field(default_factory=set)
    raw: bytes | None = None
    status: int = 200
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    was_asked: threading.Event = field(default_factory=threading.Event)


@dataclass
class StandIn:
    """A running stand-in, and requests to it as the application's own client makes them."""

    process: subprocess.Popen[str]
    url: str

    def send(self, method: str, path: str, document: Any = None, **options: Any) -> Any:
        headers = {"Authorization": f"Bearer {TOKEN}", **options.pop("headers", {})}
        return requests.request(
            method, self.url + path, json=document, headers=headers, timeout=TIMEOUT, **options
        )

    def get(self, path: str, **headers: str) -> Any:
        return self.send("GET", path, headers=headers)

    def post(self, path: str, document: Any, **headers: str) -> Any:
        return self.send("POST", path, document, headers=headers)

    def metric(self, series: str) -> float:
        lines = self.get("/metrics").text.splitlines()
        return next(float(line.rpartition(" ")[2]) for line in lines if line.startswith(series))


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], TIMEOUT)
    assert ready, "the stand-in did not say that it listens"
    return process.stdout.readline()


def environment(database: str, **more: str) -> dict[str, str]:
    return {**os.environ, "APP_DATABASE_URL": database, "APP_TOKEN": TOKEN, **more}


@contextmanager
def running(database: str, **settings: str) -> Iterator[StandIn]:
    """A stand-in that must end well: exit code 0, and nothing on standard error."""
    with subprocess.Popen(
        [*COMMAND, "0"],
        env=environment(database, **settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield StandIn(process, first_line(process).split()[-1])
        finally:
            process.terminate()
        assert process.stderr is not None
        assert process.stderr.read() == ""
        assert process.wait(TIMEOUT) == 0
