"""The stock Unleash client for Python against our answers, over HTTP; and what is refused."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from wsgiref.simple_server import make_server

import pytest
import requests
from hypothesis import HealthCheck, given
from hypothesis import settings as trials
from hypothesis import strategies as st
from UnleashClient.clients.unleash_client import UnleashClient
from UnleashClient.events import UnleashEventType

from flags.api import unleash
from flags.api.unleash import unleash_app
from flags.changing import rollout
from flags.models import Flag, FlagClient, FlagUsage
from flags.serving import counting, ruleset
from releases.models import Environment
from tests.flags.conftest import OPERATOR, QuietHandler, Server, make_flag

pytestmark = pytest.mark.django_db(transaction=True)
DEADLINE = 20.0


@pytest.fixture
def base(keeper: None) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, unleash_app, Server, QuietHandler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/api"
    server.shutdown()
    thread.join()
    server.server_close()
    counting.stop()


@pytest.fixture
def flag(staging: Environment) -> Flag:
    return make_flag("shop", staging)


def turn(flag: Flag, environment: Environment, to: int) -> int:
    held = ruleset.current(environment.slug).revision
    rollout.turn_dial(flag=flag, environment=environment, to=to, reason="test", actor=OPERATOR)
    return ruleset.wait_for_revision(environment.slug, held + 1, 10).revision


class Heard:
    """What the client told of itself; `wait` until the n-th fetch."""

    def __init__(self) -> None:
        self.fetched = 0
        self._news = threading.Condition()

    def __call__(self, event: Any) -> None:
        if event.event_type is UnleashEventType.FETCHED:
            with self._news:
                self.fetched += 1
                self._news.notify_all()

    def wait(self, holds: Callable[[], bool]) -> None:
        with self._news:
            assert self._news.wait_for(holds, DEADLINE), "the client was not told in time"


def test_the_client_decides_as_we_do_and_hears_of_a_change(
    flag: Flag, staging: Environment, base: str, token: str, tmp_path: Path
) -> None:
    heard = Heard()
    turn(flag, staging, 25_000)
    client = UnleashClient(
        base,
        "shop-backend",
        instance_id="backend-1",
        custom_headers={"Authorization": token},
        refresh_interval=1,
        metrics_interval=1,
        cache_directory=str(tmp_path),
        event_callback=heard,
    )
    try:
        client.initialize_client()
        resolve = ruleset.current("staging").flags["shop"]
        for number in range(500):
            ours = resolve({"targetingKey": f"user-{number}"}).variant == "on"
            assert client.is_enabled("shop", {"userId": f"user-{number}"}) is ours
        inside = next(n for n in range(500) if resolve({"targetingKey": f"user-{n}"}).value)
        rollout.kill(flag=flag, environment=staging, reason="errors", actor=OPERATOR)
        heard.wait(lambda: not client.is_enabled("shop", {"userId": f"user-{inside}"}))
    finally:
        client.destroy()
    counting.flush()
    told = FlagClient.objects.get(protocol="unleash", environment=staging)
    assert told.application == "shop-backend"
    assert told.sdk.startswith("unleash-")
    assert told.revision is not None
    counts = {row.variant: row.count for row in FlagUsage.objects.filter(source="unleash")}
    assert counts["on"] > 100
    assert sum(counts.values()) >= 500


# --- Without a client ---------------------------------------------------------------------------
def get(base: str, path: str, token: str = "", **headers: str) -> requests.Response:
    sent = {"Authorization": token, **{name.replace("_", "-"): v for name, v in headers.items()}}
    return requests.get(f"{base}/client/{path}", headers=sent, timeout=10, allow_redirects=False)


def post(base: str, path: str, token: str, body: Any) -> requests.Response:
    return requests.post(
        f"{base}/client/{path}",
        json=None if isinstance(body, bytes) else body,
        data=body if isinstance(body, bytes) else None,
        headers={"Authorization": token},
        timeout=10,
    )


def test_the_tag_stays_until_something_changes(
    flag: Flag, staging: Environment, base: str, token: str
) -> None:
    first = get(base, "features", token)
    assert first.status_code == 200
    again = get(base, "features", token, If_None_Match=first.headers["ETag"])
    assert (again.status_code, again.content) == (304, b"")
    turn(flag, staging, 1000)
    assert get(base, "features", token, If_None_Match=first.headers["ETag"]).status_code == 200


def test_who_may_not_ask_is_refused(flag: Flag, base: str, token: str) -> None:
    assert get(base, "features").status_code == 401
    assert get(base, "features", "rc_staging_wrong").status_code == 401
    assert get(base, "features", f"Bearer {token}").status_code == 200
    assert get(base, "nothing", token).status_code == 404
    assert post(base, "features", token, {}).status_code == 405
    moved = get(base, "streaming", token)
    assert moved.status_code == 307
    assert "/stream/unleash?token=" in moved.headers["Location"]


def metrics(**toggles: Any) -> dict[str, Any]:
    span = {"start": "2026-11-23T10:00:00Z", "stop": "2026-11-23T10:01:00Z"}
    return {"appName": "a", "instanceId": "i", "bucket": {**span, "toggles": toggles}}


def test_metrics_sent_twice_count_once(flag: Flag, base: str, token: str) -> None:
    for _ in range(2):
        sent = metrics(shop={"yes": 3, "no": 2, "variants": {}}, unknown={"yes": 9, "no": 9})
        assert post(base, "metrics", token, sent).status_code == 202
    counting.flush()
    counts = {row.variant: row.count for row in FlagUsage.objects.all()}
    assert counts == {"on": 3, "off": 2}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b"[" * 60_000,
        {"bucket": 3},
        metrics(shop=3),
        metrics(shop={"yes": -1}),
        metrics(shop={"yes": 1.5}),
        metrics(shop={"yes": True}),
        metrics(shop={"yes": 10**12}),
        metrics(shop={"yes": 1, "variants": []}),
        metrics(**{str(n): {} for n in range(unleash.MOST_TOGGLES + 1)}),
    ],
    ids=str,
)
def test_odd_metrics_are_refused_and_nothing_counts(
    flag: Flag, base: str, token: str, body: Any
) -> None:
    assert post(base, "metrics", token, body).status_code == 400
    counting.flush()
    assert not FlagUsage.objects.exists()


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=10,
)


@trials(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(path=st.sampled_from(("register", "metrics")), body=_json)
def test_whatever_is_sent_is_no_fault_of_ours(
    flag: Flag, base: str, token: str, path: str, body: Any
) -> None:
    assert post(base, path, token, body).status_code in {202, 400}
