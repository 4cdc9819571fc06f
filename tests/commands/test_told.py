"""The page of commands names each of them."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_docs_list_every_command() -> None:
    folder = ROOT / "releasecontrol" / "management" / "commands"
    there = {file.stem for file in folder.glob("*.py")} - {"__init__"}
    told = set(
        re.findall(r"^\| `(\w+)` \|", (ROOT / "docs" / "commands.md").read_text(), re.MULTILINE)
    )
    assert told == there
