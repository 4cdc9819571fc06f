"""The stand-in as a process: its database, signals, arguments."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
from contextlib import suppress

import pytest
import requests

from tests.examples.kit import do
from tests.examples.standins import (
    COMMAND,
    TIMEOUT,
    TOKEN,
    FlagServer,
    StandIn,
    running,
)


def test_it_survives_its_database_going_away_and_coming_back(
    standin: StandIn, small_world: str
) -> None:
    assert standin.get("/api/projects").status_code == 200
    do(
        small_world,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name = 'publishing-stand-in' AND datname = current_database()",
    )
    assert standin.get("/api/projects").status_code == 200


def test_without_a_database_it_starts_and_says_so() -> None:
    with running("postgresql://nobody:hunter2@127.0.0.1:1/none") as alone:
        answers = [alone.get(path) for path in ("/healthz", "/app/books", "/")]
    assert [answer.status_code for answer in answers] == [503, 503, 200]
    assert "hunter2" not in "".join(answer.text for answer in answers)


def test_ctrl_c_stops_it_even_while_a_request_is_held_up(
    standin: StandIn, flag_server: FlagServer
) -> None:
    standin.post("/chaos", {"delay_ms": 30_000})

    def wait_for_books() -> None:
        with suppress(requests.ConnectionError):
            standin.get("/app/books", **{"X-User-Id": "user-7"})

    held_up = threading.Thread(target=wait_for_books)
    held_up.start()
    assert flag_server.was_asked.wait(TIMEOUT)
    standin.process.send_signal(signal.SIGINT)
    assert standin.process.wait(TIMEOUT) == 0
    held_up.join(TIMEOUT)
    assert not held_up.is_alive()


def run_to_the_end(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("APP_")}
    return subprocess.run(
        [*COMMAND, *arguments],
        env={**kept, **settings},
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )


def test_a_port_in_use_is_one_line_and_exit_code_1() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = run_to_the_end(port, APP_DATABASE_URL="postgresql://x", APP_TOKEN=TOKEN)
    assert done.returncode == 1
    assert done.stderr == f"stand-in: cannot listen on 127.0.0.1:{port}: Address already in use\n"


def test_a_missing_setting_is_one_line_that_names_it() -> None:
    done = run_to_the_end("0", APP_DATABASE_URL="postgresql://x")
    assert (done.returncode, done.stderr) == (1, "stand-in: APP_TOKEN must be set\n")


@pytest.mark.parametrize("port", ["http", "70000", "-1", "²"])
def test_what_is_not_a_port_is_refused(port: str) -> None:
    done = run_to_the_end(port, APP_DATABASE_URL="postgresql://x", APP_TOKEN=TOKEN)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
