"""What a compiled flag answers, and that it never contradicts the plain formula."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flags.core.bucketing import POSITIONS, is_exposed, variant_index
from flags.core.evaluation import FlagNotCompilable, Reason, compile_flag
from flags.core.specs import FlagSpec, VariantSpec

BOOLEAN = FlagSpec(
    key="universe-v2",
    salt="universe-v2",
    enabled=True,
    killed=False,
    dial=25_000,
    off_variant="off",
    variants=(VariantSpec("on", value=True, weight=1000), VariantSpec("off", value=False)),
)
SHARED = replace(
    BOOLEAN,
    key="editor",
    salt="editor",
    off_variant="plain",
    variants=(
        VariantSpec("plain", value="textarea"),
        VariantSpec("rich", value="prosemirror", weight=300),
        VariantSpec("blocks", value="blocks", weight=700),
    ),
)
keys = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40)
dials = st.integers(0, POSITIONS)


@given(keys, dials)
def test_a_compiled_boolean_decides_as_the_plain_formula(key: str, dial: int) -> None:
    answer = compile_flag(replace(BOOLEAN, dial=dial))({"targetingKey": key})
    assert answer.value is is_exposed(BOOLEAN.salt, key, dial)
    assert answer.variant == ("on" if answer.value else "off")


@given(keys, dials)
def test_a_compiled_split_decides_as_the_plain_formula(key: str, dial: int) -> None:
    answer = compile_flag(replace(SHARED, dial=dial))({"targetingKey": key})
    names = [variant.name for variant in SHARED.variants]
    weights = [variant.weight for variant in SHARED.variants]
    inside = names[variant_index(SHARED.salt, key, weights)]
    assert answer.variant == (inside if is_exposed(SHARED.salt, key, dial) else "plain")


@given(keys, dials, dials)
def test_turning_the_dial_moves_nobody_between_variants(key: str, one: int, two: int) -> None:
    before, after = (
        compile_flag(replace(SHARED, dial=dial))({"targetingKey": key}).variant
        for dial in sorted((one, two))
    )
    assert before in {"plain", after}


@pytest.mark.parametrize(
    ("spec", "context", "variant", "reason"),
    [
        (replace(BOOLEAN, dial=0), {"targetingKey": "u"}, "off", Reason.STATIC),
        (replace(BOOLEAN, dial=POSITIONS), {"targetingKey": "u"}, "on", Reason.STATIC),
        (replace(BOOLEAN, dial=POSITIONS), {}, "on", Reason.STATIC),
        (replace(BOOLEAN, dial=POSITIONS, enabled=False), {}, "off", Reason.DISABLED),
        (replace(BOOLEAN, dial=POSITIONS, killed=True), {}, "off", Reason.DISABLED),
        (replace(BOOLEAN, dial=99_999), {}, "off", Reason.UNKNOWN),
        (replace(BOOLEAN, dial=99_999), {"targetingKey": ""}, "off", Reason.UNKNOWN),
        (replace(SHARED, dial=99_999), {}, "plain", Reason.UNKNOWN),
        (replace(SHARED, dial=POSITIONS), {}, "rich", Reason.UNKNOWN),
        (replace(BOOLEAN, dial=99_999), {"targetingKey": "u"}, "on", Reason.SPLIT),
        (replace(BOOLEAN, dial=1), {"targetingKey": "u"}, "off", Reason.SPLIT),
        (replace(SHARED, dial=POSITIONS), {"targetingKey": "u"}, "blocks", Reason.SPLIT),
    ],
)
def test_each_situation_has_one_defined_answer(
    spec: FlagSpec, context: dict[str, str], variant: str, reason: Reason
) -> None:
    answer = compile_flag(spec)(context)
    assert (answer.variant, answer.reason) == (variant, reason)


def test_a_killed_flag_says_so_in_its_metadata() -> None:
    assert compile_flag(replace(BOOLEAN, killed=True))({}).metadata == {"killed": True}
    assert compile_flag(replace(BOOLEAN, enabled=False))({}).metadata == {}


def test_answers_are_built_beforehand_and_handed_out_again() -> None:
    resolve = compile_flag(SHARED)
    answers = {id(resolve({"targetingKey": f"user-{n}"})) for n in range(1000)}
    assert len(answers) == 3


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        (replace(BOOLEAN, off_variant="none"), "off variant “none” does not exist"),
        (replace(BOOLEAN, variants=BOOLEAN.variants * 2), "same name"),
        (replace(BOOLEAN, variants=(VariantSpec("off", value=False),)), "nobody could be let in"),
        (replace(BOOLEAN, dial=POSITIONS + 1), "dial 100001"),
        (replace(BOOLEAN, dial=-1), "dial -1"),
        (
            replace(BOOLEAN, variants=(*BOOLEAN.variants, VariantSpec("x", value=True, weight=-1))),
            "negative weight",
        ),
        (
            replace(
                BOOLEAN, variants=(*BOOLEAN.variants, VariantSpec("x", value=True, weight=2**31))
            ),
            "more than",
        ),
    ],
)
def test_settings_that_contradict_themselves_are_refused(spec: FlagSpec, why: str) -> None:
    with pytest.raises(FlagNotCompilable, match=why):
        compile_flag(spec)
