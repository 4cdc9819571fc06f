"""A backfill's batches are looked at, and the first wrong one ends it."""

from __future__ import annotations

from functools import partial

import pytest
from django.conf import settings

from migrations_runner import execution, hooks
from migrations_runner.backfill.carry_out import carry_out
from migrations_runner.models import MigrationRun, MigrationScript
from migrations_runner.safety import batches, check_batch
from migrations_runner.states import RunState
from tests.migrations_runner.conftest import QueueRun
from tests.migrations_runner.safety.conftest import Target


@pytest.mark.parametrize(
    ("universe", "state"), [("1", RunState.FAILED), ("user_id", RunState.SUCCEEDED)]
)
def test_a_backfill_that_mixes_owners_up_ends_with_its_first_batch(
    world: Target,
    queue: QueueRun,
    monkeypatch: pytest.MonkeyPatch,
    universe: str,
    state: RunState,
) -> None:
    world.execute(
        "INSERT INTO books SELECT n, 1 + n % 3, NULL, 'b' FROM generate_series(10, 3000) n"
    )
    way = partial(carry_out, guards=(check_batch,), sessions=1)
    monkeypatch.setattr(batches, "_HELD_MS", 60_000)  # however busy the machine is
    monkeypatch.setattr(settings, "SAFETY_BUDGET_MS", 60_000)
    monkeypatch.setattr(hooks, "PREFLIGHT", ())
    monkeypatch.setattr(hooks, "MODES", {MigrationScript.Mode.BACKFILL: way})
    run = queue(f"UPDATE books SET universe_id = {universe} WHERE universe_id IS NULL")
    run.scripts.update(mode=MigrationScript.Mode.BACKFILL)
    execution.execute(run.pk)
    run = MigrationRun.objects.get(pk=run.pk)
    assert run.state == state, run.error
    row = world.execute("SELECT count(universe_id) FROM books").fetchone()
    if state == RunState.FAILED:
        assert row == (0,)
        assert "would belong to another account" in run.error
    else:
        assert row == (3000,)
