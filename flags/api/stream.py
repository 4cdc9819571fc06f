"""Server-sent events: "the flags changed, ask again", for clients of OFREP's ADR-0008.

``GET /stream/flags?token=…`` sends one ``refetchEvaluation`` event for each new revision of the
environment, with the revision as its id. A client that comes back with ``Last-Event-ID`` hears at
once if it missed something; one that comes without hears the present revision first, because a
change may have fallen between its last question and its connection.

One process serves thousands of clients: it holds one database connection (the keeper's), and a
client holds nothing but its place. Several changes that come while a client reads slowly are one
event to it, the newest; one that does not read at all is let go after a while.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable, MutableMapping
from functools import lru_cache
from typing import Any, TypeAlias
from urllib.parse import parse_qs

from flags import ruleset
from flags.api.stream_token import PATH, StreamKey, read_key
from flags.snapshot import Ruleset, Snapshot

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

log = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 15.0
SEND_SECONDS = 20.0
RECONNECT_MS = 1000
NEVER = -1
LONGEST_ID = 18

HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # nginx would collect events otherwise
    (b"access-control-allow-origin", b"*"),
]


class Hub:
    """Wakes the streams of one event loop when the keeper's thread has swapped a snapshot in."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._next: asyncio.Future[None] = self._loop.create_future()

    def attach(self) -> None:
        ruleset.add_listener(self._heard)

    def next_change(self) -> asyncio.Future[None]:
        """Return the future of the next change. Take it before looking at the present state."""
        return self._next

    def _heard(self, _snapshot: Snapshot) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        happened, self._next = self._next, self._loop.create_future()
        happened.set_result(None)


class StreamApp:
    """The ASGI application of the stream process."""

    def __init__(self) -> None:
        self._hub: asyncio.Task[Hub] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/healthz":
            await _say(send, 200, {"status": "ok"})
        elif scope["path"] != PATH:
            await _say(send, 404, {"errorDetails": "There is nothing at this address."})
        elif scope["method"] != "GET":
            await _say(send, 405, {"errorDetails": "Listen with GET."})
        else:
            await self._open(scope, receive, send)

    async def _open(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            hub = await self._started()
        except ruleset.NoRulesetYet as away:
            await _say(send, 503, {"errorDetails": away.message})
            return
        query = parse_qs(scope["query_string"].decode("latin-1"))
        key = read_key(query.get("token", [""])[0])
        if key is None or not key.is_live(ruleset.snapshot()):
            await _say(send, 401, {"errorDetails": "This stream key is not valid or has ended."})
            return
        gone = asyncio.ensure_future(_disconnected(receive))
        try:
            await _stream(hub, key, _last_event_id(scope), gone, send)
        except (TimeoutError, OSError):
            log.info("a stream client was let go: it does not read")
        finally:
            gone.cancel()

    async def _started(self) -> Hub:
        """Start the hub with the first client; the first look at the database blocks a thread."""
        if self._hub is None or (self._hub.done() and self._hub.exception() is not None):
            self._hub = asyncio.ensure_future(_start_hub())
        return await asyncio.shield(self._hub)


async def _start_hub() -> Hub:
    await asyncio.to_thread(ruleset.snapshot)
    hub = Hub()
    hub.attach()
    return hub


async def _stream(
    hub: Hub, key: StreamKey, seen: int, gone: asyncio.Future[None], send: Send
) -> None:
    """Send events until the client goes, does not read, or loses its right to listen."""
    start = {"type": "http.response.start", "status": 200, "headers": HEADERS}
    await _send(send, start)
    await _send(send, _body(f"retry: {RECONNECT_MS}\n\n"))
    while not gone.done():
        change = hub.next_change()
        snapshot = ruleset.snapshot()
        if not key.is_live(snapshot):
            break
        rules = snapshot.rulesets[key.environment]
        if rules.revision != seen:
            seen = rules.revision
            await _send(send, _event(rules))
            continue
        done, _ = await asyncio.wait(
            {change, gone}, timeout=HEARTBEAT_SECONDS, return_when=asyncio.FIRST_COMPLETED
        )
        if not done:
            await _send(send, _body(": still here\n\n"))
    if not gone.done():
        await _send(send, {"type": "http.response.body", "body": b"", "more_body": False})


@lru_cache(maxsize=64)
def _event(rules: Ruleset) -> Message:
    """Return the message for a ruleset; rendered once for all clients that wait for it."""
    changed_at = rules.changed_at.timestamp() if rules.changed_at else time.time()
    data = {
        "type": "refetchEvaluation",
        "etag": str(rules.revision),
        "lastModified": int(changed_at),
    }
    return _body(f"id: {rules.revision}\nevent: message\ndata: {json.dumps(data)}\n\n")


def _last_event_id(scope: Scope) -> int:
    values = (value for name, value in scope["headers"] if name.lower() == b"last-event-id")
    text = next(values, b"").decode("latin-1").strip()
    usable = text.isascii() and text.isdigit() and len(text) <= LONGEST_ID
    return int(text) if usable else NEVER


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send(send: Send, message: Message) -> None:
    async with asyncio.timeout(SEND_SECONDS):
        await send(message)


def _body(text: str) -> Message:
    return {"type": "http.response.body", "body": text.encode(), "more_body": True}


async def _say(send: Send, status: int, content: dict[str, str]) -> None:
    body = json.dumps(content).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"access-control-allow-origin", b"*"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            await asyncio.to_thread(ruleset.stop)
            await send({"type": "lifespan.shutdown.complete"})
            return


stream_app = StreamApp()
