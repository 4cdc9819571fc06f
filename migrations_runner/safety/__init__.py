"""Data-safety checks that need no configuration: the foreign keys say what has to agree."""

from __future__ import annotations

from migrations_runner.safety.batches import check_batch, guard_key
from migrations_runner.safety.guarding import DataUnsafe, guard

__all__ = ["DataUnsafe", "check_batch", "guard", "guard_key"]
