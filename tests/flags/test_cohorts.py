"""Which of given keys a flag exposes at a percentage."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from flags.core.percent import PercentOutOfRange
from flags.models import Flag, FlagState
from migrations_runner.cohorts import array_literal
from migrations_runner.models import MigrationRun, MigrationScript
from releasecontrol import cohorts
from releasecontrol.cohorts import NoSuchDial, NotACohort
from releases.models import Release, TargetDatabase

KEYS = [f"user-{number}" for number in range(1000)]


def at(percent: str, keys: list[str] = KEYS) -> list[str]:
    return cohorts.exposed(flag="universe-v2", environment="staging", percent=percent, keys=keys)


def test_a_larger_percentage_holds_the_smaller_one(universe: Flag) -> None:
    small, large = at("10"), at("35")
    assert 60 < len(small) < 140
    assert set(small) < set(large)
    assert (at("0"), at("100")) == ([], KEYS)
    assert at("100", ["", "a"]) == ["a"]


def test_the_flag_s_own_salt_counts(universe: Flag) -> None:
    before = at("10")
    FlagState.objects.filter(flag=universe).update(salt="another")
    assert at("10") != before


def test_what_can_not_be_a_cohort_is_refused(universe: Flag) -> None:
    with pytest.raises(NoSuchDial):
        cohorts.exposed(flag="nothing", environment="staging", percent="10", keys=KEYS)
    with pytest.raises(PercentOutOfRange):
        at("101")
    with pytest.raises(NotACohort):
        cohorts.parse("cohort=universe-v2")


def test_a_run_is_queued_for_the_cohort_of_a_file(universe: Flag, tmp_path: Path) -> None:
    environment = FlagState.objects.get(flag=universe, environment__slug="staging").environment
    TargetDatabase.objects.create(
        name="staging", environment=environment, url_variable="TARGET_STAGING_URL"
    )
    release = Release.objects.create(slug="r", title="R")
    text = "SELECT :'cohort'::text[]"
    MigrationScript.objects.create(release=release, name="1.sql", text=text)
    keys = tmp_path / "keys.txt"
    keys.write_text("\n".join(KEYS))
    words = ["queue_run", "1.sql", "--target", "staging", "--cohort", "cohort=universe-v2@10"]
    with pytest.raises(CommandError, match="Name it with --keys-file"):
        call_command(*words)
    call_command(*words, "--keys-file", str(keys))
    bound = MigrationRun.objects.get().variables["cohort"]
    assert bound == array_literal(sorted(at("10")))
