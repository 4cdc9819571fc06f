"""Documents of flags and segments: back and forth, and nothing odd comes in."""

from __future__ import annotations

import json
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

import pytest

from flags.core.specs import (
    ConditionSpec,
    FlagSpec,
    Operator,
    OverrideSpec,
    PrerequisiteSpec,
    RuleSpec,
    SegmentSpec,
    UnknownDocument,
    VariantSpec,
    flag_document,
    flag_from,
    segment_document,
    segment_from,
)

CONDITION = ConditionSpec("plan", Operator.IN, ("pro", "team"), negate=True, fold_case=True)
FLAG = FlagSpec(
    key="x",
    salt="s",
    enabled=True,
    killed=False,
    dial=12_345,
    off_variant="off",
    variants=(VariantSpec("on", {"a": [1, 2.5, None]}, 1000), VariantSpec("off", {})),
    bucket_by="organisation",
    requires=(PrerequisiteSpec("y", ("on",)),),
    overrides=(
        OverrideSpec("ana", "on", datetime(2026, 12, 1, tzinfo=UTC)),
        OverrideSpec("b", "off"),
    ),
    rules=(RuleSpec("r", (CONDITION,), ("germany",), 50_000, "on"), RuleSpec("all")),
    kind="json",
)
DOCUMENT = flag_document(FLAG)
PLACES: list[tuple[Any, ...]] = [
    (),
    *((name,) for name in DOCUMENT),
    *(("variants", 0, name) for name in ("name", "weight")),
    *(("requires", 0, name) for name in ("flag", "variants")),
    *(("overrides", 0, name) for name in ("key", "variant", "until")),
    *(("rules", 0, name) for name in ("name", "conditions", "segments", "percentage", "variant")),
    *(("rules", 0, "conditions", 0, name) for name in ("attribute", "operator", "negate")),
]


def test_a_flag_goes_through_json_and_back() -> None:
    assert flag_from(json.loads(json.dumps(DOCUMENT))) == FLAG
    assert flag_document(flag_from(DOCUMENT)) == DOCUMENT


def test_a_segment_goes_through_json_and_back() -> None:
    segment = SegmentSpec("germany", (CONDITION,))
    assert segment_from(json.loads(json.dumps(segment_document(segment)))) == segment


@pytest.mark.parametrize("place", PLACES[1:], ids=str)
@pytest.mark.parametrize("odd", [{"a": 1}, 1.5, [[]]], ids=str)
def test_what_is_of_the_wrong_kind_is_refused(place: tuple[Any, ...], odd: object) -> None:
    document = deepcopy(DOCUMENT)
    *way, last = place
    inner: Any = document
    for step in way:
        inner = inner[step]
    inner[last] = odd
    with pytest.raises(UnknownDocument):
        flag_from(document)


@pytest.mark.parametrize("name", list(DOCUMENT))
def test_what_is_missing_is_named(name: str) -> None:
    document = {key: value for key, value in DOCUMENT.items() if key != name}
    with pytest.raises(UnknownDocument, match=name):
        flag_from(document)


def test_true_is_no_number_and_a_moment_has_a_zone() -> None:
    with pytest.raises(UnknownDocument, match="whole number"):
        flag_from({**DOCUMENT, "dial": True})
    override = {"key": "a", "variant": "on", "until": "2026-12-01T10:00:00"}
    with pytest.raises(UnknownDocument, match="time zone"):
        flag_from({**DOCUMENT, "overrides": [override]})
