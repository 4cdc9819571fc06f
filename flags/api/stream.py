"""Server-sent events: "the flags changed, ask again", for clients of OFREP's ADR-0008.

``GET /stream/flags?token=…`` sends one ``refetchEvaluation`` event for each new revision of the
environment, with the revision as its id. A client that comes back with ``Last-Event-ID`` hears at
once if it missed something; one that comes without hears the present revision first, because a
change may have fallen between its last question and its connection.

SDKs of Unleash are told the flags themselves, on paths of their own (`unleash_stream`).

One process serves thousands of clients: it holds one database connection (the keeper's), and a
client holds nothing but its place in the hub (`flags/api/stream_hub.py`).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias
from urllib.parse import parse_qs

from flags.api import unleash_stream, who
from flags.api.ofrep_request import Rejected
from flags.api.stream_hub import NEVER, Hub, Listener, Message, Send
from flags.api.stream_token import PATH, UNLEASH_PATH, read_key
from flags.serving import ruleset

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]

LONGEST_ID = 18

HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # nginx would collect events otherwise
    (b"access-control-allow-origin", b"*"),
]


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
        elif scope["path"] not in LISTENERS:
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
        try:
            listener = await LISTENERS[scope["path"]](send, scope)
        except Rejected as rejected:
            await _say(send, rejected.status, _refusal(scope, rejected))
            return
        await _stream(hub, listener, receive, send)

    async def _started(self) -> Hub:
        """Start the hub with the first client; the first look at the database blocks a thread."""
        if self._hub is None or (self._hub.done() and self._hub.exception() is not None):
            self._hub = asyncio.ensure_future(_start_hub())
        return await asyncio.shield(self._hub)


async def _start_hub() -> Hub:
    await asyncio.to_thread(ruleset.snapshot)
    hub = Hub()
    hub.start()
    return hub


async def _stream(hub: Hub, listener: Listener, receive: Receive, send: Send) -> None:
    """Keep a connection open until the client goes or loses its right to listen."""
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    gone = asyncio.ensure_future(_disconnected(receive, listener))
    hub.add(listener)
    try:
        await listener.over
    finally:
        gone.cancel()
        hub.remove(listener)


async def _listener(send: Send, scope: Scope) -> Listener:
    query = parse_qs(scope["query_string"].decode("latin-1"))
    key = read_key(query.get("token", [""])[0])
    if key is None or not key.is_live(ruleset.snapshot()):
        raise Rejected(401, "This stream key is not valid or has ended.")
    return Listener(send, key, who.of_scope(scope), _last_event_id(scope))


LISTENERS: dict[str, Callable[[Send, Scope], Awaitable[Listener]]] = {
    PATH: _listener,
    UNLEASH_PATH: unleash_stream.listener,
    unleash_stream.SDK_PATH: unleash_stream.listener,
}


def _refusal(scope: Scope, rejected: Rejected) -> dict[str, str]:
    if scope["path"] == PATH:
        return {"errorDetails": rejected.details}
    name = "AuthenticationRequired" if rejected.status == 401 else "NoAccessError"  # noqa: PLR2004
    return {"name": name, "message": rejected.details}


def _last_event_id(scope: Scope) -> int:
    values = (value for name, value in scope["headers"] if name.lower() == b"last-event-id")
    text = next(values, b"").decode("latin-1").strip()
    usable = text.isascii() and text.isdigit() and len(text) <= LONGEST_ID
    return int(text) if usable else NEVER


async def _disconnected(receive: Receive, listener: Listener) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    listener.leave()


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
