"""Past moments: what was answered then is what is explained now."""

from __future__ import annotations

import bisect
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from flags.changing import rollout
from flags.changing.history import (
    BeforeItsTime,
    MomentToCome,
    NoSuchRevision,
    explained,
    past,
    revision_at,
)
from flags.core.compiling import Compiled, compile_ruleset
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
from flags.models import Flag, Rollout, RulesetEntry, Stage
from releases.models import Environment
from tests.flags.conftest import OPERATOR, make_flag

START = datetime(2026, 1, 1, tzinfo=UTC)
EDITS = 300
KEYS = [f"flag-{n}" for n in range(6)]
VARIANTS = (
    VariantSpec("a", "a", 400),
    VariantSpec("b", "b", 600),
    VariantSpec("off", "off"),
)
Moment = tuple[datetime, str, dict[str, str], str]


class Life:
    """An environment whose flags are edited again and again, and asked in between."""

    def __init__(self, environment: Environment) -> None:
        self.environment, self.random = environment, random.Random(4)  # noqa: S311
        self.now = START
        self.specs: dict[str, FlagSpec] = {}
        self.segments = {"germans": self._segment()}
        self.rows = [self._row("segment", "germans", 1, segment_document(self.segments["germans"]))]
        self.compiled: Compiled | None = None

    def edit(self, revision: int) -> None:
        self.now += timedelta(milliseconds=1)
        key = self.random.choice([*KEYS, "germans"])
        if key == "germans":
            self.segments = {key: self._segment()}
            self.rows.append(
                self._row("segment", key, revision, segment_document(self.segments[key]))
            )
        elif key in self.specs and self.random.random() < 0.1:
            self.specs = {one: spec for one, spec in self.specs.items() if one != key}
            self.rows.append(self._row("flag", key, revision, None))
        else:
            self.specs = {**self.specs, key: self._flag(key)}
            self.rows.append(self._row("flag", key, revision, flag_document(self.specs[key])))
        self.compiled = compile_ruleset(self.specs, self.segments, self.clock, self.compiled)

    def clock(self) -> float:
        return self.now.timestamp()

    def ask(self) -> Moment | None:
        """What somebody is told a little later, by the ruleset that answers at that time."""
        self.now += timedelta(milliseconds=self.random.randint(1, 400))
        assert self.compiled is not None
        if not self.specs:
            return None
        key = self.random.choice(sorted(self.specs))
        context = {"targetingKey": f"u{self.random.randint(0, 40)}", "country": "DE"}
        if self.random.random() < 0.2:
            del context["targetingKey"]
        return self.now, key, context, self.compiled.flags[key](context).variant

    def keep(self) -> None:
        newest = {(row.kind, row.key): row for row in self.rows}
        for row in newest.values():
            row.current = True
        RulesetEntry.objects.bulk_create(self.rows)

    def _row(self, kind: str, key: str, revision: int, document: object) -> RulesetEntry:
        return RulesetEntry(
            environment=self.environment,
            kind=kind,
            key=key,
            revision=revision,
            document=document,
            current=False,
            at=self.now,
            actor_name="test",
        )

    def _segment(self) -> SegmentSpec:
        country = self.random.choice(("DE", "FR"))
        return SegmentSpec("germans", (ConditionSpec("country", Operator.IN, (country,)),))

    def _flag(self, key: str) -> FlagSpec:
        pick = self.random.choice
        below = [PrerequisiteSpec(pick(KEYS))] if pick((True, False, False)) else []
        rule = RuleSpec("g", (), ("germans",), pick((100_000, 50_000)), pick((None, "a")))
        until = self.now + timedelta(seconds=pick((1, 5)))
        return FlagSpec(
            key,
            key,
            enabled=pick((True, True, True, False)),
            killed=False,
            dial=pick((0, 10_000, 33_333, 100_000)),
            off_variant="off",
            variants=VARIANTS,
            requires=tuple(one for one in below if one.flag != key),
            overrides=(OverrideSpec(f"u{pick(range(9))}", "b", pick((None, until))),),
            rules=(rule,) if pick((True, False)) else (),
            kind="string",
        )


