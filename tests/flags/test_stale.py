"""Flags that have outlived their use, and what was answered at each stage."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from flags.changing import rollout, targeting
from flags.lifecycle import stale
from flags.models import Flag, FlagState, FlagUsage, RulesetEntry
from releases.models import Environment
from tests.flags.conftest import OPERATOR, make_flag

LONG_AGO = timedelta(days=60)


@pytest.fixture
def flag(staging: Environment) -> Flag:
    return make_flag("x", staging)


def answered(where: Environment, key: str, at: datetime, count: int = 1, dial: int = 0) -> None:
    FlagUsage.objects.create(
        environment=where,
        flag_key=key,
        variant="on",
        dial=dial,
        source="ofrep",
        hour=at,
        count=count,
    )


def why(key: str = "x") -> str:
    return " ".join(line for one in stale.report() if one.flag.key == key for line in one.why)


def test_a_young_flag_is_not_stale(flag: Flag) -> None:
    assert stale.report() == []


def test_one_that_nobody_asks_for_is(flag: Flag, staging: Environment) -> None:
    Flag.objects.update(created_at=timezone.now() - LONG_AGO)
    assert "since it was made" in why()
    answered(staging, "x", timezone.now() - LONG_AGO)
    assert "Nobody has asked for it since" in why()
    answered(staging, "x", timezone.now())
    assert why() == ""


def test_one_past_its_lifetime_is(flag: Flag) -> None:
    Flag.objects.update(expected_until=timezone.localdate() - timedelta(days=1))
    assert "was to be gone by" in why()


def turn(flag: Flag, where: Environment, to: int, days_ago: int) -> None:
    """Turn a dial, and have been heard of it so long ago."""
    rollout.turn_dial(flag=flag, environment=where, to=to, reason="x", actor=OPERATOR)
    at = timezone.now() - timedelta(days=days_ago)
    RulesetEntry.objects.filter(key=flag.key, environment=where, current=True).update(at=at)


@pytest.mark.parametrize(("use", "is_stale"), [("release", True), ("operations", False)])
def test_one_that_everybody_has_had_for_long_is_unless_it_stays(
    flag: Flag, staging: Environment, *, use: str, is_stale: bool
) -> None:
    turn(flag, staging, 100_000, days_ago=60)
    Flag.objects.update(use=use)
    assert ("At 100 % on Staging" in why()) is is_stale


def test_since_when_is_when_the_dial_last_came_there_whatever_else_was_changed(
    flag: Flag, staging: Environment
) -> None:
    for to, days_ago in ((100_000, 90), (50_000, 70), (100_000, 40)):
        turn(flag, staging, to, days_ago)
    overriding = targeting.overriding("ana", "on")
    targeting.change(
        flag=flag, environment=staging, edit=overriding, reason="today", actor=OPERATOR
    )
    came = timezone.now() - timedelta(days=40)
    assert f"At 100 % on Staging since {came:%Y-%m-%d}." in why()
    turn(flag, staging, 50_000, days_ago=0)
    turn(flag, staging, 100_000, days_ago=0)
    assert "At 100 %" not in why()


def test_an_archived_one_that_code_still_asks_for_is(flag: Flag, staging: Environment) -> None:
    Flag.objects.update(archived_at=timezone.now() - timedelta(hours=2))
    assert why() == ""
    answered(staging, "x", timezone.now())
    assert "code gets its default" in why()


def test_the_report_costs_the_same_for_many(
    staging: Environment, ana: User, django_assert_max_num_queries: Any
) -> None:
    for number in range(15):
        make_flag(f"flag-{number}", staging)
    Flag.objects.update(created_at=timezone.now() - LONG_AGO)
    with django_assert_max_num_queries(5):
        assert len(stale.report()) == 15
    client = Client()
    client.force_login(ana)
    with django_assert_max_num_queries(13):
        page = client.get(reverse("admin:flags_flag_stale")).text
    assert "Without an owner" in page
    assert "flag-14" in page


def test_the_command_lists_and_checks(flag: Flag, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("stale_flags", "--check")
    assert "No flag is stale." in capsys.readouterr().out
    Flag.objects.update(expected_until=timezone.localdate() - timedelta(days=1))
    with pytest.raises(CommandError, match="1 flags should go"):
        call_command("stale_flags", "--check")


def test_what_was_answered_is_told_by_stage_and_variant(
    flag: Flag, staging: Environment, production: Environment, ana: User
) -> None:
    hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    answered(staging, "x", hour - timedelta(hours=2), 3, 10_000)
    answered(staging, "x", hour - timedelta(hours=1), 4, 10_000)
    answered(staging, "x", hour, 5, 25_000)
    answered(production, "x", hour, 99, 25_000)
    state = FlagState.objects.get(flag=flag)
    assert [(one.percent, one.count) for one in stale.exposures(state)] == [("25", 5), ("10", 7)]
    client = Client()
    client.force_login(ana)
    page = client.get(reverse("admin:flags_flagstate_change", args=[state.pk])).text
    assert "<td>25 %</td><td>on</td><td>5</td>" in page


def test_old_counts_are_forgotten(flag: Flag, staging: Environment) -> None:
    answered(staging, "x", timezone.now() - stale.KEEP - timedelta(days=1))
    answered(staging, "x", timezone.now())
    assert stale.forget() == 1
