"""HTTP in and out: one thread a connection, every read bounded, every error an answer in JSON."""

from __future__ import annotations

import hmac
import json
import logging
import sys
import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from typing import Any, Final

from releasecontrol.examples.standin import routes
from releasecontrol.examples.standin.answers import Answer, Refused, Request
from releasecontrol.examples.standin.flag import FlagUnknown
from releasecontrol.examples.standin.meter import variant

log = logging.getLogger(__name__)

LARGEST_BODY: Final = 64 * 1024
LONGEST_USER: Final = 200
SAFE_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}


class Server(ThreadingHTTPServer):
    """The listening socket and the application behind it."""

    daemon_threads = True  # a client that never finishes does not keep the process alive
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], app: routes.App) -> None:
        self.app = app
        self.stopping = threading.Event()
        super().__init__(address, Handler)

    def stop(self) -> None:
        """End `serve_forever` from another thread, and whoever waits on a delay."""
        self.stopping.set()
        threading.Thread(target=self.shutdown, daemon=True).start()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - inherited
        """A client that went away is no news; anything else is one line, without a traceback."""
        failure = sys.exception()
        if not isinstance(failure, OSError):
            log.error("A connection broke: %s", type(failure).__name__)


class Handler(BaseHTTPRequestHandler):
    """Reads a request, lets a route answer it, counts it, writes the answer."""

    server: Server
    protocol_version = "HTTP/1.1"
    server_version = "publishing-stand-in"
    sys_version = ""
    # Headers and body leave together; apart, the second would wait 40 ms for the first's receipt.
    wbufsize = -1
    disable_nagle_algorithm = True
    timeout = 10  # seconds without a byte, in a request or between two

    def _serve(self) -> None:
        started = time.monotonic()
        self._body_left = True
        path = self.path.partition("?")[0]
        try:
            route = routes.find(self.command, path)
        except Refused as refused:
            self._write(refused.answer())
            return
        universe_v2 = route.counted and self._universe_v2()
        answer = self._answer(route, path, universe_v2=universe_v2)
        if route.counted:
            self.server.app.meter.count(
                variant(universe_v2=universe_v2),
                failed=answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR,
                seconds=time.monotonic() - started,
            )
        self._write(answer)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _serve  # noqa: N815

    def _answer(self, route: routes.Route, path: str, *, universe_v2: bool) -> Answer:
        try:
            self._refuse_strangers(route)
            body = self._body()
            if route.counted:
                self._misbehave(variant(universe_v2=universe_v2))
            request = Request(
                method=self.command,
                path=path,
                user=self._user(),
                body=body,
                wants_json=self._wants_json(),
                universe_v2=universe_v2,
            )
            return route.run(self.server.app, request)
        except Refused as refused:
            return refused.answer()
        except TimeoutError:
            return Refused(HTTPStatus.REQUEST_TIMEOUT, "the body did not arrive").answer()
        except Exception:
            log.exception("The stand-in broke on %s %s", self.command, path)
            return Refused(HTTPStatus.INTERNAL_SERVER_ERROR, "the stand-in broke").answer()

    def _refuse_strangers(self, route: routes.Route) -> None:
        if route.loopback and not ip_address(self.client_address[0]).is_loopback:
            raise Refused(HTTPStatus.FORBIDDEN, "only for callers on this machine")
        if route.token and not self._has_token():
            raise Refused(
                HTTPStatus.UNAUTHORIZED,
                "the token is missing or wrong",
                {"WWW-Authenticate": "Bearer"},
            )

    def _has_token(self) -> bool:
        kind, _, shown = self.headers.get("Authorization", "").partition(" ")
        expected = self.server.app.token.encode()
        return kind.lower() == "bearer" and hmac.compare_digest(
            shown.strip().encode("latin-1", "replace"), expected
        )

    def _universe_v2(self) -> bool:
        try:
            return self.server.app.flag.is_on(self._user())
        except FlagUnknown:
            self.server.app.meter.count_flag_failure()
            return False

    def _user(self) -> str:
        """The name as sent: http.server reads headers as Latin-1, senders write UTF-8."""
        raw = self.headers.get("X-User-Id", "").strip()[:LONGEST_USER]
        return raw.encode("latin-1", "replace").decode("utf-8", "replace")

    def _wants_json(self) -> bool:
        accepted = self.headers.get("Accept", "")
        return "application/json" in accepted and "text/html" not in accepted

    def _misbehave(self, of: str) -> None:
        self.server.stopping.wait(self.server.app.chaos.delay(of))
        if self.server.app.chaos.strikes(of):
            raise Refused(HTTPStatus.INTERNAL_SERVER_ERROR, "chaos: this request was to fail")

    def _body(self) -> dict[str, object]:
        """The JSON object a POST carries; other methods carry nothing."""
        length = self._body_length()
        if self.command == "POST" and self.headers.get_content_type() != "application/json":
            raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "send Content-Type: application/json")
        raw = self.rfile.read(length)
        self._body_left = False
        return _json_object(raw) if self.command == "POST" else {}

    def _body_length(self) -> int:
        if "Transfer-Encoding" in self.headers:
            raise Refused(HTTPStatus.LENGTH_REQUIRED, "send Content-Length, not chunks")
        given = self.headers.get_all("Content-Length", ["0"])
        if len(given) != 1 or not (given[0].isascii() and given[0].isdigit()):
            raise Refused(HTTPStatus.BAD_REQUEST, "Content-Length is not a number")
        if len(given[0]) > 9 or int(given[0]) > LARGEST_BODY:  # noqa: PLR2004 - digits of any sane length
            raise Refused(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body is over {LARGEST_BODY} bytes"
            )
        return int(given[0])

    def _write(self, answer: Answer) -> None:
        # What is left of an unread body would be taken for the next request on this connection.
        if self._body_left and self._has_body():
            self.close_connection = True
        self.send_response(answer.status)
        for name, value in {**SAFE_HEADERS, **answer.headers}.items():
            self.send_header(name, value)
        if answer.status != HTTPStatus.NO_CONTENT:
            self.send_header("Content-Type", answer.content_type)
            self.send_header("Content-Length", str(len(answer.body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def _has_body(self) -> bool:
        return "Transfer-Encoding" in self.headers or self.headers.get("Content-Length", "0") != "0"

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the standard library refuses by itself (a malformed request line), also in JSON."""
        self.close_connection = True
        body = json.dumps({"error": message or explain or HTTPStatus(code).phrase}).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - inherited name
        log.debug(format, *args)


def _json_object(raw: bytes) -> dict[str, object]:
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError):
        raise Refused(HTTPStatus.BAD_REQUEST, "the body is not JSON") from None
    if not isinstance(document, dict):
        raise Refused(HTTPStatus.BAD_REQUEST, "the body must be a JSON object")
    return document
