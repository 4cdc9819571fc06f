"""All flags asked at once get the answers that each gets alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flags.core.compiling import compile_ruleset
from flags.core.together import together
from tests.bench.many_flags import flag, ruleset

CONTEXTS: list[dict[str, Any]] = [
    *({"targetingKey": f"user-{n}", "plan": "pro", "age": n} for n in range(200)),
    *({"targetingKey": key, "country": "DE"} for key in ("", "Zoë", "\ud83c", 7, True, None, 1.5)),
    {},
]


def test_all_at_once_answer_as_each_does_alone() -> None:
    specs, segments = ruleset(40, 5)
    elsewhere = replace(flag(0), key="elsewhere", bucket_by="organisation")
    specs = {"elsewhere": elsewhere, **specs}
    flags = compile_ruleset(specs, segments).flags
    keys, ask = together(flags)
    assert sorted(keys) == sorted(specs)
    given = {}
    for context in CONTEXTS:
        answers = ask(context)
        assert answers == [flags[key](context) for key in keys]
        given[str(context)] = tuple(answers)
    assert len(set(given.values())) > 100  # they are not all the same


def test_nobody_has_no_flags() -> None:
    keys, ask = together({})
    assert (keys, ask({"targetingKey": "user-1"})) == ((), [])
