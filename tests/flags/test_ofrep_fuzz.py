"""Hostile questions to the OFREP callable: answered or refused, and never an error of ours."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from flags.models import Flag, FlagState, TargetingRule
from releases.models import Environment
from tests.flags.conftest import republish
from tests.flags.ofrep_kit import BULK, ONE, call

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("keeper")]


@pytest.fixture
def hostile_ground(universe: Flag, staging: Environment, token: str) -> str:
    """A flag whose rules look at everything, so that whatever is sent is also compared."""
    state = FlagState.objects.get(flag=universe, environment=staging)
    FlagState.objects.filter(pk=state.pk).update(dial=50_000)
    Flag.objects.filter(pk=universe.pk).update(bucket_by="a")
    looks = [
        *(("in", "x"), ("contains", "x"), ("num_gt", "1"), ("num_eq", "1e3")),
        *(("date_after", "2026-01-01T00:00:00Z"), ("semver_gt", "1.2.3")),
    ]
    for position, (operator, value) in enumerate(looks):
        condition = {
            "attribute": "a",
            "operator": operator,
            "values": [value],
            "negate": position % 2 == 1,
            "fold_case": False,
        }
        TargetingRule.objects.create(
            state=state, position=position, name=operator, conditions=[condition], percentage=50_000
        )
    republish(staging)
    assert call(ONE, token=token).status == 200
    return token


values = st.recursive(
    st.none()
    | st.booleans()
    | st.floats()
    | st.integers()
    | st.integers(10**300, 10**400)
    | st.text()
    | st.sampled_from(["1.2.3", "2026-11-23T00:00:00Z", "1e999", "-0", "\x00", "🏳️‍🌈"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
bodies = (
    st.binary(max_size=100)
    | values.map(lambda value: json.dumps(value).encode())
    | values.map(lambda value: json.dumps({"context": value}).encode())
    | values.map(lambda value: json.dumps({"context": {"a": value}}).encode())
    | values.map(lambda value: json.dumps({"context": {"targetingKey": value}}).encode())
)
NASTY = [
    b'{"context":{"a":' + b"[" * 50_000,
    b'{"context":{"a":' + b'{"a":' * 10_000 + b"1" + b"}" * 10_002,
    b'{"context":{"a":' + b"[" * 900 + b"]" * 900 + b'},"x":"\\u0041"}',
    b'{"context":{"a":' + b"9" * 4000 + b"}}",
    b'{"context":{"a":' + b"9" * 60_000 + b"}}",
    b'{"context":{"a":1e308,"a":1}}',
    b'{"context":{"a":-Infinity}}',
    b'{"context":{"a":"\\ud83c"}}',
    b'{"context":{"\\udfff":1}}',
    b"\xef\xbb\xbf{}",
    b"\xff\xfe{\x00}\x00",
    b'{"context":{"a":"\xc3\x28"}}',
    b" \t\r\n{} ",
    b"{}\x00",
]


@pytest.mark.parametrize("path", [ONE, BULK])
def test_nasty_bodies_are_answered_or_refused(hostile_ground: str, path: str) -> None:
    for body in NASTY:
        assert call(path, body, token=hostile_ground).status in {200, 400}, body[:60]


@hypothesis_settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    body=bodies,
    path=st.sampled_from([ONE, BULK]) | st.text(max_size=20).map(lambda text: f"{BULK}/{text}"),
    query=st.text(max_size=20).map(lambda text: f"flagConfigEtag={text}"),
    tag=st.text(max_size=20),
    agent=st.text(max_size=20),
)
def test_nothing_that_is_sent_is_an_error_of_ours(
    hostile_ground: str, body: bytes, path: str, query: str, tag: str, agent: str
) -> None:
    path = path.encode("utf-8", "replace").decode()
    told = call(
        path,
        body,
        token=hostile_ground,
        QUERY_STRING=query,
        HTTP_IF_NONE_MATCH=tag,
        HTTP_USER_AGENT=agent,
    )
    assert told.status < 500
    assert told.status == 304 or isinstance(told.json, dict)
