from __future__ import annotations

from tests.stories.conftest import house

__all__ = ["house"]
