"""A header that was good once is known by its text, and only as long as its token is."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from flags.api import ofrep_request
from flags.models import Flag
from flags.serving import ruleset
from releases import tokens
from releases.models import ApiToken
from tests.flags.conftest import OPERATOR
from tests.flags.ofrep_kit import ONE, call

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("keeper")]


def test_a_header_that_was_good_is_refused_once_its_token_is_revoked(
    universe: Flag, token: str
) -> None:
    assert [call(ONE, token=token).status for _ in range(2)] == [200, 200]
    row = ApiToken.objects.get()
    held = ruleset.snapshot()
    assert set(held.good_headers) == {f"Bearer {token}"}
    tokens.revoke(token=row, actor=OPERATOR)
    assert ruleset._kept().wait_until(
        lambda now: now is not None and row.pk not in now.tokens_by_id, 10
    )
    assert call(ONE, token=token).status == 401
    assert not ruleset.snapshot().good_headers


def test_a_header_that_was_good_is_refused_once_its_token_has_expired(
    universe: Flag, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    end = timezone.now() + timedelta(hours=1)
    ApiToken.objects.update(expires_at=end)
    assert [call(ONE, token=token).status for _ in range(2)] == [200, 200]
    monkeypatch.setattr("flags.serving.snapshot.time.time", lambda: end.timestamp() + 1)
    assert call(ONE, token=token).status == 401


def test_only_the_header_that_held_the_token_is_known(
    universe: Flag, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert call(ONE, HTTP_AUTHORIZATION="Basic eA==", HTTP_X_API_KEY=token).status == 200
    assert call(ONE, HTTP_AUTHORIZATION="Basic eA==").status == 401
    assert call(ONE, HTTP_AUTHORIZATION=token).status == 401
    monkeypatch.setattr(ofrep_request, "MOST_HEADERS", 1)
    for spelling in ("Bearer ", "bearer ", "bearer  "):
        assert call(ONE, HTTP_AUTHORIZATION=spelling + token).status == 200
    assert set(ruleset.snapshot().good_headers) == {f"Bearer {token}"}
