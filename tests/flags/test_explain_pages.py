"""Asking why inside the admin: only reading, in words, never an error page."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from flags.changing import rollout
from flags.models import Flag, FlagState, RulesetEntry
from releases.models import Environment
from tests.flags.conftest import OPERATOR


@pytest.fixture
def state(universe: Flag, staging: Environment) -> FlagState:
    rollout.turn_dial(
        flag=universe, environment=staging, to=5_000, reason="<week 1>", actor=OPERATOR
    )
    return FlagState.objects.get(flag=universe, environment=staging)


@pytest.fixture
def asked(client: Client, state: FlagState, vic: User) -> Any:
    client.force_login(vic)

    def ask(**given: str) -> str:
        page = client.get(reverse("admin:flags_flagstate_explain", args=[state.pk]), given)
        assert page.status_code == 200
        return page.content.decode()

    return ask


def test_a_viewer_is_told_why_and_what_would_change_it(asked: Any) -> None:
    page = asked(key="user-2", attributes="country = DE", at="")
    assert "The user stands at 6.39 % on the line and the dial at 5 %." in page
    assert "Let in when the dial reaches 6.391 %." in page
    assert "set by test: &lt;week 1&gt;" in page


def test_the_form_alone_explains_nothing_yet(asked: Any) -> None:
    page = asked()
    assert "What else is known" in page
    assert "What would change it" not in page


def test_an_anonymous_user_and_a_past_moment(asked: Any, state: FlagState) -> None:
    assert "Without targetingKey there is no place on the line" in asked(key="")
    assert "had not been published here" in asked(key="u", at="2020-01-01T00:00:00")
    assert "still to come" in asked(key="u", at="2999-01-01T00:00:00")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"attributes": "country"}, "is not of the form name = value"),
        ({"attributes": "= x"}, "is not of the form name = value"),
        ({"attributes": "a = 1\n" * 51}, "At most 50 attributes."),
        ({"at": "yesterday"}, "Enter a valid date/time."),
        ({"key": "x" * 513}, "at most 512 characters"),
    ],
)
def test_what_cannot_be_read_is_refused_in_words(
    asked: Any, given: dict[str, str], said: str
) -> None:
    page = asked(**{"key": "u", **given})
    assert said in page
    assert "What would change it" not in page


def test_attributes_are_numbers_where_they_look_like_it(asked: Any, state: FlagState) -> None:
    document = RulesetEntry.objects.get(
        environment=state.environment, key="universe-v2", current=True
    )
    adults = {"attribute": "age", "operator": "num_gte", "values": ["18"]}
    assert document.document is not None
    document.document["rules"] = [
        {
            "name": "Adults",
            "conditions": [adults],
            "segments": [],
            "percentage": 100_000,
            "variant": "on",
        }
    ]
    document.save()
    assert "Rule 1 “Adults” matches." in asked(key="u", attributes="age = 21")
    younger = asked(key="u", attributes='age = "17"')
    assert "Rule 1 “Adults” would match if age ≥ 18." in younger
    assert "Does not hold: age ≥ 18 (age is “17”)" in younger


def test_without_a_role_there_is_no_page(client: Client, state: FlagState, dan: User) -> None:
    client.force_login(dan)
    page = client.get(reverse("admin:flags_flagstate_explain", args=[state.pk]), {"key": "u"})
    assert page.status_code in {302, 403}
