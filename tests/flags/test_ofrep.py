"""OFREP over real HTTP: the answers, the exact error bodies, and what hostile clients send."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import requests
from django.conf import settings

from flags.api import ofrep_request
from flags.changing import rollout
from flags.models import Flag, FlagState, RulesetRevision, Variant
from flags.serving import ruleset
from releases import tokens
from releases.models import ApiToken, Environment
from tests.flags.conftest import OPERATOR, make_flag, republish

pytestmark = pytest.mark.django_db(transaction=True)

SINGLE = "/ofrep/v1/evaluate/flags/universe-v2"
BULK = "/ofrep/v1/evaluate/flags"
Ask = Callable[..., requests.Response]


@pytest.fixture
def ask(ofrep: str, token: str) -> Ask:
    """POST to the server as an application with a good token does."""

    def post(path: str, body: Any = None, headers: Any = None) -> requests.Response:
        sent = {"Authorization": f"Bearer {token}", **(headers or {})}
        if not isinstance(body, str | bytes):
            body = json.dumps(body or {"context": {}})
        return requests.post(ofrep + path, data=body, headers=sent, timeout=10)

    return post


def turn(flag: Flag, environment: Environment, to: int) -> None:
    rollout.turn_dial(flag=flag, environment=environment, to=to, reason="test", actor=OPERATOR)
    revision = RulesetRevision.objects.get(environment=environment).revision
    ruleset.wait_for_revision(environment.slug, revision, 10)


def for_user(key: str) -> dict[str, Any]:
    return {"context": {"targetingKey": key, "plan": "pro"}}


def test_an_exposed_and_a_not_exposed_user_get_their_answers(
    universe: Flag, staging: Environment, ask: Ask
) -> None:
    turn(universe, staging, 10_000)
    exposed, other = ask(SINGLE, for_user("user-2")), ask(SINGLE, for_user("user-1"))
    assert exposed.status_code == other.status_code == 200
    assert exposed.headers["Content-Type"] == "application/json"
    shared = {"key": "universe-v2", "reason": "SPLIT"}
    assert exposed.json() == {**shared, "value": True, "variant": "on"}
    assert other.json() == {**shared, "value": False, "variant": "off"}


@pytest.mark.parametrize("body", ["{}", {"context": {}}, for_user("")])
def test_somebody_without_a_key_is_answered_and_not_refused(
    universe: Flag, staging: Environment, ask: Ask, body: Any
) -> None:
    turn(universe, staging, 99_999)
    assert ask(SINGLE, body).json()["variant"] == "off"
    turn(universe, staging, 100_000)
    assert ask(SINGLE, body).json()["variant"] == "on"


def test_a_killed_flag_answers_off_with_value_variant_and_reason(
    universe: Flag, staging: Environment, ask: Ask
) -> None:
    turn(universe, staging, 100_000)
    rollout.kill(flag=universe, environment=staging, reason="errors", actor=OPERATOR)
    ruleset.wait_for_revision("staging", ruleset.current("staging").revision + 1, 10)
    assert ask(SINGLE).json() == {
        "key": "universe-v2",
        "value": False,
        "variant": "off",
        "reason": "DISABLED",
        "metadata": {"killed": True},
    }


def test_whole_floats_are_sent_as_floats(staging: Environment, ask: Ask) -> None:
    flag = make_flag("ratio", staging)
    Flag.objects.filter(pk=flag.pk).update(kind=Flag.Kind.NUMBER)
    Variant.objects.filter(flag=flag).update(value=1.0)
    republish(staging)
    assert '"value":1.0,' in ask(f"{BULK}/ratio").text


def test_the_key_may_come_in_either_header(universe: Flag, ofrep: str, token: str) -> None:
    for headers in ({"X-API-Key": token}, {"Authorization": f"bearer {token}"}):
        answer = requests.post(ofrep + SINGLE, json={}, headers=headers, timeout=10)
        assert answer.status_code == 200


# --- All flags ----------------------------------------------------------------------------------
def test_bulk_holds_every_flag_of_the_environment_and_where_to_listen(
    universe: Flag, staging: Environment, production: Environment, ask: Ask
) -> None:
    make_flag("editor", staging)
    make_flag("elsewhere", production)
    turn(universe, staging, 100_000)
    answer = ask(BULK, for_user("user-1")).json()
    assert {flag["key"]: flag["value"] for flag in answer["flags"]} == {
        "universe-v2": True,
        "editor": False,
    }
    assert answer["metadata"]["environment"] == "staging"
    (stream,) = answer["eventStreams"]
    assert stream["type"] == "sse"
    assert stream["url"].startswith(f"{settings.STREAM_URL}/stream/flags?token=")


def test_a_flag_without_an_answer_is_a_failure_of_its_own(
    universe: Flag, staging: Environment, ask: Ask
) -> None:
    Variant.objects.filter(flag=make_flag("broken", staging), is_off=True).delete()
    republish(staging)
    failure = next(flag for flag in ask(BULK).json()["flags"] if flag["key"] == "broken")
    assert failure["errorCode"] == "GENERAL"
    assert "off variant" in failure["errorDetails"]
    single = ask(f"{BULK}/broken")
    assert (single.status_code, single.json()["errorCode"]) == (400, "GENERAL")


def test_the_tag_stays_for_the_same_question_and_is_answered_by_304(
    universe: Flag, ask: Ask
) -> None:
    first = ask(BULK, for_user("user-1"))
    for known in (first.headers["ETag"], f'"other", W/{first.headers["ETag"]}'):
        again = ask(BULK, for_user("user-1"), headers={"If-None-Match": known})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["ETag"] == first.headers["ETag"]


def test_the_tag_changes_with_the_context_and_with_the_flags(
    universe: Flag, staging: Environment, ask: Ask
) -> None:
    tags = [ask(BULK, for_user(key)).headers["ETag"] for key in ("user-1", "user-2")]
    turn(universe, staging, 1)
    tags.append(ask(BULK, for_user("user-1")).headers["ETag"])
    assert len(set(tags)) == 3
    changed = ask(BULK, for_user("user-1"), headers={"If-None-Match": tags[0]})
    assert changed.status_code == 200


def test_a_client_that_heard_of_a_newer_revision_gets_it_and_nonsense_is_ignored(
    universe: Flag, staging: Environment, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flags.api.ofrep.CATCH_UP_SECONDS", 10.0)
    held = int(ask(BULK).headers["X-Ruleset-Revision"])
    rollout.turn_dial(flag=universe, environment=staging, to=5, reason="test", actor=OPERATOR)
    told = ask(f"{BULK}?flagConfigEtag={held + 1}&flagConfigLastModified=1")
    assert int(told.headers["X-Ruleset-Revision"]) == held + 1
    for nonsense in ("x", "-1", "٣", "9" * 40, "%00", '"'):
        assert ask(f"{BULK}?flagConfigEtag={nonsense}").status_code == 200


# --- Errors -------------------------------------------------------------------------------------
def test_an_unknown_flag_is_not_found(universe: Flag, ask: Ask) -> None:
    for key in ("nothing", "a/b", "%2e%2e", "universe-v2/", "ä"):
        answer = ask(f"{BULK}/{key}")
        assert answer.status_code == 404
        assert answer.json()["errorCode"] == "FLAG_NOT_FOUND"
        assert set(answer.json()) == {"key", "errorCode", "errorDetails"}
    assert ask(f"{BULK}/nothing").json()["key"] == "nothing"
    assert ask(f"{BULK}/ä").json()["key"] == "ä"


WRONG: list[tuple[str | bytes, str]] = [
    ('{"context": 3}', "INVALID_CONTEXT"),
    ('{"context": null}', "INVALID_CONTEXT"),
    ('{"context": []}', "INVALID_CONTEXT"),
    ('{"context": {"targetingKey": 7}}', "INVALID_CONTEXT"),
    ('{"context": {"targetingKey": ["a"]}}', "INVALID_CONTEXT"),
    ('{"context": {"targetingKey": true}}', "INVALID_CONTEXT"),
    ('{"context": {"targetingKey": null}}', "TARGETING_KEY_MISSING"),
    ("", "PARSE_ERROR"),
    ("nothing", "PARSE_ERROR"),
    ("[]", "PARSE_ERROR"),
    ("null", "PARSE_ERROR"),
    ('{"context": {}', "PARSE_ERROR"),
    ('{"context": {}} {}', "PARSE_ERROR"),
    ('{"context": {"n": NaN}}', "PARSE_ERROR"),
    ('{"context": {"n": -Infinity}}', "PARSE_ERROR"),
    ('{"context": {"n": 1e999}}', "PARSE_ERROR"),
    ('{"context": {"n": ' + "9" * 5000 + "}}", "PARSE_ERROR"),
    ('{"context": {"a": 1, "a": 2}}', "PARSE_ERROR"),
    ('{"context": {}, "context": {"targetingKey": "u"}}', "PARSE_ERROR"),
    ('{"context": {"targetingKey": "\\ud800"}}', "PARSE_ERROR"),
    ('{"context": {"x": ["\\udfff"]}}', "PARSE_ERROR"),
    ('{"context": {"x": ' + "[" * 30_000 + "]" * 30_000 + "}}", "PARSE_ERROR"),
    ('{"context": ' * 4000 + "{}" + "}" * 4000, "PARSE_ERROR"),
    (b'{"context": {"targetingKey": "\xff"}}', "PARSE_ERROR"),
    (b"\xef\xbb\xbf{}", "PARSE_ERROR"),
]


@pytest.mark.parametrize("path", [SINGLE, BULK])
def test_what_is_wrong_with_a_question_is_said_in_words(
    universe: Flag, ask: Ask, path: str
) -> None:
    for body, code in WRONG:
        answer = ask(path, body)
        said = answer.json()
        assert (body[:60], answer.status_code, said["errorCode"]) == (body[:60], 400, code)
        assert said["errorDetails"]
        assert said.get("key") == ("universe-v2" if path == SINGLE else None)


def test_a_body_too_large_is_refused_before_it_is_read(universe: Flag, ask: Ask) -> None:
    padding = "x" * ofrep_request.LARGEST_BODY
    answer = ask(SINGLE, {"context": {"padding": padding}})
    assert answer.status_code == 413
    assert str(ofrep_request.LARGEST_BODY) in answer.json()["errorDetails"]
    fits = {"context": {"padding": padding[:-60]}}
    assert ask(SINGLE, fits).status_code == 200


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD", "PATCH"])
def test_other_methods_are_not_allowed(ofrep: str, token: str, method: str) -> None:
    answer = requests.request(method, ofrep + BULK, timeout=10)
    assert answer.status_code == 405
    assert answer.headers["Allow"] == "POST, OPTIONS"


def test_without_a_good_token_nothing_is_answered(
    universe: Flag, staging: Environment, ofrep: str, token: str
) -> None:
    for headers in ({}, {"Authorization": "Basic eA=="}, {"X-API-Key": "rc_staging_x"}):
        answer = requests.post(ofrep + SINGLE, json={}, headers=headers, timeout=10)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert set(answer.json()) == {"errorDetails"}


def test_a_token_for_something_else_is_forbidden(
    universe: Flag, staging: Environment, ofrep: str
) -> None:
    _, text = tokens.issue(
        environment=staging, scope=ApiToken.Scope.MANAGE, name="m", actor=OPERATOR
    )
    answer = requests.post(ofrep + SINGLE, json={}, headers={"X-API-Key": text}, timeout=10)
    assert answer.status_code == 403


def test_a_token_sees_only_its_own_environment(
    universe: Flag, production: Environment, ask: Ask
) -> None:
    turn(universe, production, 100_000)
    assert ask(SINGLE).json()["value"] is False


def test_any_site_may_ask_with_a_token(ofrep: str) -> None:
    answer = requests.options(
        ofrep + BULK,
        headers={"Origin": "https://app.example", "Access-Control-Request-Method": "POST"},
        timeout=10,
    )
    assert answer.status_code == 204
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    allowed = answer.headers["Access-Control-Allow-Headers"].lower()
    assert {"authorization", "content-type", "if-none-match"} <= set(allowed.split(", "))


def test_an_answer_from_an_old_ruleset_says_how_old_it_is(
    universe: Flag, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "X-Ruleset-Age" not in ask(SINGLE).headers
    monkeypatch.setattr("flags.api.ofrep_answers.STALE_SECONDS", -1.0)
    assert ask(SINGLE).headers["X-Ruleset-Age"] in {"0", "1", "2"}


def test_answers_come_from_memory_and_not_from_the_rows(universe: Flag, ask: Ask) -> None:
    assert ask(SINGLE).json()["value"] is False
    FlagState.objects.update(dial=100_000)  # not published, so nobody may notice
    assert ask(SINGLE).json()["value"] is False