def test_ten_thousand_past_moments_answer_as_they_did(staging: Environment) -> None:
    life = Life(staging)
    moments: list[Moment] = []
    for revision in range(2, EDITS + 2):
        life.edit(revision)
        moments += [one for _ in range(36) if (one := life.ask()) is not None]
    life.keep()
    chosen = life.random.sample(moments, 10_000)
    changes = [row.at for row in life.rows]
    held: dict[int, Compiled] = {}
    differ = []
    for moment, key, context, told in chosen:
        change = bisect.bisect_right(changes, moment)
        if change not in held:
            then = past(staging, at=moment)
            held[change] = compile_ruleset(then.specs, then.segments, life.clock)
        life.now = moment
        if held[change].flags[key](context).variant != told:
            differ.append((moment, key, context, told))
    assert len(held) > EDITS * 0.9
    assert differ == []


def test_the_explanation_of_a_past_moment_agrees_too(staging: Environment) -> None:
    life = Life(staging)
    moments: list[Moment] = []
    for revision in range(2, 60):
        life.edit(revision)
        moments += [one for one in (life.ask(),) if one is not None]
    life.keep()
    for moment, key, context, told in moments:
        answer = explained(environment=staging, key=key, context=context, at=moment)
        assert answer.explanation.variant == told


def database_now() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        moment: datetime = cursor.fetchone()[0]
    return moment


def test_who_set_it_why_and_at_which_stage(universe: Flag, staging: Environment) -> None:
    plan = Rollout.objects.create(state_of=universe.states.get(environment=staging))
    for place, percentage in enumerate((5_000, 50_000)):
        Stage.objects.create(rollout=plan, position=place, percentage=percentage, label=f"S{place}")
    seen = []
    for dial, reason in ((5_000, "first"), (50_000, "second")):
        rollout.turn_dial(
            flag=universe, environment=staging, to=dial, reason=reason, actor=OPERATOR
        )
        seen.append(database_now())
    context = {"targetingKey": "user-2"}  # stands at 6.39 %
    first, second, now = (
        explained(environment=staging, key="universe-v2", context=context, at=at)
        for at in (*seen, None)
    )
    assert [one.explanation.variant for one in (first, second, now)] == ["off", "on", "on"]
    assert (first.set_by.actor, first.set_by.verb) == (OPERATOR.name, "flag.turn_dial")
    assert [one.set_by.reason for one in (first, second)] == ["first", "second"]
    assert [one.stage for one in (first, second)] == ["S0: 5 %", "S1: 50 %"]
    by_revision = explained(
        environment=staging, key="universe-v2", context=context, revision=first.revision
    )
    assert by_revision.explanation == first.explanation


def test_moments_without_an_answer_are_refused(universe: Flag, staging: Environment) -> None:
    ask: dict[str, Any] = {"environment": staging, "key": "universe-v2", "context": {}}
    with pytest.raises(BeforeItsTime):
        explained(**ask, at=START)
    with pytest.raises(BeforeItsTime, match="“other”"):
        explained(**{**ask, "key": "other"})
    with pytest.raises(MomentToCome):
        explained(**ask, at=database_now() + timedelta(hours=1))
    with pytest.raises(NoSuchRevision):
        explained(**ask, revision=99)
    assert revision_at(staging, START) == 0


def test_only_what_a_flag_needs_is_read(
    universe: Flag, staging: Environment, django_assert_num_queries: type
) -> None:
    make_flag("other", staging)
    with django_assert_num_queries(2):
        then = past(staging, keys=["universe-v2"])
    assert list(then.specs) == ["universe-v2"]
    assert replace(then.specs["universe-v2"], dial=0) == then.specs["universe-v2"]
    with django_assert_num_queries(3):
        assert sorted(past(staging).specs) == ["other", "universe-v2"]
