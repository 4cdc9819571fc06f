"""The timeline in words: nothing that a verb records is left without a sentence."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from releasecontrol.board.sentences import sentence

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("releases", "checklists", "flags", "migrations_runner", "monitoring", "releasecontrol")
ENTITIES = "item|gate|release|flag|run|script|smoke|person|token|target|checklist|environment"


_RECORDED = re.compile(rf'(?:verb=|RunState\.[A-Z]+: |actor, )"((?:{ENTITIES})\.[a-z_]+)"')


def _verbs_in_the_code() -> set[str]:
    found: set[str] = set()
    for room in ROOMS:
        for file in (ROOT / room).rglob("*.py"):
            found |= set(_RECORDED.findall(file.read_text()))
    return found


def test_every_verb_in_the_code_has_its_sentence() -> None:
    verbs = _verbs_in_the_code()
    assert {"item.tick", "flag.kill", "run.queue", "release.move"} <= verbs
    unknown = [v for v in sorted(verbs) if sentence(v, "X", {}).text == _fallback(v)]
    assert unknown == []


def _fallback(verb: str) -> str:
    entity, _, action = verb.partition(".")
    return f"{entity}: {action.replace('_', ' ')} (X)"


@pytest.mark.parametrize(
    ("verb", "data", "text", "tone"),
    [
        ("item.tick", {}, "ticked “X”", "good"),
        ("flag.kill", {"before": "25"}, "killed X: dial to 0 % (it was 25 %)", "bad"),
        (
            "flag.turn_dial",
            {"before": "0", "after": "12.5"},
            "turned X from 0 % to 12.5 %",
            "active",
        ),
        ("flag.turn_dial", {}, "turned X", "active"),
        ("gate.sign_off", {"role": "Product", "go": False}, "said no to “X” for Product", "bad"),
        (
            "release.move",
            {"after": "rolled_back"},
            "moved the release to rolled back",
            "bad",
        ),
        ("release.move", {"after": "nonsense"}, "moved the release", "quiet"),
        ("release.import_plan", {"version": 2}, "imported the plan again, version 2", "quiet"),
    ],
)
def test_facts_become_words(verb: str, data: dict[str, object], text: str, tone: str) -> None:
    said = sentence(verb, "X", data)
    assert (said.text, said.tone) == (text, tone)


def test_braces_in_a_label_are_only_letters() -> None:
    assert sentence("item.tick", "{0} {label}", {}).text == "ticked “{0} {label}”"
