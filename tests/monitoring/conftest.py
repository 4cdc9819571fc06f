"""A real HTTP server on a free port that answers as told and remembers what it was asked."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.conf import LazySettings

from monitoring.models import SmokeTest
from releases.models import Release


@dataclass
class Asked:
    method: str
    path: str
    headers: dict[str, str]
    body: str


Answer = tuple[int, dict[str, str], bytes]


@dataclass
class Site:
    """`answers` maps "METHOD /path" to (status, headers, body)."""

    url: str
    port: int
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def says(self, what: str, status: int, body: str | bytes = b"", **headers: str) -> None:
        data = body.encode() if isinstance(body, str) else body
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers[what] = (status, named, data)


@pytest.fixture
def site() -> Iterator[Site]:
    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            told.asked.append(Asked(self.command, self.path, dict(self.headers), body))
            unknown: Answer = (404, {}, b"nothing here")
            status, headers, data = told.answers.get(f"{self.command} {self.path}", unknown)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    for method in ("GET", "POST", "PUT", "DELETE"):
        setattr(Handler, f"do_{method}", Handler.answer)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        port = int(server.server_address[1])
        told = Site(f"http://127.0.0.1:{port}", port)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield told
        server.shutdown()
        thread.join()


@pytest.fixture
def inside_allowed(monkeypatch: pytest.MonkeyPatch, settings: LazySettings) -> None:
    """The loopback site may be called, by name, outside of the example."""
    settings.EXAMPLE = False
    monkeypatch.setenv("OUTBOUND_ALLOWED_HOSTS", "127.0.0.1, localhost")


MakeTest = Callable[..., SmokeTest]


@pytest.fixture
def make_test(release: Release, site: Site) -> MakeTest:
    def make(name: str, path: str, **fields: object) -> SmokeTest:
        return SmokeTest.objects.create(
            release=release,
            key=name,
            name=name,
            position=SmokeTest.objects.count(),
            url=path if "://" in path else site.url + path,
            **fields,
        )

    return make
