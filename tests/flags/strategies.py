"""Random flags, segments and contexts, small enough that their parts meet."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

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

NOW = datetime(2026, 11, 23, tzinfo=UTC)
KEYS = ("a", "b", "c", "d")
NAMES = ("on", "blue", "off")
ATTRIBUTES = ("country", "age", "app", "born", "currentTime")
TEXTS = ("DE", "de", "D", "", "true", "18", "21.5", "-3", "1.0.0", "1.0.0-rc.1", "1.0.0-rc.11")
MOMENTS = ("2026-11-22T23:00:00Z", "2026-11-23T01:00:00+01:00", "2026-11-24T00:00:00.25Z")

ids = st.sampled_from(("u1", "u2", "u3", "7", "naïve", "سارة"))
values: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from((*TEXTS, *MOMENTS)),
    st.sampled_from((True, False, 18, 7, -3, 21.5, 18.0, None, ["DE"], {})),
)
contexts: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "targetingKey": st.one_of(ids, ids, ids, st.sampled_from((7, True, "", None))),
        "organisation": st.one_of(ids, st.sampled_from((7, 7.0, False))),
        **dict.fromkeys(ATTRIBUTES, values),
    },
)
dials = st.one_of(st.sampled_from((0, 100_000, 25_000)), st.integers(0, 100_000))
conditions = st.builds(
    ConditionSpec,
    st.sampled_from(ATTRIBUTES),
    st.sampled_from(Operator),
    st.lists(st.sampled_from((*TEXTS, *MOMENTS)), max_size=2).map(tuple),
    st.booleans(),
    st.booleans(),
)
# Often nothing is asked, so that several rules match and their order counts.
groups = st.one_of(st.just(()), st.lists(conditions, max_size=2).map(tuple))
rules = st.builds(
    RuleSpec,
    st.just("rule"),
    groups,
    st.sampled_from(((), (), ("s1",), ("s2",), ("gone",))),
    st.sampled_from((100_000, 100_000, 50_000, 12_345, 0)),
    st.one_of(st.none(), st.sampled_from(NAMES)),
)
overrides = st.lists(
    st.builds(
        OverrideSpec,
        ids,
        st.sampled_from(NAMES),
        st.one_of(st.none(), st.sampled_from((-1, 0, 1)).map(lambda h: NOW + timedelta(hours=h))),
    ),
    max_size=2,
    unique_by=lambda one: one.key,
).map(tuple)
prerequisites = st.lists(
    st.builds(
        PrerequisiteSpec,
        st.sampled_from((*KEYS, "gone")),
        st.lists(st.sampled_from(NAMES), max_size=2, unique=True).map(tuple),
    ),
    max_size=2,
    unique_by=lambda one: one.flag,
).map(tuple)


def flags(key: str) -> st.SearchStrategy[FlagSpec]:
    """One flag of this key; it is on and unkilled most of the time."""
    often = st.sampled_from((True, True, True, False))
    return st.builds(
        FlagSpec,
        st.just(key),
        st.sampled_from((key, "salt")),
        often,
        often.map(lambda usual: not usual),
        dials,
        st.just("off"),
        st.sampled_from((0, 1, 300, 999)).map(_variants),
        st.sampled_from(("targetingKey", "targetingKey", "organisation")),
        prerequisites,
        overrides,
        st.one_of(st.lists(rules, max_size=2), st.lists(rules, min_size=5, max_size=6)).map(tuple),
        st.just("string"),
    )


def _variants(weight: int) -> tuple[VariantSpec, ...]:
    return (
        VariantSpec("on", "1", 1000 - weight),
        VariantSpec("blue", "2", weight),
        VariantSpec("off", "0"),
    )


rulesets = st.tuples(*map(flags, KEYS)).map(lambda all_of: {one.key: one for one in all_of})
segments = st.tuples(groups, groups).map(
    lambda two: {"s1": SegmentSpec("s1", two[0]), "s2": SegmentSpec("s2", two[1])}
)
