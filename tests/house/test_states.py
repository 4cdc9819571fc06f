"""The diagrams in docs/states.md and the tables in the code say the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from flags.states import CHANGE, CHANGE_TONES, ROLLOUT, ROLLOUT_TONES
from migrations_runner.states import (
    BACKUP,
    BACKUP_TONES,
    REHEARSAL,
    REHEARSAL_TONES,
    RUN,
    RUN_TONES,
)
from releases.states import RELEASE, RELEASE_TONES, StateMachine

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "states.md"


def drawn(title: str) -> set[tuple[str, str]]:
    section = DOCUMENT.read_text().split(f"\n## {title}\n")[1].split("\n## ")[0]
    return set(re.findall(r"^    (\w+) --> (\w+)$", section, flags=re.MULTILINE))


@pytest.mark.parametrize(
    ("title", "machine"),
    [
        ("Release", RELEASE),
        ("Run", RUN),
        ("Rehearsal", REHEARSAL),
        ("Backup", BACKUP),
        ("Rollout", ROLLOUT),
        ("Change", CHANGE),
    ],
)
def test_what_is_drawn_is_what_is_allowed(title: str, machine: StateMachine) -> None:
    allowed = {
        (str(before), str(after)) for before in machine.moves for after in machine.moves[before]
    }
    assert drawn(title) == allowed


@pytest.mark.parametrize(
    ("machine", "tones"),
    [
        (RELEASE, RELEASE_TONES),
        (RUN, RUN_TONES),
        (REHEARSAL, REHEARSAL_TONES),
        (BACKUP, BACKUP_TONES),
        (ROLLOUT, ROLLOUT_TONES),
        (CHANGE, CHANGE_TONES),
    ],
)
def test_every_state_has_a_tone(machine: StateMachine, tones: dict[str, str]) -> None:
    assert set(machine.moves) == set(tones)
