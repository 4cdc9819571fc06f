"""A set of keys as one variable, whatever its characters."""

from __future__ import annotations

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migrations_runner import cohorts
from migrations_runner.cohorts import (
    CohortNameTaken,
    CohortTooLarge,
    EmptyCohort,
    UnreadableKey,
    with_cohort,
)
from migrations_runner.parsing import parse_script

KEYS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.sets(KEYS, min_size=1, max_size=20))
@pytest.mark.django_db(transaction=True)
def test_a_script_sees_exactly_the_keys(
    on_target: psycopg.Connection[tuple[object, ...]], keys: set[str]
) -> None:
    script = parse_script("SELECT unnest(:'cohort'::text[])", with_cohort({}, "cohort", keys))
    found = on_target.execute(script.statements[0].sql.encode()).fetchall()
    assert [row[0] for row in found] == sorted(keys)


def test_what_is_no_cohort_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EmptyCohort):
        with_cohort({}, "cohort", [])
    with pytest.raises(CohortNameTaken):
        with_cohort({"cohort": "x"}, "cohort", ["a"])
    with pytest.raises(UnreadableKey):
        with_cohort({}, "cohort", ["a\0b"])
    monkeypatch.setattr(cohorts, "MOST_KEYS", 2)
    with pytest.raises(CohortTooLarge):
        with_cohort({}, "cohort", ["a", "b", "c"])
    monkeypatch.setattr(cohorts, "MOST_CHARACTERS", 5)
    with pytest.raises(CohortTooLarge):
        with_cohort({}, "cohort", ["abcdef"])
