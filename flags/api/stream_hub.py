"""Who listens to an environment, and telling them all in one go.

A change is rendered once and handed to each client's connection in one loop, without waking a
task a client: waking two thousand costs half a second, handing over the same bytes two thousand
times some milliseconds. granian takes what it is handed at once and writes from threads of its
own, so it never says that a client does not read; what such a client is owed lies in memory, some
200 bytes a change, until its key ends (an hour at most).

All methods but `heard` belong to the event loop's thread.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from functools import lru_cache
from typing import Any, TypeAlias

from flags.api.stream_token import StreamKey
from flags.api.who import Who
from flags.models import FlagClient
from flags.serving import counting, ruleset
from flags.serving.snapshot import Ruleset, Snapshot

Message: TypeAlias = MutableMapping[str, Any]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

HEARTBEAT_SECONDS = 15
RECONNECT_MS = 1000
NEVER = -1
"""The revision of a client that knows none."""


class Listener:
    """One open connection: what it may hear, and the newest revision it was told of."""

    protocol = FlagClient.Protocol.OFREP_STREAM.value
    application = ""

    def __init__(self, send: Send, key: StreamKey, who: Who, seen: int) -> None:
        self.key = key
        self.who = who
        self.seen = seen
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._send = send
        self._late: set[asyncio.Future[None]] = set()

    def tell(self, rules: Ruleset) -> bool:
        """Send the event of this ruleset unless the client knows it; say whether it was sent."""
        if rules.revision == self.seen:
            return False
        self.seen = rules.revision
        self.put(event(rules))
        return True

    def put(self, message: Message) -> None:
        """Hand a message over without waiting, in the order of the calls."""
        sent = self._send(message)
        if isinstance(sent, Coroutine):  # a server that sends only when it is awaited
            task = asyncio.ensure_future(sent)
            self._late.add(task)
            task.add_done_callback(self._late.discard)

    def end(self) -> None:
        """Close the connection from our side."""
        if not self.over.done():
            self.put({"type": "http.response.body", "body": b"", "more_body": False})
            self.leave()

    def leave(self) -> None:
        """Note that the connection is over, whoever ended it."""
        if not self.over.done():
            self.over.set_result(None)


class Hub:
    """The listeners of one event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._listeners: dict[str, set[Listener]] = defaultdict(set)
        self._beats: tuple[set[Listener], ...] = tuple(set() for _ in range(HEARTBEAT_SECONDS))
        self._beat = 0
        self._open: Counter[tuple[str, int, str]] = Counter()

    def start(self) -> None:
        """Listen to the keeper, and send a heartbeat to a fifteenth of the clients each second."""
        ruleset.add_listener(self.heard)
        self._loop.call_later(1, self._tick)

    def add(self, listener: Listener) -> None:
        """Take a connection in and tell it what it missed."""
        self._listeners[listener.key.environment].add(listener)
        self._beats[self._beat].add(listener)
        self._open[_name(listener)] += 1
        listener.put(RETRY)
        listener.tell(ruleset.snapshot().rulesets[listener.key.environment])
        _report(listener, connected=True)

    def remove(self, listener: Listener) -> None:
        """Forget a connection; its client counts as gone with the last one of that name."""
        self._listeners[listener.key.environment].discard(listener)
        for beat in self._beats:
            beat.discard(listener)
        self._open[_name(listener)] -= 1
        if not self._open[_name(listener)]:
            del self._open[_name(listener)]
            _report(listener, connected=False)

    def heard(self, _snapshot: Snapshot) -> None:
        """Called from the keeper's thread with each new snapshot."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._spread)

    def _spread(self) -> None:
        # The newest snapshot, not the one that was announced: an event never goes backwards.
        snapshot = ruleset.snapshot()
        for environment, listeners in self._listeners.items():
            told = [one for one in tuple(listeners) if _told(one, snapshot, environment)]
            for listener in {_name(one): one for one in told}.values():
                _report(listener, connected=True)

    def _tick(self) -> None:
        snapshot = ruleset.snapshot()
        self._beat = (self._beat + 1) % HEARTBEAT_SECONDS
        for listener in tuple(self._beats[self._beat]):
            if listener.key.is_live(snapshot):
                listener.put(HEARTBEAT)
            else:
                listener.end()
        self._loop.call_later(1, self._tick)


def _told(listener: Listener, snapshot: Snapshot, environment: str) -> bool:
    if not listener.key.is_live(snapshot):
        listener.end()
        return False
    return listener.tell(snapshot.rulesets[environment])


def _report(listener: Listener, *, connected: bool) -> None:
    counting.seen(
        listener.key.environment,
        listener.key.token_id,
        listener.protocol,
        listener.who.instance,
        None if listener.seen == NEVER else listener.seen,
        application=listener.application,
        sdk=listener.who.agent,
        connected=connected,
    )


def _name(listener: Listener) -> tuple[str, int, str]:
    return listener.protocol, listener.key.token_id, listener.who.instance


# --- What is sent -------------------------------------------------------------------------------
@lru_cache(maxsize=64)
def event(rules: Ruleset) -> Message:
    """Return the message for a ruleset; rendered once for all who wait for it."""
    changed_at = rules.changed_at.timestamp() if rules.changed_at else time.time()
    data = {
        "type": "refetchEvaluation",
        "etag": str(rules.revision),
        "lastModified": int(changed_at),
    }
    return _body(f"id: {rules.revision}\nevent: message\ndata: {json.dumps(data)}\n\n")


def _body(text: str) -> Message:
    return {"type": "http.response.body", "body": text.encode(), "more_body": True}


RETRY = _body(f"retry: {RECONNECT_MS}\n\n")
HEARTBEAT = _body(": still here\n\n")
