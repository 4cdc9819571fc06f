"""The stock Unleash client for Python listens to the real stream process, over real HTTP."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from django.db import connection, transaction
from UnleashClient.clients.unleash_client import UnleashClient
from UnleashClient.events import UnleashEventType

from flags.changing import rollout
from flags.changing.publishing import publish
from flags.models import Flag, FlagClient, FlagUsage, Override
from flags.serving import counting
from releases import tokens
from releases.models import ApiToken, Environment
from tests.conformance.test_unleash_client import base, turn
from tests.flags.conftest import OPERATOR, make_flag
from tests.flags.test_stream import DEADLINE, Listener, revision, stream, wait_for_client

__all__ = ["base", "stream"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("keeper")]


@pytest.fixture
def flag(staging: Environment) -> Flag:
    return make_flag("shop", staging)


def wait_until(holds: Callable[[], bool], what: str) -> None:
    until = datetime.now(UTC) + timedelta(seconds=DEADLINE)
    while not holds():
        assert datetime.now(UTC) < until, f"{what} did not come"
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(0.01)")


@contextmanager
def sdk(address: str, token: str, folder: Path) -> Iterator[UnleashClient]:
    """The stock client, streaming, as soon as it has flags."""
    ready = threading.Event()

    def heard(event: Any) -> None:
        if event.event_type is UnleashEventType.READY:
            ready.set()

    client = UnleashClient(
        f"{address}/api",
        "shop-backend",
        custom_headers={"Authorization": token},
        metrics_interval=1,
        cache_directory=str(folder),
        event_callback=heard,
        experimental_mode={"type": "streaming"},
    )
    try:
        client.initialize_client()
        assert ready.wait(DEADLINE), "the client got no flags"
        yield client
    finally:
        client.destroy()


def test_the_client_finds_the_stream_and_hears_of_each_change(
    flag: Flag,
    staging: Environment,
    stream: str,
    base: str,
    token: str,
    tmp_path: Path,
    settings: Any,
) -> None:
    settings.STREAM_URL = stream  # another port than the address that the client knows
    inside = {"userId": "user-2"}
    turn(flag, staging, 100_000)
    with sdk(base.removesuffix("/api"), token, tmp_path) as client:
        assert client.is_enabled("shop", inside)
        rollout.kill(flag=flag, environment=staging, reason="errors", actor=OPERATOR)
        wait_until(lambda: not client.is_enabled("shop", inside), "the kill")
        make_flag("later", staging)
        wait_until(lambda: "later" in client.feature_definitions(), "a new flag")
        listener = wait_for_client(connected=True, revision=revision(staging))
        assert listener.protocol == FlagClient.Protocol.UNLEASH_STREAM
        assert listener.application == "shop-backend"
        assert listener.sdk.startswith("unleash-")
    wait_for_client(connected=False)
    counting.flush()  # what the client registered and counted makes no second client of it
    assert FlagClient.objects.count() == 1
    assert FlagUsage.objects.filter(source="unleash").exists()


@contextmanager
def listening(stream: str, token: str, **headers: str) -> Iterator[Listener]:
    address = f"{stream}/api/client/streaming"
    sent = {"Authorization": token, **headers}
    with requests.get(address, headers=sent, stream=True, timeout=DEADLINE) as response:
        yield Listener(response, response.iter_lines(chunk_size=1, decode_unicode=True))


def test_what_is_sent_is_all_at_first_then_what_changed_and_nothing_missed_is_nothing_sent(
    flag: Flag, staging: Environment, stream: str, token: str
) -> None:
    make_flag("other", staging)
    with listening(stream, token) as client:
        assert client.response.headers["Transfer-Encoding"] == "chunked"
        first = client.event()
        assert first["event"] == "unleash-connected"
        (hydration,) = first["data"]["events"]
        assert [one["name"] for one in hydration["features"]] == ["other", "shop"]
        turn(flag, staging, 1000)
        second = client.event()
        assert second["event"] == "unleash-updated"
        (change,) = second["data"]["events"]
        assert (change["type"], change["feature"]["name"]) == ("feature-updated", "shop")
    with listening(stream, token, **{"Last-Event-ID": second["id"]}) as client:
        assert next(client.lines).startswith("retry:")
        turn(flag, staging, 2000)
        assert client.event()["event"] == "unleash-updated"
    with listening(stream, token, **{"Last-Event-ID": second["id"]}) as client:
        assert client.event()["event"] == "unleash-connected"


def test_an_override_that_ends_is_told_without_a_new_revision(
    flag: Flag, staging: Environment, stream: str, token: str
) -> None:
    with listening(stream, token) as client:
        client.event()
        give_for_seconds(flag, staging)
        given = client.event()
        assert "user-1" in json.dumps(given)
        ended = client.event()
        assert "user-1" not in json.dumps(ended)
        assert ended["id"].split("-")[0] == given["id"].split("-")[0] == str(revision(staging))


@transaction.atomic
def give_for_seconds(flag: Flag, environment: Environment) -> None:
    state = flag.states.get(environment=environment)
    Override.objects.create(
        state=state,
        key="user-1",
        variant=flag.variants.get(name="on"),
        expires_at=datetime.now(UTC) + timedelta(seconds=3),
        reason="test",
    )
    publish(environment)


def test_who_may_not_listen_is_refused_and_a_revoked_token_ends_the_stream(
    flag: Flag, staging: Environment, stream: str, token: str
) -> None:
    for wrong in ("", "x", "Bearer rc_staging_wrong"):
        with listening(stream, wrong) as client:
            assert client.response.status_code == 401
            assert client.response.json()["name"] == "AuthenticationRequired"
    wrong_key = f"{stream}/stream/unleash?token=x"
    assert requests.get(wrong_key, timeout=DEADLINE).status_code == 401
    with listening(stream, f"Bearer {token}") as client:
        client.event()
        tokens.revoke(token=ApiToken.objects.get(), actor=OPERATOR)
        assert client.event() == {}
