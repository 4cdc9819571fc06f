"""Server-sent events from the real stream process: granian, over real HTTP."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from django.db import connection, transaction

from flags.api import stream_token
from flags.changing import rollout
from flags.models import Flag, FlagClient, RulesetRevision
from flags.serving import ruleset
from releases import tokens
from releases.models import ApiToken, Environment
from tests.flags.conftest import OPERATOR

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("keeper")]

DEADLINE = 60


def database_url() -> str:
    settings = connection.settings_dict
    address = f"{settings['HOST']}:{settings['PORT']}/{settings['NAME']}"
    return f"postgresql://{settings['USER']}:{settings['PASSWORD']}@{address}"


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def stream(transactional_db: None, tmp_path: Path) -> Iterator[str]:
    """The base address of a stream process of its own."""
    port = free_port()
    command = [sys.executable, "-m", "granian", "--interface", "asgi", "--host", "127.0.0.1"]
    command += ["--port", str(port), "--workers", "1", "releasecontrol.asgi:application"]
    environment = {**os.environ, "DATABASE_URL": database_url()}
    log = tmp_path / "stream.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            command, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            base = f"http://127.0.0.1:{port}"
            wait_until_it_answers(process, base, log)
            yield base
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(DEADLINE)
        assert "token=" not in log.read_text(), "a stream key was logged"


def wait_until_it_answers(process: subprocess.Popen[bytes], base: str, log: Path) -> None:
    until = time.monotonic() + DEADLINE
    while time.monotonic() < until:
        with suppress(requests.ConnectionError):
            if requests.get(f"{base}/healthz", timeout=DEADLINE).ok:
                return
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
            break
    pytest.fail(f"the stream process did not start:\n{log.read_text()}")


@dataclass
class Listener:
    """One client of the stream; `event` waits for the next event."""

    response: requests.Response
    lines: Iterator[str]

    def event(self) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        for line in self.lines:
            if not line and "data" in fields:
                return {**fields, "data": json.loads(fields["data"])}
            name, colon, value = line.partition(": ")
            if colon and name:
                fields[name] = value
        return {}


@contextmanager
def listening(base: str, key: str, **headers: str) -> Iterator[Listener]:
    response = requests.get(
        f"{base}/stream/flags",
        params={"token": key},
        headers=headers,
        stream=True,
        timeout=DEADLINE,
    )
    with response:
        lines = response.iter_lines(chunk_size=1, decode_unicode=True)
        yield Listener(response, lines)


@pytest.fixture
def key(token: str) -> str:
    """A stream key as bulk evaluation hands it out."""
    facts = ruleset.token(token)
    assert facts is not None
    return key_in(stream_token.stream_address(facts, stream_token.period()))


def key_in(address: str) -> str:
    return parse_qs(urlsplit(address).query)["token"][0]


def revision(environment: Environment) -> int:
    return RulesetRevision.objects.get(environment=environment).revision


def turn(flag: Flag, environment: Environment, to: int) -> None:
    rollout.turn_dial(flag=flag, environment=environment, to=to, reason="test", actor=OPERATOR)


def test_a_stream_tells_the_present_revision_first_and_then_each_change(
    universe: Flag, staging: Environment, stream: str, key: str
) -> None:
    with listening(stream, key) as client:
        assert client.response.status_code == 200
        assert client.response.headers["Content-Type"].startswith("text/event-stream")
        first = client.event()
        assert first["id"] == str(revision(staging))
        assert first["event"] == "message"
        assert first["data"]["type"] == "refetchEvaluation"
        assert first["data"]["etag"] == first["id"]
        assert abs(first["data"]["lastModified"] - time.time()) < 600
        for to in (1000, 2000):
            turn(universe, staging, to)
            assert client.event()["id"] == str(revision(staging))


def test_a_kill_wakes_the_clients_of_its_environment_only(
    universe: Flag, staging: Environment, production: Environment, stream: str, key: str
) -> None:
    with listening(stream, key) as client:
        client.event()
        turn(universe, production, 5000)
        rollout.kill(flag=universe, environment=staging, reason="errors", actor=OPERATOR)
        assert client.event()["id"] == str(revision(staging))


def test_whoever_comes_back_hears_at_once_only_if_something_was_missed(
    universe: Flag, staging: Environment, stream: str, key: str
) -> None:
    seen = revision(staging)
    turn(universe, staging, 1000)
    with listening(stream, key, **{"Last-Event-ID": str(seen)}) as client:
        assert client.event()["id"] == str(seen + 1)
    with listening(stream, key, **{"Last-Event-ID": str(seen + 1)}) as client:
        assert next(client.lines).startswith("retry:")
        turn(universe, staging, 2000)
        assert client.event()["id"] == str(seen + 2)


def test_nonsense_as_last_event_counts_as_none(
    universe: Flag, staging: Environment, stream: str, key: str
) -> None:
    for last in ("", "x", "-3", "9" * 50, "²"):
        with listening(stream, key, **{"Last-Event-ID": last}) as client:
            assert client.event()["id"] == str(revision(staging))


def test_many_clients_hear_of_a_kill_and_none_is_lost(
    universe: Flag, staging: Environment, stream: str, key: str
) -> None:
    heard: list[str] = []
    connected = threading.Barrier(51)

    def listen() -> None:
        with listening(stream, key) as client:
            client.event()
            connected.wait(DEADLINE)
            heard.append(client.event()["id"])

    clients = [threading.Thread(target=listen) for _ in range(50)]
    for client in clients:
        client.start()
    connected.wait(DEADLINE)
    rollout.kill(flag=universe, environment=staging, reason="errors", actor=OPERATOR)
    for client in clients:
        client.join(DEADLINE)
    assert heard == [str(revision(staging))] * 50


def test_it_is_known_who_listens_and_how_far_they_are(
    universe: Flag, staging: Environment, stream: str, key: str
) -> None:
    with listening(stream, key) as client:
        client.event()
        turn(universe, staging, 1000)
        assert client.event()["id"] == str(revision(staging))
        listener = wait_for_client(connected=True, revision=revision(staging))
        assert listener.protocol == FlagClient.Protocol.OFREP_STREAM
        assert listener.instance.startswith("python-requests/")
    wait_for_client(connected=False, revision=revision(staging))


def wait_for_client(**facts: object) -> FlagClient:
    """The one client, as soon as it is written down with these facts."""
    until = time.monotonic() + DEADLINE
    while time.monotonic() < until:
        found = FlagClient.objects.filter(**facts).first()
        if found is not None:
            return found
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(0.05)")
    pytest.fail(f"no client with {facts}; there are {list(FlagClient.objects.values())}")


def test_a_revoked_token_ends_its_streams(
    universe: Flag, staging: Environment, stream: str, key: str
) -> None:
    with listening(stream, key) as client:
        client.event()
        tokens.revoke(token=ApiToken.objects.get(), actor=OPERATOR)
        assert client.event() == {}
    with listening(stream, key) as client:
        assert client.response.status_code == 401


def test_a_key_we_did_not_sign_opens_nothing(stream: str, staging: Environment) -> None:
    for wrong in ("", "x", "a:b:c", "%00", "WzFd:1"):
        with listening(stream, wrong) as client:
            assert client.response.status_code == 401


def test_other_addresses_and_methods_are_refused(stream: str) -> None:
    assert requests.get(f"{stream}/nothing", timeout=DEADLINE).status_code == 404
    assert requests.post(f"{stream}/stream/flags", timeout=DEADLINE).status_code == 405
    assert requests.get(f"{stream}/healthz", timeout=DEADLINE).json() == {"status": "ok"}


def test_a_key_is_the_same_for_half_an_hour_and_ends_within_one(token: str) -> None:
    facts = ruleset.token(token)
    assert facts is not None
    present = stream_token.period()
    address = stream_token.stream_address(facts, present)
    assert stream_token.stream_address(facts, present) == address
    assert stream_token.stream_address(facts, present + 1) != address
    read = stream_token.read_key(key_in(address))
    assert read is not None
    assert read.is_live(ruleset.snapshot())
    assert 1800 <= read.until - time.time() <= 3600
    ended = stream_token.read_key(key_in(stream_token.stream_address(facts, present - 2)))
    assert ended is not None
    assert not ended.is_live(ruleset.snapshot())


def test_a_database_restart_does_not_lose_the_next_change(
    universe: Flag, staging: Environment, stream: str, key: str
) -> None:
    with listening(stream, key) as client:
        client.event()
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        turn(universe, staging, 4000)
        assert client.event()["id"] == str(revision(staging))
