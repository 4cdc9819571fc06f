"""What every flag engine is asked: two flags, and users of whom three things are known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

Users: TypeAlias = list[tuple[str, str, str]]
"""Id, country, plan."""
Work: TypeAlias = Callable[[Users], list[Any]]

COUNTRIES = ("DE", "AT", "CH")
SPLIT = (("red", 333), ("green", 333), ("blue", 334))
