"""How many questions a token may ask: a token bucket each, in the memory of this process.

Source: the virtual scheduling form of the generic cell rate algorithm (ITU-T I.371), which needs
one number a bucket: the moment at which it would be full again.
"""

from __future__ import annotations

import time
from collections.abc import Callable


class Limiter:
    """At most ``rate`` questions a second for each token, ``burst`` of them at once.

    Each process counts for itself. No lock is taken: two threads that meet may let one question
    more through, which no limit here depends on.
    """

    def __init__(
        self, *, rate: float, burst: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._step = 1.0 / rate
        self._slack = burst / rate
        self._clock = clock
        self._full_at: dict[int, float] = {}

    def seconds_to_wait(self, token_id: int) -> float:
        """Count one question; 0 if it may be asked, else how long until one may.

        >>> now = [0.0]
        >>> limiter = Limiter(rate=2, burst=2, clock=lambda: now[0])
        >>> [limiter.seconds_to_wait(7) for _ in range(3)]
        [0.0, 0.0, 0.5]
        >>> now[0] = 0.5
        >>> limiter.seconds_to_wait(7), limiter.seconds_to_wait(8)
        (0.0, 0.0)
        """
        now = self._clock()
        full_at = self._full_at.get(token_id, now)
        if full_at < now:  # noqa: PLR1730  (max() costs twice as much, at each question)
            full_at = now
        full_at += self._step
        if full_at - now > self._slack:
            return full_at - now - self._slack
        self._full_at[token_id] = full_at
        return 0.0
