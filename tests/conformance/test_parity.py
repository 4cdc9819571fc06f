"""Random flags, asked in every way there is: one answer.

OFREP over the raw callable, the engine inside UnleashClient fed with our export, the pure core, and
SQL inside PostgreSQL. 20,000 keys and 30 flags where PARITY_KEYS says so; fewer otherwise.
"""

from __future__ import annotations

import io
import json
import os
import random
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from yggdrasil_engine.engine import UnleashEngine

from flags.api.ofrep import ofrep_app
from flags.changing import transfer
from flags.core.compiling import compile_ruleset
from flags.core.faults import flag_faults
from flags.core.specs import (
    ConditionSpec,
    FlagSpec,
    Operator,
    OverrideSpec,
    PrerequisiteSpec,
    RuleSpec,
    SegmentSpec,
    VariantSpec,
    flag_document,
    segment_document,
)
from flags.core.sql_cohort import NotByKeyAlone, sql_cohort
from flags.models import Flag
from flags.serving import ruleset
from flags.serving.snapshot import Ruleset
from flags.unleash.exporting import features
from releases import tokens
from releases.models import Environment
from tests.flags.conftest import OPERATOR

BULK = "/ofrep/v1/evaluate/flags"
KEY_IN_SQL = {"targetingKey": "'user-' || n", "organisation": "'org-' || n % 97"}
FLAGS = 30
KEYS = int(os.environ.get("PARITY_KEYS", "700"))
COUNTRIES, PLANS, VERSIONS = ("DE", "AT", "FR", "us"), ("pro", "free", ""), ("1.9.0", "2.0.1")

CONDITIONS = (
    ConditionSpec("country", Operator.IN, ("DE", "AT")),
    ConditionSpec("country", Operator.STARTS_WITH, ("U", "d"), fold_case=True),
    ConditionSpec("plan", Operator.IN, ("free",), negate=True),
    ConditionSpec("age", Operator.NUM_GT, ("30",)),
    ConditionSpec("age", Operator.NUM_LTE, ("18",), negate=True),
    ConditionSpec("app", Operator.SEMVER_GT, ("2.0.0",)),
    ConditionSpec("since", Operator.DATE_BEFORE, ("2026-06-01T00:00:00Z",)),
    ConditionSpec("targetingKey", Operator.ENDS_WITH, ("7", "3")),
)
SEGMENTS = {
    "germans": SegmentSpec("germans", CONDITIONS[:1]),
    "payers": SegmentSpec("payers", CONDITIONS[2:4]),
}


def a_flag(number: int, dice: random.Random, before: list[FlagSpec]) -> FlagSpec:
    """A flag that can be saved, and that an SDK can tell whole: percentages without decimals."""
    several = dice.random() < 0.5
    kind = "string" if several else "boolean"
    on: tuple[VariantSpec, ...] = (VariantSpec("on", value=True, weight=1000),)
    if several:
        on = (VariantSpec("a", "A", 125), VariantSpec("b", "B", 375), VariantSpec("c", "C", 500))
    off = VariantSpec("off", value="none" if several else False)
    names = [one.name for one in on]
    rules = tuple(
        RuleSpec(
            f"rule {place}",
            tuple(dice.sample(CONDITIONS, dice.randint(1, 2))),
            tuple(dice.sample(sorted(SEGMENTS), dice.randint(0, 1))),
            *_outcome(dice, names),
        )
        for place in range(dice.choice((0, 0, 1, 2, 3)))
    )
    return FlagSpec(
        key=f"flag-{number:02}",
        salt=dice.choice((f"flag-{number:02}", "shared-salt")),
        enabled=dice.random() < 0.9,
        killed=False,
        dial=dice.choice((0, 1, 10, 25, 50, 99, 100)) * 1000,
        off_variant="off",
        variants=(*on, off),
        bucket_by=dice.choice(("targetingKey", "targetingKey", "organisation")),
        requires=tuple(
            PrerequisiteSpec(one.key) for one in dice.sample(before, min(len(before), 1))
        )
        if dice.random() < 0.3
        else (),
        overrides=tuple(
            OverrideSpec(f"user-{dice.randrange(50)}{place}", dice.choice([*names, "off"]))
            for place in range(dice.choice((0, 0, 2)))
        ),
        rules=rules,
        kind=kind,
    )


def _outcome(dice: random.Random, names: list[str]) -> tuple[int, str | None]:
    variant = dice.choice([None, names[0], "off"])
    return (100_000 if variant == "off" else dice.choice((10, 50, 100)) * 1000), variant


def context(number: int) -> dict[str, Any]:
    return {
        "targetingKey": f"user-{number}",
        "organisation": f"org-{number % 97}",
        "country": COUNTRIES[number % 4],
        "plan": PLANS[number % 3],
        "age": str(number % 70),
        "app": VERSIONS[number % 2],
        "since": f"2026-{number % 12 + 1:02}-15T12:00:00Z",
    }


