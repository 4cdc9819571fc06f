"""Answers are counted in memory as they are given, and handed on each second.

Counting an answer is one entry of a dictionary under a lock that is held for less than a
microsecond; all else is done by a thread of its own, over the few answers that a flag has and not
over the many that were given. What was answered in the last second before a kill -9 is not counted.
"""

from __future__ import annotations

import atexit
import threading
from collections import Counter
from collections.abc import Sequence

from flags import counting
from flags.answers import Resolution
from flags.api.ofrep_answers import Page
from flags.api.who import Who
from flags.models import FlagClient
from flags.snapshot import Ruleset

DRAIN_SECONDS = 1.0


class Tally:
    """What was answered since it was last drained, and to whom."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answers: dict[Page, Counter[Resolution]] = {}
        self._clients: dict[tuple[int, Who], Ruleset] = {}
        self._timer: threading.Timer | None = None

    def note(self, page: Page, token_id: int, who: Who, resolutions: Sequence[Resolution]) -> None:
        """Count what was answered to one client, after its page has rendered it."""
        with self._lock:
            self._counts_of(page).update(resolutions)
            self._clients[token_id, who] = page.rules
            if self._timer is None:
                self._plan()

    def note_one(self, page: Page, token_id: int, who: Who, resolution: Resolution) -> None:
        """Do what `note` does for a single answer, at a third of the cost."""
        with self._lock:
            self._counts_of(page)[resolution] += 1
            self._clients[token_id, who] = page.rules
            if self._timer is None:
                self._plan()

    def _counts_of(self, page: Page) -> Counter[Resolution]:
        counts = self._answers.get(page)
        if counts is None:
            counts = self._answers[page] = Counter()
        return counts

    def drain(self) -> None:
        """Hand everything noted so far on to `flags.counting`."""
        with self._lock:
            answers, self._answers = self._answers, {}
            clients, self._clients = self._clients, {}
            self._timer = None  # what is noted from now on plans the next time
        for page, counts in answers.items():
            _hand_on(page, counts)
        for (token_id, who), rules in clients.items():
            report(rules, token_id, who)

    def stop(self) -> None:
        """Hand on what there is, now; nothing is planned afterwards."""
        timer = self._timer
        if timer is not None:
            timer.cancel()
            timer.join()
        self.drain()

    def _plan(self) -> None:
        self._timer = threading.Timer(DRAIN_SECONDS, self.drain)
        self._timer.daemon = True
        self._timer.start()


def _hand_on(page: Page, counts: Counter[Resolution]) -> None:
    rules = page.rules
    for resolution, count in counts.items():
        key = page.key_of[resolution]
        dial = rules.specs[key].dial
        counting.evaluated(rules.environment, key, resolution.variant, dial, count)


def report(rules: Ruleset, token_id: int, who: Who) -> None:
    """Report that this client has the answers of this revision."""
    counting.seen(
        rules.environment,
        token_id,
        FlagClient.Protocol.OFREP.value,
        who.instance,
        rules.revision,
        sdk=who.agent,
    )


tally = Tally()
atexit.register(tally.stop)  # before the counts write for the last time: they came first
