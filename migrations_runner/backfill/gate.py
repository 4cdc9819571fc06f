"""Where lanes stop between two batches: to rest for a reason, or to end."""

from __future__ import annotations

import threading


class Halted(Exception):
    """The backfill is to end here; what is committed stands."""


class Gate:
    """Shared by the lanes of a backfill and the one who watches over them."""

    def __init__(self) -> None:
        self._moved = threading.Condition()
        self._why = ""
        self._halted = False
        self._parked = 0
        self._bad_rows = 0

    @property
    def why(self) -> str:
        """What the lanes rest for; empty while they may go on."""
        return self._why

    @property
    def parked(self) -> int:
        """How many lanes stand here, with nothing open on the target."""
        return self._parked

    def rest_for(self, why: str) -> None:
        """Close for a reason, or open with none."""
        with self._moved:
            self._why = why
            self._moved.notify_all()

    def halt(self) -> None:
        with self._moved:
            self._halted = True
            self._moved.notify_all()

    def pass_through(self) -> None:
        """Between two batches: stay while there is a reason to. Raises Halted."""
        with self._moved:
            self._parked += 1
            try:
                self._moved.wait_for(lambda: self._halted or not self._why)
            finally:
                self._parked -= 1
        self.refuse_if_halted()

    def rest(self, seconds: float) -> None:
        """Let a moment pass. Raises Halted."""
        with self._moved:
            self._moved.wait_for(lambda: self._halted, timeout=seconds)
        self.refuse_if_halted()

    def refuse_if_halted(self) -> None:
        if self._halted:
            raise Halted

    def count_bad_row(self) -> int:
        """One more row failed by itself; answers how many did since the lanes set out."""
        with self._moved:
            self._bad_rows += 1
            return self._bad_rows
