"""Explanations over the API."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User

from flags.changing import rollout
from flags.models import Flag
from releases.models import Environment
from tests.api.conftest import is_problem
from tests.flags.conftest import OPERATOR, make_flag

WHERE = "/flags/universe-v2/explain"


@pytest.fixture
def flag(staging: Environment) -> Flag:
    made = make_flag("universe-v2", staging)
    rollout.turn_dial(flag=made, environment=staging, to=5_000, reason="t", actor=OPERATOR)
    return made


def test_query_and_body_are_told_the_same(call: Any, flag: Flag, vic: User) -> None:
    asked = call(vic, "GET", f"{WHERE}?environment=staging&targetingKey=user-2&country=DE")
    body = {
        "environment": "staging",
        "context": {"targetingKey": "user-2", "country": "DE", "odd": {"deep": [1]}},
    }
    posted = call(vic, "POST", WHERE, body)
    assert asked.status_code == posted.status_code == 200
    told = asked.json()
    assert {**told, "moment": ""} == {**posted.json(), "moment": ""}
    assert (told["variant"], told["place"], told["dial"]) == ("off", "6.39", "5")
    assert (told["decided_by"], told["reason"], told["revision"]) == ("dial", "SPLIT", 2)
    assert (told["set_by"]["actor"], told["set_by"]["reason"]) == (OPERATOR.name, "t")
    assert told["changes"] == ["Let in when the dial reaches 6.391 %."]


def test_an_earlier_revision_is_told_as_it_was(call: Any, flag: Flag, vic: User) -> None:
    body = {"environment": "staging", "context": {"targetingKey": "user-2"}, "revision": 1}
    told = call(vic, "POST", WHERE, body).json()
    assert (told["revision"], told["decision"]) == (
        1,
        "The dial is at 0 %: nobody is let in by it.",
    )


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        (WHERE, {"environment": "nowhere"}, 409, "no-such-environment"),
        ("/flags/other/explain", {"environment": "staging"}, 409, "before-its-time"),
        ("/flags/%00/explain", {"environment": "staging"}, 422, "unreadable-text"),
        (WHERE, {"environment": "staging", "revision": 99}, 409, "no-such-revision"),
        (WHERE, {"environment": "staging", "at": "2999-01-01T00:00:00Z"}, 409, "moment-to-come"),
        (WHERE, {"environment": "staging", "at": "soon"}, 422, "does-not-fit"),
        (WHERE, {"environment": "staging", "revision": 2**80}, 422, "does-not-fit"),
        (WHERE, {"environment": "staging", "context": []}, 422, "does-not-fit"),
        (
            WHERE,
            {"environment": "staging", "context": {str(n): n for n in range(101)}},
            422,
            "does-not-fit",
        ),
        (WHERE, {}, 422, "does-not-fit"),
    ],
)
def test_what_cannot_be_explained_is_a_problem(
    call: Any, flag: Flag, vic: User, path: str, body: Any, status: int, code: str
) -> None:
    is_problem(call(vic, "POST", path, body), status, code)


def test_half_a_character_is_refused_before_anything_is_asked(
    call: Any, flag: Flag, vic: User
) -> None:
    body = '{"environment": "staging", "context": {"targetingKey": "\\ud800"}}'
    is_problem(call(vic, "POST", WHERE, body), 422, "unreadable-text")


def test_it_needs_a_token_and_the_right_to_see_flags(call: Any, flag: Flag, dan: User) -> None:
    is_problem(call(None, "GET", f"{WHERE}?environment=staging"), 401, "no-token")
    is_problem(call(dan, "GET", f"{WHERE}?environment=staging"), 403, "not-permitted")
