"""N of N clients on revision R after t; and those who are not, by name."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from flags.changing import rollout
from flags.models import Flag, FlagClient, FlagState
from flags.serving import counting, propagation
from releases import tokens
from releases.models import ApiToken, Environment
from tests.flags.conftest import OPERATOR


@pytest.fixture
def app(staging: Environment) -> ApiToken:
    return tokens.issue(environment=staging, scope="evaluate", name="app", actor=OPERATOR)[0]


def seen(app: ApiToken, name: str, revision: int | None, **more: Any) -> None:
    """Written at once, as a flush would."""
    now = timezone.now()
    client = counting.Client("staging", app.pk, "unleash", name)
    reached_at = None if revision is None else now
    sight = counting.Sight(now, reached_at, revision, "shop", "", more.get("connected"))
    counting.write({}, {client: sight})


def test_a_kill_is_followed_to_the_last_client(
    universe: Flag, staging: Environment, app: ApiToken
) -> None:
    assert propagation.standing(staging).words == "Revision 1: no client is there to have it."
    for name in ("web-1", "web-2"):
        seen(app, name, 1)
    rollout.kill(flag=universe, environment=staging, reason="errors", actor=OPERATOR)
    seen(app, "web-1", 2)
    half = propagation.standing(staging)
    assert (half.revision, half.total, half.reached, half.is_complete) == (2, 2, 1, False)
    assert [(one.name, one.revision) for one in half.stragglers] == [("shop (web-2)", 1)]
    seen(app, "web-2", None)  # it spoke, but not of a revision
    assert not propagation.standing(staging).is_complete
    seen(app, "web-2", 2)
    done = propagation.standing(staging)
    assert done.is_complete
    assert done.after is not None
    assert timedelta(0) <= done.after < timedelta(minutes=1)
    assert done.words.startswith("2 of 2 clients on revision 2 after ")


def test_hearing_of_it_again_does_not_make_it_later(
    universe: Flag, staging: Environment, app: ApiToken
) -> None:
    seen(app, "web-1", 1)
    first = FlagClient.objects.get().reached_at
    seen(app, "web-1", 1)
    assert FlagClient.objects.get().reached_at == first


def test_who_is_silent_is_not_there_unless_its_stream_is_open(
    universe: Flag, staging: Environment, app: ApiToken
) -> None:
    seen(app, "gone", 1)
    seen(app, "listening", 1, connected=True)
    FlagClient.objects.update(last_seen=timezone.now() - timedelta(hours=1))
    assert propagation.standing(staging).total == 1
    FlagClient.objects.update(last_seen=timezone.now() - timedelta(days=2))
    assert propagation.forget() == 2


def test_the_dials_page_says_it(
    universe: Flag, staging: Environment, app: ApiToken, ana: User
) -> None:
    seen(app, "web-1", None)
    client = Client()
    client.force_login(ana)
    state = FlagState.objects.get(flag=universe, environment=staging)
    page = client.get(reverse("admin:flags_flagstate_change", args=[state.pk])).text
    assert "0 of 1 clients on revision 1." in page
    assert "cannot tell which revision it has" in page


def test_the_strip_alone_is_for_those_who_may_see_the_dial(
    universe: Flag, staging: Environment, app: ApiToken, vic: User, dan: User
) -> None:
    state = FlagState.objects.get(flag=universe, environment=staging)
    address = reverse("admin:flags_flagstate_propagation", args=[state.pk])
    for number in range(propagation.SHOWN + 3):
        seen(app, f"web-{number}", 0)
    client = Client()
    assert client.get(address).status_code == 302
    client.force_login(vic)
    answer = client.get(address)
    assert "no-store" in answer["Cache-Control"]
    assert "0 of 23 clients on revision 1" in answer.text
    assert "and 3 more" in answer.text
    assert client.post(address).status_code == 405
    client.force_login(dan)
    assert client.get(address).status_code in {302, 403}
