"""What OFREP 0.3.0's OpenAPI document asks of every status, as a table; limits; what is counted.

Source of the table: open-feature/protocol, service/openapi.yaml 0.3.0, told in our own words.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from flags.api import ofrep
from flags.api.limiting import Limiter
from flags.api.tally import tally
from flags.models import Flag, FlagClient, FlagUsage, Variant
from flags.serving import counting, ruleset
from releases import tokens
from releases.models import ApiToken, Environment
from tests.flags.conftest import OPERATOR, make_flag, republish
from tests.flags.ofrep_kit import BULK, ONE, call

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("keeper")]

REASONS = {"STATIC", "TARGETING_MATCH", "SPLIT", "DISABLED", "UNKNOWN"}
CODES = {"PARSE_ERROR", "TARGETING_KEY_MISSING", "INVALID_CONTEXT", "GENERAL", "FLAG_NOT_FOUND"}
HUGE = b'{"context":{"a":"' + b"x" * 70_000 + b'"}}'


# --- The table ----------------------------------------------------------------------------------
@dataclass(frozen=True)
class Row:
    """A question and what the document says of its answer."""

    says: str
    path: str
    status: int
    body: bytes = b'{"context":{"targetingKey":"user-1"}}'
    method: str = "POST"
    who: str = "evaluate"
    keys: frozenset[str] = frozenset()
    code: str = ""
    headers: frozenset[str] = frozenset()
    more: dict[str, str] = field(default_factory=dict)


ANSWER = frozenset({"key", "value", "reason", "variant"})
FAILURE = frozenset({"key", "errorCode", "errorDetails"})
BULK_FAILURE = frozenset({"errorCode", "errorDetails"})
DETAILS = frozenset({"errorDetails"})
TAG = frozenset({"ETag"})
AGAIN = frozenset({"Retry-After"})
TABLE = [
    Row("one flag", ONE, 200, keys=ANSWER),
    Row("one flag, no context", ONE, 200, b"{}", keys=ANSWER),
    Row("a slash in the key, decoded", f"{BULK}/team/a", 200, keys=ANSWER),
    Row("all flags", BULK, 200, keys=frozenset({"flags", "metadata", "eventStreams"}), headers=TAG),
    Row("all flags, known", BULK, 304, more={"HTTP_IF_NONE_MATCH": "*"}, headers=TAG),
    Row("one flag, no JSON", ONE, 400, b"{", keys=FAILURE, code="PARSE_ERROR"),
    Row("one flag, empty", ONE, 400, b"", keys=FAILURE, code="PARSE_ERROR"),
    Row("all, no JSON", BULK, 400, b"{", keys=BULK_FAILURE, code="PARSE_ERROR"),
    Row(
        "context of a wrong kind", ONE, 400, b'{"context":[]}', keys=FAILURE, code="INVALID_CONTEXT"
    ),
    Row("all: wrong kind", BULK, 400, b'{"context":7}', keys=BULK_FAILURE, code="INVALID_CONTEXT"),
    Row(
        *("key that is null", ONE, 400, b'{"context":{"targetingKey":null}}'),
        keys=FAILURE,
        code="TARGETING_KEY_MISSING",
    ),
    Row("a flag that is broken", f"{BULK}/broken", 400, keys=FAILURE, code="GENERAL"),
    Row("no token", ONE, 401, who="", keys=DETAILS, headers=frozenset({"WWW-Authenticate"})),
    Row("all, no token", BULK, 401, who="", keys=DETAILS),
    Row("a token we never gave", ONE, 401, who="wrong", keys=DETAILS),
    Row("a token for something else", ONE, 403, who="manage", keys=DETAILS),
    Row("all: for something else", BULK, 403, who="manage", keys=DETAILS),
    Row("an unknown flag", f"{BULK}/none", 404, keys=FAILURE, code="FLAG_NOT_FOUND"),
    Row("another address", "/ofrep/v1/configuration", 404, keys=DETAILS),
    Row("another method", ONE, 405, method="GET", keys=DETAILS, headers=frozenset({"Allow"})),
    Row("too large", ONE, 413, HUGE, keys=FAILURE, code="GENERAL"),
    Row("all: too large", BULK, 413, HUGE, keys=BULK_FAILURE, code="GENERAL"),
    Row("too many", ONE, 429, who="spent", keys=DETAILS, headers=AGAIN),
    Row("all: too many", BULK, 429, who="spent", keys=DETAILS, headers=AGAIN),
]


@pytest.fixture
def holders(
    universe: Flag, staging: Environment, token: str, monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    """Tokens by what they may do; the limit is low for the one that is spent."""
    make_flag("team/a", staging)
    Variant.objects.filter(flag=make_flag("broken", staging), is_off=True).delete()
    republish(staging)
    made = {"evaluate": token, "": "", "wrong": "rc_staging_wrong"}
    for name, scope in (("manage", ApiToken.Scope.MANAGE), ("spent", ApiToken.Scope.EVALUATE)):
        made[name] = tokens.issue(environment=staging, scope=scope, name=name, actor=OPERATOR)[1]
    limiter = Limiter(rate=0.5, burst=100, clock=lambda: 0.0)
    spent = ApiToken.objects.get(name="spent").pk
    for _ in range(100):
        assert limiter.seconds_to_wait(spent) == 0
    monkeypatch.setattr(ofrep, "limiter", limiter)
    return made


def test_every_status_has_the_body_and_the_headers_that_the_document_names(
    holders: dict[str, str],
) -> None:
    for row in TABLE:
        told = call(row.path, row.body, token=holders[row.who], method=row.method, **row.more)
        assert (row.says, told.status) == (row.says, row.status)
        assert row.headers <= told.headers.keys(), row.says
        if told.status == 304:
            assert told.body == b""
            continue
        assert told.headers["Content-Type"] == "application/json"
        assert told.headers["Content-Length"] == str(len(told.body))
        assert (row.says, sorted(told.json)) == (row.says, sorted(row.keys))
        assert told.json.get("errorCode", "") == row.code
        assert row.code in CODES | {""}


def test_after_how_long_to_come_back_is_whole_seconds_and_never_zero(
    holders: dict[str, str],
) -> None:
    assert call(ONE, token=holders["spent"]).headers["Retry-After"] == "2"


def test_every_answer_has_value_variant_and_a_reason_of_the_list(holders: dict[str, str]) -> None:
    for user in ("", "user-1", "user-2"):
        body = json.dumps({"context": {"targetingKey": user}}).encode()
        answers = [call(ONE, body, token=holders["evaluate"]).json]
        answers += call(BULK, body, token=holders["evaluate"]).json["flags"]
        for answer in answers:
            if "errorCode" in answer:
                assert answer.keys() == FAILURE
                continue
            told = answer.pop("metadata", {"some": "thing"})
            assert answer.keys() == ANSWER
            assert answer["reason"] in REASONS
            assert told
            assert all(isinstance(v, str | int | float | bool) for v in told.values())


def test_another_site_may_read_what_a_browser_would_hide(holders: dict[str, str]) -> None:
    told = call(BULK, token=holders["evaluate"], HTTP_ORIGIN="https://app.example")
    assert told.headers["Access-Control-Allow-Origin"] == "*"
    assert {"ETag", "Retry-After"} <= set(told.headers["Access-Control-Expose-Headers"].split(", "))


def test_the_limit_is_per_token(holders: dict[str, str]) -> None:
    assert call(ONE, token=holders["spent"]).status == 429
    assert call(ONE, token=holders["evaluate"]).status == 200


def test_inventing_revisions_holds_no_thread_for_long(
    holders: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[int] = []
    waited = ruleset.wait_for_revision

    def wait(environment: str, revision: int, timeout: float) -> Any:
        waits.append(revision)
        return waited(environment, revision, timeout / 10)

    monkeypatch.setattr(ruleset, "wait_for_revision", wait)
    monkeypatch.setattr(ofrep, "VAIN_SECONDS", 3600.0)
    monkeypatch.setattr(ofrep, "_in_vain", {})
    for _ in range(20):
        asked = call(BULK, token=holders["evaluate"], QUERY_STRING="flagConfigEtag=999999")
        assert asked.status == 200
    assert waits == [999999]


# --- What is counted ----------------------------------------------------------------------------
def test_what_was_answered_and_who_asked_is_counted_soon_after(
    universe: Flag, staging: Environment, token: str
) -> None:
    for _ in range(3):
        call(ONE, token=token)
    call(BULK, token=token, HTTP_USER_AGENT="Mozilla/5.0")
    tally.stop()
    counting.flush()
    usage = FlagUsage.objects.get()
    assert (usage.flag_key, usage.variant, usage.dial, usage.count) == ("universe-v2", "off", 0, 4)
    clients = {client.sdk: client for client in FlagClient.objects.all()}
    assert clients.keys() == {"contract", "Mozilla/5.0"}
    revision = ruleset.current("staging").revision
    for client in clients.values():
        assert (client.protocol, client.revision) == ("ofrep", revision)
        assert client.instance.startswith(f"{client.sdk} #")
        assert "127.0.0.1" not in client.instance
