"""A flag's page says where SDKs of Unleash decide otherwise, and which of them there are."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from flags.changing import rollout, targeting
from flags.core.specs import ConditionSpec, Operator, RuleSpec
from flags.models import Flag, FlagClient, FlagState
from releases.models import ApiToken, Environment
from tests.flags.conftest import OPERATOR, make_flag

pytestmark = pytest.mark.django_db


@pytest.fixture
def flag(staging: Environment) -> Flag:
    return make_flag("x", staging)


def shown(client: Client, user: User, flag: Flag, environment: Environment) -> str:
    client.force_login(user)
    state = FlagState.objects.get(flag=flag, environment=environment)
    page = client.get(reverse("admin:flags_flagstate_change", args=[state.pk]))
    assert page.status_code == 200
    return " ".join(page.content.decode().split())


def test_a_dial_between_whole_percents_is_told_with_who_it_concerns(
    flag: Flag, staging: Environment, token: str, ana: User, client: Client
) -> None:
    rollout.turn_dial(flag=flag, environment=staging, to=10_500, reason="x", actor=OPERATOR)
    page = shown(client, ana, flag, staging)
    assert "The dial stands at 10.5 %; SDKs get 10 %. 0.5 % of the users" in page
    assert "No such SDK was seen here" in page
    for instance in ("a", "b"):
        FlagClient.objects.create(
            environment=staging,
            token=ApiToken.objects.get(),
            protocol=FlagClient.Protocol.UNLEASH,
            instance=instance,
            application="<shop>",
            first_seen=timezone.now(),
            last_seen=timezone.now(),
        )
    assert "&lt;shop&gt; (2 instances)." in shown(client, ana, flag, staging)


def test_nothing_is_told_where_nothing_differs(
    flag: Flag, staging: Environment, ana: User, client: Client
) -> None:
    rollout.turn_dial(flag=flag, environment=staging, to=10_000, reason="x", actor=OPERATOR)
    assert "SDKs of Unleash" not in shown(client, ana, flag, staging)


def test_where_an_sdk_may_let_more_in_the_page_says_so(
    flag: Flag, staging: Environment, ana: User, client: Client
) -> None:
    Flag.objects.filter(pk=flag.pk).update(bucket_by="organisation")
    since = ConditionSpec("since", Operator.DATE_BEFORE, ("2026-06-01T00:00:00Z",))
    now = ConditionSpec("currentTime", Operator.DATE_AFTER, ("2026-01-01T00:00:00Z",))
    for name, condition in (("early", since), ("this year", now)):
        targeting.change(
            flag=flag,
            environment=staging,
            edit=targeting.adding_rule(RuleSpec(name, (condition,), percentage=50_000)),
            reason="x",
            actor=OPERATOR,
        )
    page = shown(client, ana, flag, staging)
    assert "May let more in" in page
    assert page.count("number with decimals, true or false as “organisation”") == 1
    assert "Rule “early” asks for the date in “since”; the SDK for Node" in page
    assert "Rule “this year” asks" not in page
