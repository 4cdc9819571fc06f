"""What people do on a target's page, and who may."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone

from migrations_runner import holds
from migrations_runner.models import IntegrityFinding
from releases.models import Event, TargetDatabase
from tests.runs.conftest import signed_in, text


def act(person: User, name: str, *more: int, **given: str) -> str:
    answer = signed_in(person).post(reverse(name, args=["staging", *more]), given, follow=True)
    return text(answer)


def finding(target: TargetDatabase) -> IntegrityFinding:
    return IntegrityFinding.objects.create(
        target=target,
        kind="two-paths",
        key="books by user",
        summary="5 books belong to another account",
        rows=5,
        first_seen=timezone.now(),
        last_seen=timezone.now(),
    )


def test_a_hold_keeps_runs_away_until_somebody_lifts_it(target: TargetDatabase, ben: User) -> None:
    assert "no queued run begins here" in act(ben, "hold-target", reason="index is being built")
    assert [one.reason for one in holds.standing(target)] == ["index is being built"]
    assert "Already" not in act(ben, "lift-hold", reason="done")
    assert holds.standing(target) == []
    assert list(Event.objects.order_by("id").values_list("verb", flat=True)) == [
        "target.hold",
        "target.lift_hold",
    ]


def test_a_finding_is_accepted_with_a_reason_only(target: TargetDatabase, ben: User) -> None:
    found = finding(target)
    page = text(signed_in(ben).get(reverse("target", args=["staging"])))
    assert "5 books belong to another account" in page
    answer = signed_in(ben).post(reverse("accept-finding", args=["staging", found.pk]), {})
    assert answer.status_code == 400
    found.refresh_from_db()
    assert found.resolved_at is None
    assert "Accepted" in act(ben, "accept-finding", found.pk, reason="gifts between accounts")
    found.refresh_from_db()
    assert found.resolved_at is not None


@pytest.mark.parametrize("name", ["hold-target", "lift-hold", "take-backup", "test-target"])
def test_who_only_looks_changes_nothing(target: TargetDatabase, vic: User, name: str) -> None:
    answer = signed_in(vic).post(reverse(name, args=["staging"]), {"reason": "x"})
    assert answer.status_code == 403
    assert not Event.objects.exists()


def test_who_may_not_see_sql_sees_no_target(target: TargetDatabase, dora: User) -> None:
    assert signed_in(dora).get(reverse("target", args=["staging"])).status_code == 403
