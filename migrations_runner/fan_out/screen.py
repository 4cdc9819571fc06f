"""The keys of a fan-out for screens: masked labels and states, written now and then."""

from __future__ import annotations

import logging
import time

from django.db import DatabaseError
from django.utils import timezone

from migrations_runner.backfill.masking import labelled
from migrations_runner.fan_out import marks
from migrations_runner.fan_out.marks import Mark
from migrations_runner.models import FanOutKey, RunScript
from migrations_runner.states import StepState

log = logging.getLogger(__name__)

WRITE_SECONDS = 0.5
_STATES = {
    marks.OPEN: StepState.PENDING,
    marks.APPLIED: StepState.APPLIED,
    marks.FAILED: StepState.FAILED,
}
_MOST_LABEL = 200


class Screen:
    """Rows of FanOutKey for one script of a run. The target's marks decide, never these."""

    def __init__(self, script: RunScript, keys: list[Mark]) -> None:
        self._changed: list[Mark] = []
        self._written = time.monotonic()
        FanOutKey.objects.filter(run_script=script).delete()
        made = FanOutKey.objects.bulk_create((_row(script, key) for key in keys), batch_size=1000)
        self._rows = {row.key: row for row in made}

    def note(self, mark: Mark) -> None:
        """A key has ended; written with others before long."""
        self._changed.append(mark)
        if time.monotonic() - self._written >= WRITE_SECONDS:
            self.write()

    def write(self) -> None:
        """A failed write keeps the changes for the next one."""
        rows = []
        for mark in self._changed:
            row = self._rows[mark.key]
            row.state, row.error, row.at = _STATES[mark.state], mark.error, timezone.now()
            rows.append(row)
        try:
            FanOutKey.objects.bulk_update(rows, ["state", "error", "at"], batch_size=1000)
        except DatabaseError:
            log.warning("the progress of a fan-out was not written")
            return
        self._changed, self._written = [], time.monotonic()


def _row(script: RunScript, mark: Mark) -> FanOutKey:
    return FanOutKey(
        run_script=script,
        position=mark.position,
        key=mark.key,
        label=labelled(tuple(mark.values), list(mark.values.values()))[:_MOST_LABEL],
        state=_STATES[mark.state],
        error=mark.error,
    )
