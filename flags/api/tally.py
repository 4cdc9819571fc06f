"""Answers are counted in memory as they are given, and handed on each second.

Counting an answer is one entry of a dictionary under a lock that is held for less than a
microsecond; all else is done by a thread of its own, over the few answers that a flag has and not
over the many that were given. Where thousands of flags are asked, their answers come together for
ten seconds. What was answered since the last time before a kill -9 is not counted.
"""

from __future__ import annotations

import atexit
import threading
import time
from collections import Counter
from collections.abc import Sequence

from flags.api.ofrep_answers import Page
from flags.api.who import Who
from flags.core.answers import Resolution
from flags.models import FlagClient
from flags.serving import counting
from flags.serving.snapshot import Ruleset

DRAIN_SECONDS = 1.0
SELDOM_SECONDS = 10.0
MANY_ANSWERS = 2_000


class Tally:
    """What was answered since it was last drained, and to whom."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answers: dict[Page, Counter[Resolution]] = {}
        self._clients: dict[tuple[int, Who], Ruleset] = {}
        self._taken_at = float("-inf")
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

    def drain(self, *, everything: bool = True) -> None:
        """Hand on to `counting` what was noted; thousands of answers wait for their time."""
        with self._lock:
            clients, self._clients = self._clients, {}
            self._timer = None  # what is noted from now on plans the next time
            answers = self._taken(everything=everything)
        for page, counts in answers.items():
            _hand_on(page, counts)
        for (token_id, who), rules in clients.items():
            report(rules, token_id, who)

    def _taken(self, *, everything: bool) -> dict[Page, Counter[Resolution]]:
        now = time.monotonic()
        many = sum(map(len, self._answers.values())) > MANY_ANSWERS
        if many and not everything and now < self._taken_at + SELDOM_SECONDS:
            self._plan()
            return {}
        taken, self._answers, self._taken_at = self._answers, {}, now
        return taken

    def stop(self) -> None:
        """Hand on what there is, now; nothing is planned afterwards."""
        timer = self._timer
        if timer is not None:
            timer.cancel()
            timer.join()
        self.drain()

    def _plan(self) -> None:
        self._timer = threading.Timer(DRAIN_SECONDS, self.drain, kwargs={"everything": False})
        self._timer.daemon = True
        self._timer.start()


def _hand_on(page: Page, counts: Counter[Resolution]) -> None:
    rules = page.rules
    named = ((page.key_of[resolution], resolution, count) for resolution, count in counts.items())
    counting.evaluated_all(
        rules.environment,
        ((key, given.variant, rules.specs[key].dial, count) for key, given, count in named),
    )


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
