from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from releases import tokens
from releases.models import ApiToken, Environment, Event
from releases.refusals import NotPermitted
from releases.timeline import Actor


def issue(environment: Environment, **more: object) -> tuple[ApiToken, str]:
    return tokens.issue(
        environment=environment,
        scope="evaluate",
        name="app",
        actor=Actor.command("test"),
        **more,  # type: ignore[arg-type]
    )


def test_a_token_is_stored_as_a_digest_only(staging: Environment) -> None:
    token, plain = issue(staging)
    assert plain.startswith("rc_staging_")
    row = ApiToken.objects.filter(pk=token.pk).values().get()
    assert plain not in str(row)
    assert plain not in str(list(Event.objects.values()))
    assert tokens.verify(plain, scope="evaluate") == token


def test_a_token_serves_its_own_scope_only(staging: Environment) -> None:
    _, plain = issue(staging)
    assert tokens.verify(plain, scope="manage") is None


def test_a_revoked_token_is_dead_and_revoking_twice_says_so(staging: Environment) -> None:
    token, plain = issue(staging)
    tokens.revoke(token=token, actor=Actor.command("test"))
    assert tokens.verify(plain, scope="evaluate") is None
    with pytest.raises(tokens.AlreadyRevoked):
        tokens.revoke(token=token, actor=Actor.command("test"))


def test_an_expired_token_is_dead(staging: Environment) -> None:
    _, plain = issue(staging, expires_at=timezone.now() - timedelta(seconds=1))
    assert tokens.verify(plain, scope="evaluate") is None


@pytest.mark.parametrize("text", ["", "rc_staging_", "\ud800", "x" * 10_000])
def test_nonsense_is_no_token(staging: Environment, text: str) -> None:
    assert tokens.verify(text, scope="evaluate") is None


def test_support_makes_no_tokens(staging: Environment, cleo: User) -> None:
    with pytest.raises(NotPermitted):
        tokens.issue(environment=staging, scope="evaluate", name="x", actor=Actor.person(cleo))
