"""A sample before and after a change: who enters, who leaves, who gets another answer."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flags.core.blast import (
    LONGEST_LINE,
    MOST_KEYS,
    SampleTooLarge,
    UnreadableSample,
    compare,
    contexts_of,
)
from flags.core.bucketing import is_exposed
from flags.core.evaluation import compile_flag
from flags.core.specs import FlagSpec, VariantSpec

FLAG = FlagSpec(
    key="x",
    salt="x",
    enabled=True,
    killed=False,
    dial=10_000,
    off_variant="off",
    variants=(VariantSpec("on", value=True, weight=1000), VariantSpec("off", value=False)),
)
KEYS = [f"user-{number}" for number in range(2000)]
SAMPLE = "\n".join(KEYS)


def test_growing_lets_exactly_those_between_the_dials_in() -> None:
    wider = replace(FLAG, dial=25_000)
    blast = compare(compile_flag(FLAG), compile_flag(wider), "off", contexts_of(SAMPLE))
    entering = [
        key for key in KEYS if is_exposed("x", key, 25_000) and not is_exposed("x", key, 10_000)
    ]
    assert (blast.sample, blast.enter, blast.leave, blast.move) == (2000, len(entering), 0, 0)
    assert blast.named == {"enter": entering[:10]}
    assert blast.inside_after - blast.inside_before == len(entering)
    assert blast.share(blast.sample) == 100.0


def test_a_kill_takes_everybody_out() -> None:
    killed = replace(FLAG, dial=0, killed=True)
    blast = compare(compile_flag(FLAG), compile_flag(killed), "off", contexts_of(SAMPLE))
    assert blast.leave == blast.inside_before > 0
    assert blast.inside_after == 0
    assert blast.variants == {"off": 2000}


def test_another_answer_for_somebody_inside_is_a_move() -> None:
    everyone = replace(FLAG, dial=100_000)
    renamed = replace(
        everyone, variants=(VariantSpec("new", value=True, weight=1), FLAG.variants[1])
    )
    blast = compare(compile_flag(everyone), compile_flag(renamed), "off", contexts_of("a\nb"))
    assert (blast.move, blast.enter, blast.leave, blast.unchanged) == (2, 0, 0, 0)


def test_a_flag_that_was_not_there_answered_off() -> None:
    blast = compare(None, compile_flag(replace(FLAG, dial=100_000)), "off", contexts_of("a"))
    assert blast.enter == 1


def test_an_empty_sample_is_counted_as_nothing() -> None:
    blast = compare(None, None, "off", contexts_of(" \n\n"))
    assert (blast.sample, blast.share(0)) == (0, 0.0)


def test_cells_that_are_empty_are_missing_attributes() -> None:
    assert list(contexts_of("country,targetingKey\n,ana")) == [{"targetingKey": "ana"}]


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("name,country\nana,DE", UnreadableSample),
        ("targetingKey,country\nana", UnreadableSample),
        ('targetingKey,country\n"ana,DE', UnreadableSample),
        ("x" * (LONGEST_LINE + 1), UnreadableSample),
        ("x\n" * (MOST_KEYS + 1), SampleTooLarge),
    ],
)
def test_what_is_no_sample_is_refused_in_words(
    text: str, refusal: type[UnreadableSample | SampleTooLarge]
) -> None:
    with pytest.raises(refusal):
        list(contexts_of(text))
