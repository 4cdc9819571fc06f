"""`make up` as a person meets it: real processes, killed and stopped in every way."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from releasecontrol import embedded_process
from releasecontrol.embedded_home import Home
from releasecontrol.leash import ROOT
from releasecontrol.up_places import CannotStart, find_ports, marked

PATIENCE = 180.0
pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks at processes through /proc"),
]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Installation:
    """`make up` with a var/ and a PostgreSQL of its own, beside whatever else runs here."""

    def __init__(self, var: Path) -> None:
        self.var = var
        self.port = free_port()
        self.starts: list[subprocess.Popen[str]] = []

    def start(self) -> subprocess.Popen[str]:
        known = {k: v for k, v in os.environ.items() if k not in {"DATABASE_URL", "MAKELEVEL"}}
        own = {
            "VAR_DIR": str(self.var),
            "EMBEDDED_DIR": str(self.var / "postgres"),
            "PORT": str(self.port),
            "STREAM_PORT": str(free_port()),
            "APP_PORT": str(free_port()),
        }
        started = subprocess.Popen(
            [sys.executable, "-m", "releasecontrol.up"],
            cwd=ROOT,
            env=known | own,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.starts.append(started)
        return started

    def ready(self, started: subprocess.Popen[str]) -> str:
        """All that was said until it was ready; fails when it ended before."""
        said = []
        assert started.stdout is not None
        for line in started.stdout:
            said.append(line)
            if line.startswith("Logs: "):
                return "".join(said)
        pytest.fail("".join(["ended before it was ready:\n", *said]))

    def rest(self, started: subprocess.Popen[str]) -> tuple[int, str]:
        said, _ = started.communicate(timeout=PATIENCE)
        return started.returncode, said

    def answers(self) -> bool:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=10) as answer:
            return bool(answer.status == 200)

    def children_are_gone(self) -> bool:
        deadline, pause = time.monotonic() + PATIENCE, threading.Event()
        while marked(self.var) and time.monotonic() < deadline:
            pause.wait(0.1)
        return not marked(self.var)

    def end(self) -> None:
        for started in self.starts:
            if started.poll() is None:
                started.terminate()
            started.communicate(timeout=PATIENCE)
        place = Home((self.var / "postgres").resolve())
        embedded_process.stop(place)
        shutil.rmtree(place.path, ignore_errors=True)


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    made = Installation(tmp_path / "a place with spaces")
    yield made
    made.end()


def test_a_life_with_a_second_start_a_kill_and_a_stop(installation: Installation) -> None:
    first = installation.start()
    said = installation.ready(first)
    assert f"http://127.0.0.1:{installation.port}" in said
    assert all(role in said for role in ("release-manager", "engineer", "support", "viewer"))
    assert installation.answers()

    code, refused = installation.rest(installation.start())
    assert code == 1
    assert f"already runs here: process {first.pid}, http://" in refused
    assert installation.answers()  # and the running one did not mind

    first.kill()
    first.communicate()
    assert installation.children_are_gone()

    again = installation.start()
    installation.ready(again)
    assert installation.answers()
    again.send_signal(signal.SIGINT)
    code, said = installation.rest(again)
    assert (code, said.splitlines()[-1]) == (0, "Stopped; the data are kept.")
    assert not marked(installation.var)
    place = Home((installation.var / "postgres").resolve())
    assert embedded_process.postmaster(place) is None
    assert (place.data / "PG_VERSION").exists()


def test_a_port_in_use_is_told_by_name_before_anything_starts(installation: Installation) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", installation.port))
        other.listen()
        code, said = installation.rest(installation.start())
    assert code == 1
    assert f"Port {installation.port} is in use by another program" in said
    assert "make up PORT=" in said
    assert not (installation.var / "postgres").exists()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"PORT": "abc"}, "PORT=abc is not a port"),
        ({"PORT": "0"}, "PORT=0 is not a port"),
        ({"PORT": "65535"}, "STREAM_PORT=65536 is not a port"),
        ({"PORT": "{free}", "STREAM_PORT": "{free}"}, "must differ"),
    ],
)
def test_a_port_that_makes_no_sense_is_refused(given: dict[str, str], told: str) -> None:
    port = str(free_port())
    with pytest.raises(CannotStart, match=told):
        find_ports({name: value.format(free=port) for name, value in given.items()})


def test_the_usual_port_of_the_stand_in_gives_way_when_it_is_taken() -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            other.bind(("127.0.0.1", 8080))
        except OSError:
            pass  # somebody else has it: as good
        else:
            other.listen()
        port = free_port()
        assert find_ports({"PORT": str(port), "STREAM_PORT": str(free_port())}).app != 8080
