from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import psycopg
import pytest

from migrations_runner import execution, hooks
from migrations_runner.backfill import carry_out
from migrations_runner.models import MigrationRun, MigrationScript, RunScript
from tests.migrations_runner.conftest import QueueRun

Backfill = Callable[..., MigrationRun]
Target = psycopg.Connection[tuple[object, ...]]


@pytest.fixture
def backfill(queue: QueueRun, monkeypatch: pytest.MonkeyPatch) -> Backfill:
    """Carry out a text as a backfill; the answer is its run as it ended."""

    def make(text: str, **options: Any) -> MigrationRun:
        carry = partial(carry_out.carry_out, **options)
        monkeypatch.setitem(hooks.MODES, MigrationScript.Mode.BACKFILL, carry)
        run = queue(text)
        RunScript.objects.filter(run=run).update(mode=MigrationScript.Mode.BACKFILL)
        execution.execute(run.pk)
        run.refresh_from_db()
        return run

    return make
