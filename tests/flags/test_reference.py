"""The compiled ruleset against a slow, plain second evaluator, on random flags and contexts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from flags.core.compiling import compile_ruleset
from flags.core.specs import FlagSpec, SegmentSpec
from tests.flags import strategies as some
from tests.flags.reference import Reference

Specs = dict[str, FlagSpec]
Segments = dict[str, SegmentSpec]
NOW = some.NOW.timestamp()


def clock() -> float:
    return NOW


@settings(max_examples=120, deadline=None)
@given(some.rulesets, some.segments, st.lists(some.contexts, min_size=4, max_size=8))
def test_compiled_flags_decide_as_the_plain_order_says(
    specs: Specs, segments: Segments, contexts: list[dict[str, Any]]
) -> None:
    compiled = compile_ruleset(specs, segments, clock)
    reference = Reference(specs, segments, NOW)
    for context in contexts:
        for key, resolve in compiled.flags.items():
            answer = resolve(context)
            said = (answer.variant, str(answer.reason), dict(answer.metadata))
            assert said == reference.ask(key, context)
            assert answer.value == {"on": "1", "blue": "2", "off": "0"}[answer.variant]


@settings(max_examples=50, deadline=None)
@given(some.rulesets, some.rulesets, some.segments, some.segments, st.data())
def test_what_is_rebuilt_in_part_answers_as_what_is_built_anew(
    first: Specs, second: Specs, one: Segments, other: Segments, data: st.DataObject
) -> None:
    kept = data.draw(st.sets(st.sampled_from(some.KEYS)))
    gone = data.draw(st.sets(st.sampled_from(some.KEYS), max_size=1))
    after = {key: (first if key in kept else second)[key] for key in some.KEYS if key not in gone}
    segments = {"s1": one["s1"], "s2": other["s2"]}
    before = compile_ruleset(first, one, clock)
    partly = compile_ruleset(after, segments, clock, before)
    anew = compile_ruleset(after, segments, clock)
    context = data.draw(some.contexts)
    assert list(partly.flags) == list(anew.flags)
    assert (partly.broken, partly.warnings) == (anew.broken, anew.warnings)
    for key, resolve in anew.flags.items():
        mine, theirs = partly.flags[key](context), resolve(context)
        assert (mine.variant, mine.reason, mine.metadata) == (
            theirs.variant,
            theirs.reason,
            theirs.metadata,
        )


@settings(max_examples=50, deadline=None)
@given(some.flags("a"), some.segments, some.dials, some.dials, some.contexts)
def test_growing_a_dial_removes_nobody_and_moves_nobody(
    flag: FlagSpec, segments: Segments, one: int, other: int, context: dict[str, Any]
) -> None:
    alone = replace(flag, requires=())
    low, high = (
        compile_ruleset({"a": replace(alone, dial=dial)}, segments, clock).flags["a"](context)
        for dial in sorted((one, other))
    )
    assert low.variant in {"off", high.variant}


@settings(max_examples=50, deadline=None)
@given(some.rulesets, some.segments, some.contexts, some.dials)
def test_a_killed_flag_is_off_for_everybody_whatever_else_it_says(
    specs: Specs, segments: Segments, context: dict[str, Any], dial: int
) -> None:
    killed = {**specs, "a": replace(specs["a"], killed=True, dial=dial)}
    assert compile_ruleset(killed, segments, clock).flags["a"](context).variant == "off"


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=4,
)


@settings(max_examples=50, deadline=None)
@given(
    some.rulesets,
    some.segments,
    st.dictionaries(
        st.sampled_from(("targetingKey", "organisation", *some.ATTRIBUTES)), anything, max_size=7
    ),
)
def test_no_context_is_too_odd_for_an_answer(
    specs: Specs, segments: Segments, context: dict[str, Any]
) -> None:
    for resolve in compile_ruleset(specs, segments, clock).flags.values():
        assert resolve(context).variant in some.NAMES
