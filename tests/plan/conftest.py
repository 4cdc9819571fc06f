"""The plans the parser is tried on."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "releasecontrol" / "examples" / "plan.md"
SHARED = ROOT.parent / "shared" / "plans"


@pytest.fixture
def example_plan() -> bytes:
    """The project's own plan."""
    return EXAMPLE.read_bytes()


def shared_plan(name: str) -> bytes:
    """A plan from outside the repository, or a skip that says so."""
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"../shared/plans/{name} is not here")
    return path.read_bytes()
