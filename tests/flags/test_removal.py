"""The way of a flag out of the house: each step asked of what is known."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from flags.changing import rollout
from flags.lifecycle import removal
from flags.models import Flag, FlagState, Prerequisite
from releases import evidence
from releases.models import Environment, Verdict
from tests.flags.conftest import OPERATOR, make_flag


@pytest.fixture
def flag(staging: Environment) -> Flag:
    return make_flag("x", staging)


def verdicts(flag: Flag) -> dict[str, Verdict]:
    flag.refresh_from_db()
    return {step.text: step.verdict for step in removal.steps(flag)}


def test_a_new_flag_has_its_way_before_it(flag: Flag) -> None:
    assert verdicts(flag) == {
        "Everybody on Staging gets the same answer": Verdict.PASS,
        "No code names it": Verdict.INCONCLUSIVE,
        "Nobody has asked for it for 7 days": Verdict.INCONCLUSIVE,
        "No flag stands on it": Verdict.PASS,
        "No change of it waits": Verdict.PASS,
        "It is archived": Verdict.FAIL,
    }


def test_a_dial_between_is_not_one_answer(flag: Flag, staging: Environment) -> None:
    for to, verdict in ((50_000, Verdict.FAIL), (100_000, Verdict.PASS)):
        rollout.turn_dial(flag=flag, environment=staging, to=to, reason="x", actor=OPERATOR)
        assert verdicts(flag)["Everybody on Staging gets the same answer"] == verdict


def test_a_scan_counts_while_it_is_fresh(flag: Flag) -> None:
    for verdict in (Verdict.FAIL, Verdict.PASS):
        evidence.record(subject=flag, verdict=verdict, summary="Scan.", numbers={"scan": "src"})
        assert verdicts(flag)["No code names it"] == verdict
    type(evidence.latest(flag)).objects.update(at=timezone.now() - timedelta(days=8))  # type: ignore[union-attr]
    assert verdicts(flag)["No code names it"] == Verdict.INCONCLUSIVE


def test_somebody_who_asks_keeps_it(flag: Flag) -> None:
    for days, verdict in ((1, Verdict.FAIL), (8, Verdict.PASS)):
        FlagState.objects.update(last_evaluated_at=timezone.now() - timedelta(days=days))
        assert verdicts(flag)["Nobody has asked for it for 7 days"] == verdict


def test_a_flag_above_keeps_it(flag: Flag, staging: Environment) -> None:
    Prerequisite.objects.create(flag=make_flag("y", staging), requires=flag)
    assert verdicts(flag)["No flag stands on it"] == Verdict.FAIL


def test_archived_is_the_last_step(flag: Flag) -> None:
    Flag.objects.update(archived_at=timezone.now())
    assert verdicts(flag)["It is archived"] == Verdict.PASS
