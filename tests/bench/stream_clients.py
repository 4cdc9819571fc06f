"""Many event-stream clients in one process: when each heard of a revision.

Reads its orders from standard input, one JSON object a line, and answers each with one line:
``{"connect": N, "port": P, "path": "…"}`` opens N streams and answers when all know the present
revision; ``{"wait": R}`` answers when all have heard of revision R, or after its ``seconds``, with
the moment of each on the clock that all processes of a machine share.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time

CONNECT_AT_ONCE = 50
_ID = re.compile(rb"^id: (\d+)$", re.MULTILINE)


class Client(asyncio.Protocol):
    """One stream: it notes when it heard of which revision, and nothing else."""

    def __init__(self, crowd: Crowd, request: bytes) -> None:
        self.crowd = crowd
        self.request = request
        self.heard: dict[int, float] = {}

    def itself(self) -> Client:
        return self

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        now = time.monotonic()
        for revision in _ID.findall(data):
            self.heard.setdefault(int(revision), now)
            self.crowd.news.set()


class Crowd:
    """All clients of this process."""

    def __init__(self) -> None:
        self.clients: list[Client] = []
        self.news = asyncio.Event()

    async def connect(self, count: int, port: int, path: str) -> None:
        """Open the streams, some at a time; each has heard of a revision when this returns."""
        request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: bench\r\n\r\n".encode()
        loop = asyncio.get_running_loop()
        for start in range(0, count, CONNECT_AT_ONCE):
            fresh = [Client(self, request) for _ in range(min(CONNECT_AT_ONCE, count - start))]
            self.clients += fresh
            opened = (loop.create_connection(c.itself, "127.0.0.1", port) for c in fresh)
            await asyncio.gather(*opened)
        await self.until(lambda client: bool(client.heard), 60)

    async def heard(self, revision: int, seconds: float) -> list[float]:
        await self.until(lambda client: revision in client.heard, seconds)
        return [client.heard[revision] for client in self.clients if revision in client.heard]

    async def until(self, holds: object, seconds: float) -> None:
        assert callable(holds)
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self.news.clear()
            if all(holds(client) for client in self.clients):
                return
            try:
                await asyncio.wait_for(self.news.wait(), min(left, 0.5))
            except TimeoutError:
                continue
            await asyncio.sleep(0.05)  # the rest of this burst; looking costs time of its own


async def main() -> None:
    crowd = Crowd()
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        order = json.loads(line)
        if "connect" in order:
            await crowd.connect(order["connect"], order["port"], order["path"])
            answer: object = len(crowd.clients)
        else:
            answer = await crowd.heard(order["wait"], order["seconds"])
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
