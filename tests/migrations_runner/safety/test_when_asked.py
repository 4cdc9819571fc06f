"""When the release's own questions are asked: at the end, and not in between."""

from __future__ import annotations

import pytest

from migrations_runner import execution, hooks, postflight, preflight
from migrations_runner.models import MigrationRun, ScriptCheck
from migrations_runner.states import RunState
from releases.models import Release
from tests.migrations_runner.conftest import QueueRun
from tests.migrations_runner.safety.conftest import Target


def test_a_script_that_is_no_transaction_is_judged_by_its_end(
    world: Target, queue: QueueRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hooks, "PREFLIGHT", (preflight.ask,))
    monkeypatch.setattr(hooks, "GUARDS", (postflight.guard,))
    monkeypatch.setattr(hooks, "POSTFLIGHT", (postflight.ask,))
    run = queue(
        "CREATE INDEX CONCURRENTLY by_title ON books (title);\n"
        "UPDATE books SET title = 'a' WHERE id < 5;\n"
        "UPDATE books SET title = 'a' WHERE id >= 5;"
    )
    ScriptCheck.objects.create(
        release=Release.objects.get(),
        phase=ScriptCheck.Phase.POST,
        name="all are a",
        sql="SELECT count(*) FROM books WHERE title <> 'a'",
    )
    execution.execute(run.pk)
    run = MigrationRun.objects.get(pk=run.pk)
    assert run.state == RunState.SUCCEEDED, run.error
