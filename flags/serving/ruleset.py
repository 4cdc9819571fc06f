"""The ruleset that answers: in memory, swapped whole, in every process.

Reading (any thread, no query)::

    current("staging")   the compiled flags of an environment
    token(text)          what is known of an API token, or None
    age()                seconds since this process last knew that it has the newest

Changes come from `flags.changing.publishing`, whose commit notifies every process.

The keeper starts with the first question and again after a fork; nothing runs at import.
"""

from __future__ import annotations

import os
import threading
import time

from flags.serving.keeper import Keeper, Listener
from flags.serving.snapshot import Ruleset, Snapshot, TokenFacts
from releases.refusals import Refused
from releases.tokens import digest

FIRST_LOAD_SECONDS = 5.0
REFRESH_SECONDS = 1.0
"""How long one question may wait for a fresh look, and how often such a look may happen."""


class NoRulesetYet(Refused):
    """The database does not answer and this process has never read the flags."""


class UnknownEnvironment(Refused):
    """There is no such environment."""


_keeper: Keeper | None = None
_starting = threading.Lock()
_last_refresh = float("-inf")


def current(environment: str) -> Ruleset:
    """Return the newest known ruleset of an environment, by slug.

    Raises `UnknownEnvironment`, or `NoRulesetYet` where nothing was ever read.
    """
    try:
        return snapshot().rulesets[environment]
    except KeyError:
        raise UnknownEnvironment(f"Looked for “{environment}”.") from None


def snapshot() -> Snapshot:
    """Return the newest known snapshot; waits for the first one, then never again."""
    held = _kept().snapshot
    return held if held is not None else _first_snapshot()


def age() -> float | None:
    """Seconds since the ruleset was last known to be the newest; None if there is none."""
    keeper = _kept()
    if keeper.snapshot is None:
        keeper.wait_for_first(REFRESH_SECONDS)
    return keeper.age()


def is_from_disk() -> bool:
    """Is the ruleset the one kept on disk, because the database was not there yet?"""
    return _kept().from_disk


def token(text: str) -> TokenFacts | None:
    """Return the facts of a live token, else None.

    An unknown one is looked for once in the database, since it may be a second old; such looks
    are limited to one a second for the whole process, so guessing tokens costs us nothing.
    """
    key = digest(text)
    facts = snapshot().tokens_by_digest.get(key)
    if facts is None and _refresh():
        facts = snapshot().tokens_by_digest.get(key)
    return facts if facts is not None and facts.is_live() else None


def wait_for_revision(environment: str, revision: int, timeout: float) -> Ruleset:
    """Return the ruleset at `revision` or later, or the current one after `timeout` seconds.

    For a client that heard of a revision from another process a moment before we did.
    """
    held = current(environment)
    if held.revision >= revision:
        return held
    _kept().wait_until(lambda now: _revision(now, environment) >= revision, timeout)
    return current(environment)


def add_listener(listener: Listener) -> None:
    """Call `listener`, from the keeper's thread, with each new snapshot."""
    _kept().add_listener(listener)


def remove_listener(listener: Listener) -> None:
    _kept().remove_listener(listener)


def stop() -> None:
    """End this process's keeper and forget what it held; the next question starts another."""
    global _keeper, _last_refresh  # noqa: PLW0603  (one keeper a process is the point)
    with _starting:
        keeper, _keeper = _keeper, None
        _last_refresh = float("-inf")
    if keeper is not None and keeper.pid == os.getpid():
        keeper.stop()


def _kept() -> Keeper:
    keeper = _keeper
    return keeper if keeper is not None else _start()


def _start() -> Keeper:
    global _keeper  # noqa: PLW0603  (one keeper a process is the point)
    with _starting:
        if _keeper is None:
            _keeper = Keeper()
            _keeper.start()
        return _keeper


def _first_snapshot() -> Snapshot:
    keeper = _kept()
    keeper.wait_for_first(FIRST_LOAD_SECONDS)
    if keeper.snapshot is None:
        raise NoRulesetYet
    return keeper.snapshot


def _refresh() -> bool:
    global _last_refresh  # noqa: PLW0603  (the limit is for the process)
    with _starting:
        now = time.monotonic()
        if now - _last_refresh < REFRESH_SECONDS:
            return False
        _last_refresh = now
    return _kept().read_now(REFRESH_SECONDS)


def _revision(held: Snapshot | None, environment: str) -> int:
    ruleset = held.rulesets.get(environment) if held is not None else None
    return ruleset.revision if ruleset is not None else -1


def _after_fork() -> None:
    # A thread does not survive a fork, and its database connection belongs to the parent. The
    # parent's lock may have been held at that moment, so the child takes a new one.
    global _keeper, _starting  # noqa: PLW0603
    _keeper = None
    _starting = threading.Lock()


os.register_at_fork(after_in_child=_after_fork)
