"""Answers come together in memory: few are handed on at once, thousands now and then."""

from __future__ import annotations

from types import MappingProxyType

import pytest

from flags.api import tally as tallying
from flags.api.ofrep_answers import Page
from flags.api.tally import Tally
from flags.api.who import Who
from flags.core.answers import Reason, Resolution
from flags.core.compiling import compile_ruleset
from flags.core.specs import FlagSpec, VariantSpec
from flags.serving import counting
from flags.serving.snapshot import Ruleset

NONE: MappingProxyType[str, str] = MappingProxyType({})
WHO = Who("curl #1", "curl")


@pytest.fixture
def page() -> Page:
    variants = (VariantSpec("on", value=True, weight=1), VariantSpec("off", value=False))
    specs = {
        key: FlagSpec(key, key, enabled=True, killed=False, dial=7, off_variant="off",
                      variants=variants)
        for key in "abc"
    }  # fmt: skip
    compiled = compile_ruleset(specs, {})
    rules = Ruleset("staging", 1, None, compiled, NONE, compiled.flags, specs, {}, NONE, NONE)
    return Page(rules)


@pytest.fixture
def handed_on(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """How often each flag's answers were handed on, by key."""
    found: dict[str, int] = {}

    def note(_environment: str, answers: object) -> None:
        for key, variant, dial, count in answers:  # type: ignore[attr-defined]
            assert (variant, dial) == ("on", 7)
            found[key] = found.get(key, 0) + count

    monkeypatch.setattr(counting, "evaluated_all", note)
    monkeypatch.setattr(tallying, "report", lambda *_: None)
    return found


def ask(tally: Tally, page: Page, key: str) -> None:
    resolution = Resolution(True, "on", Reason.STATIC)  # noqa: FBT003  (a value)
    page.body(key, resolution)
    tally.note_one(page, 1, WHO, resolution)


def test_few_answers_are_handed_on_each_time_and_many_wait_until_their_time_has_come(
    page: Page, handed_on: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tallying, "MANY_ANSWERS", 2)
    tally = Tally()
    try:
        ask(tally, page, "a")
        tally.drain(everything=False)
        assert handed_on == {"a": 1}
        for key in "abc":
            ask(tally, page, key)
        tally.drain(everything=False)
        assert handed_on == {"a": 1}  # they were just handed on
        monkeypatch.setattr(tallying, "SELDOM_SECONDS", 0.0)
        tally.drain(everything=False)
        assert handed_on == {"a": 2, "b": 1, "c": 1}
    finally:
        tally.stop()
    assert handed_on == {"a": 2, "b": 1, "c": 1}
