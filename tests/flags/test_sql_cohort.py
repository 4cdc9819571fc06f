"""The cohort that PostgreSQL computes is the one that flags answer with."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import mmh3
import pytest
from django.db import connection

from flags.core.compiling import compile_ruleset
from flags.core.specs import (
    ConditionSpec,
    FlagSpec,
    Operator,
    OverrideSpec,
    PrerequisiteSpec,
    RuleSpec,
    SegmentSpec,
    VariantSpec,
)
from flags.core.sql_cohort import SETUP, NotAColumn, NotByKeyAlone, sql_cohort

pytestmark = pytest.mark.django_db
KEYS = [
    *(f"user-{n}" for n in range(8_000)),
    *(str(n) for n in range(100_000, 106_000)),
    *(f"{n:08x}-1b4e-4c3a-9d52-{n * 7919:012x}" for n in range(4_000)),
    *(f"{name}{n}" for n in range(998) for name in ("سارة", "naïve😀'\\")),
    *("x", "é", "😀", "a\nb"),
]
OFF = VariantSpec("off", value="0")
PLAIN = FlagSpec(
    key="new",
    salt="new",
    enabled=True,
    killed=False,
    dial=25_000,
    off_variant="off",
    variants=(VariantSpec("on", "1", 1000), OFF),
    kind="string",
)
SHARED = replace(
    PLAIN,
    variants=(
        VariantSpec("a'", "1", 125),
        VariantSpec("b", "2", 375),
        VariantSpec("c", "3", 500),
        OFF,
    ),
)
GROUND = replace(SHARED, key="ground", salt="it's", dial=60_500)
PAST, LATER = (datetime.now(UTC) + timedelta(hours=hours) for hours in (-1, 1))
OVERRIDES = (
    OverrideSpec("user-1", "off"),
    OverrideSpec("user-2", "a'", LATER),
    OverrideSpec("user-3", "b", PAST),
    OverrideSpec("naïve😀'\\7", "c"),
)
FLAGS = {
    "a dial": PLAIN,
    "a fine dial": replace(PLAIN, dial=12_345),
    "nobody": replace(PLAIN, dial=0),
    "everybody": replace(PLAIN, dial=100_000),
    "shares": SHARED,
    "shares for everybody": replace(SHARED, dial=100_000),
    "killed": replace(SHARED, killed=True),
    "switched off": replace(SHARED, enabled=False),
    "overrides": replace(SHARED, overrides=OVERRIDES),
    "rules": replace(
        SHARED,
        dial=50_000,
        rules=(
            RuleSpec("first", percentage=5_000, variant="b"),
            RuleSpec("lost", segments=("gone",)),
            RuleSpec("open", segments=("all",), percentage=20_500),
        ),
    ),
    "a rule for all": replace(SHARED, dial=0, rules=(RuleSpec("all"),)),
    "a rule that keeps all out": replace(SHARED, rules=(RuleSpec("none", variant="off"),)),
    "a prerequisite": replace(SHARED, requires=(PrerequisiteSpec("ground"),)),
    "a picky prerequisite": replace(
        PLAIN, dial=100_000, requires=(PrerequisiteSpec("ground", ("a'", "off")),)
    ),
    "no prerequisite": replace(PLAIN, requires=(PrerequisiteSpec("gone"),)),
    "a circle": replace(PLAIN, requires=(PrerequisiteSpec("new"),)),
    "by organisation": replace(PLAIN, bucket_by="organisation"),
}
SPECS = {"ground": GROUND}
SEGMENTS = {
    "all": SegmentSpec("all"),
    "germans": SegmentSpec("germans", (ConditionSpec("country", Operator.IN, ("DE",)),)),
}


@pytest.fixture
def keys() -> list[str | None]:
    """All keys in a temporary table, and two that are none."""
    with connection.cursor() as cursor:
        cursor.execute(SETUP)
        cursor.execute("CREATE TEMP TABLE people (n int, id text) ON COMMIT DROP")
        rows: list[str | None] = [*KEYS, "", None]
        cursor.execute(
            "INSERT INTO people SELECT n, id FROM unnest(%s::text[]) WITH ORDINALITY AS t(id, n)",
            [rows],
        )
    return rows


def column(expression: str) -> list[object]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {expression} FROM people ORDER BY n")
        return [row[0] for row in cursor.fetchall()]


def test_the_hash_in_sql_is_murmur3(keys: list[str | None]) -> None:
    assert len(set(KEYS)) == 20_000
    expected = [None if key is None else mmh3.hash(key.encode(), 7, signed=False) for key in keys]
    assert column("pg_temp.rc_murmur3(id, 7)") == expected


@pytest.mark.parametrize("name", list(FLAGS))
def test_sql_says_the_variant_that_the_flag_answers(name: str, keys: list[str | None]) -> None:
    flag = FLAGS[name]
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM people WHERE n % 10 <> 1 AND n <= 19000")
        cursor.execute("SELECT id FROM people ORDER BY n")
        left = [row[0] for row in cursor.fetchall()]
    resolve = compile_ruleset({**SPECS, "new": flag}, SEGMENTS).flags["new"]
    answers = [resolve({flag.bucket_by: key}).variant for key in left]
    cohort = sql_cohort(flag, SPECS, SEGMENTS, "people.id")
    assert column(cohort.variant) == answers
    assert column(cohort.exposed) == [answer != "off" for answer in answers]


def test_numbers_are_keys_too(keys: list[str | None]) -> None:
    number, text = (sql_cohort(PLAIN, {}, {}, name).variant for name in ("n", "id"))
    with connection.cursor() as cursor:
        cursor.execute("UPDATE people SET id = n")
        cursor.execute(f"SELECT count(*) FROM people WHERE ({number}) <> ({text})")
        assert cursor.fetchone() == (0,)


@pytest.mark.parametrize(
    ("flag", "why"),
    [
        (
            replace(PLAIN, rules=(RuleSpec("x", SEGMENTS["germans"].conditions),)),
            "Rule 1 “x” of “new” asks for attributes",
        ),
        (replace(PLAIN, rules=(RuleSpec("x", segments=("germans",)),)), "asks for attributes"),
        (
            replace(PLAIN, bucket_by="team", overrides=OVERRIDES[:1]),
            "Overrides of “new” go by targetingKey",
        ),
        (
            replace(PLAIN, bucket_by="team", requires=(PrerequisiteSpec("ground"),)),
            "“ground” goes by targetingKey, not team",
        ),
    ],
)
def test_what_needs_more_than_the_key_is_refused(flag: FlagSpec, why: str) -> None:
    with pytest.raises(NotByKeyAlone, match=why):
        sql_cohort(flag, SPECS, SEGMENTS, "id")


@pytest.mark.parametrize("name", ["", "id; DROP TABLE users", "id)", "a.b.c.d", "1", "é"])
def test_only_the_name_of_a_column_is_taken(name: str) -> None:
    with pytest.raises(NotAColumn):
        sql_cohort(PLAIN, {}, {}, name)