@pytest.fixture(scope="module")
def specs() -> list[FlagSpec]:
    dice = random.Random(20261123)  # noqa: S311  (a population, not a secret)
    made: list[FlagSpec] = []
    while len(made) < FLAGS:
        one = a_flag(len(made), dice, made)
        if not flag_faults(one, {other.key: other for other in made}, SEGMENTS):
            made.append(one)
    return made


@pytest.fixture
def rules(transactional_db: None, staging: Environment, specs: list[FlagSpec]) -> Iterator[Ruleset]:
    """The flags as rows, published, read back and compiled by a real keeper."""
    ruleset.stop()
    content = {
        "release_control_flags": 1,
        "segments": [segment_document(one) for one in SEGMENTS.values()],
        "flags": [flag_document(one) for one in specs],
    }
    hashes = {one.key: one.content for one in transfer.preview_import(staging, content)}
    transfer.import_file(
        environment=staging, content=content, hashes=hashes, reason="parity", actor=OPERATOR
    )
    assert Flag.objects.count() == FLAGS
    yield ruleset.current("staging")
    ruleset.stop()


def test_every_way_of_asking_gives_one_answer(rules: Ruleset, staging: Environment) -> None:
    core = {
        number: {key: resolve(context(number)).variant for key, resolve in rules.flags.items()}
        for number in range(KEYS)
    }
    assert len({answer for given in core.values() for answer in given.values()}) == 5
    assert _by_ofrep(staging) == core
    assert _by_unleash(rules) == core
    in_sql = _by_sql(rules)
    assert len(in_sql) >= 3
    for key, answers in in_sql.items():
        assert answers == {number: given[key] for number, given in core.items()}


@pytest.mark.parametrize(
    "known",
    [
        {"targetingKey": None},
        {"targetingKey": ""},
        {"organisation": None},
        {"organisation": ""},
        {"organisation": 5},
        {"targetingKey": None, "organisation": None},
    ],
    ids=str,
)
def test_whoever_has_no_key_or_an_odd_one_is_answered_alike(
    specs: list[FlagSpec], known: dict[str, Any]
) -> None:
    by_key = {one.key: one for one in specs}
    core = compile_ruleset(by_key, SEGMENTS).flags
    engine = _engine(by_key, SEGMENTS)
    for number in range(48):
        asked = {**context(number), **known}
        asked = {name: value for name, value in asked.items() if value is not None}
        ours = {key: resolve(asked).variant for key, resolve in core.items()}
        assert {key: _told(engine, by_key[key], asked) for key in core} == ours


def _by_ofrep(staging: Environment) -> dict[int, dict[str, str]]:
    _, token = tokens.issue(environment=staging, scope="evaluate", name="t", actor=OPERATOR)
    return {number: _bulk(token, number) for number in range(KEYS)}


def _bulk(token: str, number: int) -> dict[str, str]:
    body = json.dumps({"context": context(number)}).encode()
    environ: dict[str, Any] = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": BULK,
        "QUERY_STRING": "",
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_AUTHORIZATION": f"Bearer {token}",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.input": io.BytesIO(body),
    }
    said: list[str] = []
    chunks = ofrep_app(environ, lambda status, *_: said.append(status))  # type: ignore[arg-type]
    assert said == ["200 OK"]
    return {one["key"]: one["variant"] for one in json.loads(b"".join(chunks))["flags"]}


def _by_unleash(rules: Ruleset) -> dict[int, dict[str, str]]:
    engine = _engine(rules.specs, rules.segments)
    return {
        number: {key: _told(engine, spec, context(number)) for key, spec in rules.specs.items()}
        for number in range(KEYS)
    }


def _engine(specs: Mapping[str, FlagSpec], segments: Mapping[str, SegmentSpec]) -> UnleashEngine:
    engine = UnleashEngine()
    assert engine.take_state(json.dumps(features(specs, segments, datetime.now(UTC)))) is None
    return engine


def _told(engine: UnleashEngine, spec: FlagSpec, given: Mapping[str, Any]) -> str:
    properties = dict(given)
    key = properties.pop("targetingKey", None)
    asked = {"properties": properties} if key is None else {"userId": key, "properties": properties}
    if not engine.is_enabled(spec.key, asked).is_enabled:
        return "off"
    return str(engine.get_variant(spec.key, asked).variant.name)


def _by_sql(rules: Ruleset) -> dict[str, dict[int, str]]:
    """Those flags that go by the key alone; others are refused there by name."""
    answers = {}
    with connection.cursor() as cursor:
        for key, spec in rules.specs.items():
            try:
                asked = sql_cohort(spec, rules.specs, rules.segments, "k.key")
            except NotByKeyAlone:
                continue
            cursor.execute(asked.setup)
            numbers = f"SELECT generate_series(0, {KEYS - 1}) AS n"
            keys = f"SELECT n, {KEY_IN_SQL[spec.bucket_by]} AS key FROM ({numbers}) numbers"
            cursor.execute(f"SELECT n, {asked.variant} FROM ({keys}) k")
            answers[key] = dict(cursor.fetchall())
    return answers
