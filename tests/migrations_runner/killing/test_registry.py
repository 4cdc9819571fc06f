"""The docs list every point at which workers are killed, and no other."""

from __future__ import annotations

from pathlib import Path

from tests.migrations_runner.killing import points

DOC = Path(__file__).resolve().parents[3] / "docs" / "kill-points.md"


def test_the_docs_list_the_registry() -> None:
    told = [line for line in DOC.read_text().splitlines() if line.startswith("| ")]
    assert told[1:] == points.as_told()


def test_no_point_stands_twice() -> None:
    names = [(room, each.name) for room, found in points.REGISTRY.items() for each in found]
    assert len(names) == len(set(names))
