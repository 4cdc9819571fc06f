"""The stock OpenFeature client for Python against our answers, over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import FlagEvaluationDetails, Reason
from openfeature.provider import AbstractProvider

from flags.changing import rollout
from flags.models import Flag, Variant
from flags.serving import ruleset
from releases.models import Environment
from tests.flags.conftest import OPERATOR, make_flag, republish

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def provider(ofrep: str, token: str) -> OFREPProvider:
    return OFREPProvider(ofrep, headers_factory=lambda: {"Authorization": f"Bearer {token}"})


@pytest.fixture
def client(provider: AbstractProvider) -> Iterator[OpenFeatureClient]:
    api.set_provider_and_wait(provider, "flags-test")
    yield api.get_client("flags-test")
    api.shutdown()


def ask(
    client: OpenFeatureClient, user: str | None, *, default: bool
) -> FlagEvaluationDetails[bool]:
    return client.get_boolean_details("universe-v2", default, EvaluationContext(user))


def turn(flag: Flag, environment: Environment, to: int) -> None:
    held = ruleset.current(environment.slug).revision
    rollout.turn_dial(flag=flag, environment=environment, to=to, reason="test", actor=OPERATOR)
    ruleset.wait_for_revision(environment.slug, held + 1, 10)


def test_the_client_reads_our_decisions(
    universe: Flag, staging: Environment, client: OpenFeatureClient
) -> None:
    turn(universe, staging, 10_000)
    exposed, other = ask(client, "user-2", default=False), ask(client, "user-1", default=True)
    assert (exposed.value, exposed.variant, exposed.reason) == (True, "on", Reason.SPLIT)
    assert (other.value, other.variant, other.reason) == (False, "off", Reason.SPLIT)
    assert ask(client, None, default=True).value is False


def test_a_killed_feature_is_off_even_where_the_code_defaults_to_on(
    universe: Flag, staging: Environment, client: OpenFeatureClient
) -> None:
    turn(universe, staging, 100_000)
    assert ask(client, "user-1", default=False).value is True
    held = ruleset.current("staging").revision
    rollout.kill(flag=universe, environment=staging, reason="errors", actor=OPERATOR)
    ruleset.wait_for_revision("staging", held + 1, 10)
    killed = ask(client, "user-1", default=True)
    assert (killed.value, killed.reason, killed.error_code) == (False, Reason.DISABLED, None)
    assert killed.flag_metadata == {"killed": True}


def test_the_client_gets_every_kind_of_value(
    staging: Environment, client: OpenFeatureClient
) -> None:
    values = {"ratio": 1.0, "limit": 7, "theme": "dark", "layout": {"columns": [1, 2]}}
    for key, value in values.items():
        Variant.objects.filter(flag=make_flag(key, staging)).update(value=value)
    republish(staging)
    assert client.get_float_value("ratio", 0.5) == 1.0
    assert client.get_integer_value("limit", 1) == 7
    assert client.get_string_value("theme", "light") == "dark"
    assert client.get_object_value("layout", {}) == {"columns": [1, 2]}


def test_refusals_reach_the_client_as_errors_it_knows(
    universe: Flag, staging: Environment, client: OpenFeatureClient, provider: OFREPProvider
) -> None:
    missing = client.get_boolean_details("nothing", default_value=True)
    assert (missing.value, missing.error_code) == (True, ErrorCode.FLAG_NOT_FOUND)
    context = EvaluationContext(attributes={"targetingKey": ["a"]})
    wrong = client.get_boolean_details(
        "universe-v2", default_value=True, evaluation_context=context
    )
    assert wrong.error_code == ErrorCode.INVALID_CONTEXT
    provider.headers_factory = None
    refused = ask(client, "user-1", default=False)
    assert (refused.error_code, refused.error_message) == (ErrorCode.GENERAL, "unauthorized")
