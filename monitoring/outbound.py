"""The only place that sends requests to other machines.

The host is looked up once and every address it has is judged; the connection then goes to one of
those addresses and nowhere else, so a name that answers differently a moment later changes
nothing. Redirects are not followed, no proxy and no ~/.netrc is used, an answer is read up to
256 KiB, and a clock ends even an answer that trickles.

Refused
├── OutboundRefused          nothing was sent
│   ├── NotAWebAddress
│   ├── AddressNotAllowed
│   ├── NameNotLookedUp      the name server was silent: nobody can tell
│   └── NotSendable          a header or a body that no request can carry
└── Unreachable              it was tried, and no whole answer came
"""

from __future__ import annotations

import errno
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, urlsplit

import requests
from django.conf import settings
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from monitoring import addresses
from monitoring.addresses import Address
from releases.refusals import Refused

CONNECT_SECONDS = 5.0
READ_SECONDS = 10.0
WHOLE_SECONDS = 15.0
MOST_BYTES = 256 * 1024
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_PORTS = {"http": 80, "https": 443}


class OutboundRefused(Refused):
    """This request was not sent."""


class NotAWebAddress(OutboundRefused):
    """This is not a web address that can be called; nothing was sent."""


class AddressNotAllowed(OutboundRefused):
    """This address may not be called from here; nothing was sent."""


class NameNotLookedUp(OutboundRefused):
    """The name could not be looked up right now; nothing was sent."""


class NotSendable(OutboundRefused):
    """This is nothing that a request can carry; nothing was sent."""


class Unreachable(Refused):
    """No answer came."""


@dataclass(frozen=True)
class Request:
    """What to send, with every variable filled in. Its parts may be secret: never shown."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: str = field(default="", repr=False)


@dataclass(frozen=True)
class Answer:
    """What came back. `cut` says that the body was longer than what was read."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    cut: bool
    milliseconds: float

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")


def send(request: Request) -> Answer:
    """Send one request. Raises the refusals of this module; their words are masked."""
    if request.method not in METHODS:
        raise NotSendable(f"The method has to be one of {', '.join(sorted(METHODS))}.")
    parts = _checked(request.url)
    dial = _Dial(_allowed(parts), _port(parts))
    try:
        with dial, _session(dial) as session:
            return _exchange(session, request, time.perf_counter())
    except (
        requests.exceptions.InvalidURL,
        requests.exceptions.InvalidHeader,
        requests.exceptions.InvalidSchema,
    ) as wrong:
        raise NotSendable(f"{type(wrong).__name__}.") from None
    except (requests.RequestException, OSError) as failed:
        raise Unreachable(dial.why(failed)) from None


def may_call_inside(host: str) -> bool:
    """Whether a host may have a private or loopback address: by setting, or in the example."""
    named = os.environ.get("OUTBOUND_ALLOWED_HOSTS", "").lower().split(",")
    return bool(settings.EXAMPLE) or host.lower() in {one.strip() for one in named}


# --- The address ------------------------------------------------------------------------------
def _checked(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _port(parts)
    except ValueError:
        raise NotAWebAddress from None
    if parts.scheme not in _PORTS or not parts.hostname:
        raise NotAWebAddress("It begins with http:// or https:// and a host.")
    if parts.username is not None or parts.password is not None:
        raise NotAWebAddress("A name or password in an address is not sent: use a header.")
    return parts


def _port(parts: SplitResult) -> int:
    return parts.port or _PORTS.get(parts.scheme, 0)


def _allowed(parts: SplitResult) -> list[Address]:
    """The addresses to try. One that may not be called forbids the whole host."""
    host = str(parts.hostname)
    try:
        found = addresses.look_up(host, _port(parts))
    except addresses.NameUnknown:
        raise Unreachable(f"There is no host called {host}.") from None
    except addresses.NameServerSilent:
        raise NameNotLookedUp(f"{host}: the name server does not answer.") from None
    inside = may_call_inside(host)
    for address in found:
        kind = addresses.kind(address)
        if kind == "never":
            raise AddressNotAllowed(f"{host} is {address}, which is never called.")
        if kind == "inside" and not inside:
            raise AddressNotAllowed(
                f"{host} is {address}, inside the network: name it in OUTBOUND_ALLOWED_HOSTS."
            )
    return found


# --- The connection ---------------------------------------------------------------------------
class _Dial:
    """Connects to the checked addresses only, and cuts the connection when the time is over."""

    def __init__(self, found: Sequence[Address], port: int) -> None:
        self._found, self._port = found, port
        self._timer: threading.Timer | None = None
        self._watched: socket.socket | None = None
        self._over = False

    def __enter__(self) -> None:
        self._timer = threading.Timer(WHOLE_SECONDS, self._cut)
        self._timer.daemon = True
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._watched is not None:
            self._watched.close()

    def __call__(self) -> socket.socket:
        last: OSError = OSError(errno.EHOSTUNREACH, "no address")
        for address in self._found:
            try:
                made = socket.create_connection((str(address), self._port), CONNECT_SECONDS)
            except OSError as failed:
                last = failed
                continue
            self._watched = made.dup()  # TLS takes the first handle for itself
            return made
        raise last

    def _cut(self) -> None:
        self._over = True
        with suppress(OSError):
            if self._watched is not None:
                self._watched.shutdown(socket.SHUT_RDWR)

    def why(self, failed: BaseException) -> str:
        """Why no answer came, in words."""
        if self._over:
            return f"It took longer than {WHOLE_SECONDS:.0f} s."
        return _in_words(failed)


def _pools(dial: Callable[[], socket.socket]) -> dict[str, Any]:
    """urllib3's pools, whose connections come from `dial`; TLS still checks the host's name."""

    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return dial()

    class Secure(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return dial()

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}


class _Adapter(HTTPAdapter):
    def __init__(self, dial: Callable[[], socket.socket]) -> None:
        super().__init__(max_retries=0)
        self.poolmanager.pool_classes_by_scheme = _pools(dial)


@contextmanager
def _session(dial: Callable[[], socket.socket]) -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False  # no proxy, no ~/.netrc: what is sent is what the test says
        session.verify = os.environ.get("REQUESTS_CA_BUNDLE") or True
        session.headers.clear()
        session.headers.update({"User-Agent": "release-control", "Accept": "*/*"})
        for scheme in _PORTS:
            session.mount(f"{scheme}://", _Adapter(dial))
        yield session


def _exchange(session: requests.Session, request: Request, began: float) -> Answer:
    with session.request(
        request.method,
        request.url,
        headers={name: value.encode() for name, value in request.headers.items()},
        data=request.body.encode() or None,
        allow_redirects=False,
        stream=True,
        timeout=(CONNECT_SECONDS, READ_SECONDS),
    ) as response:
        body, cut = _bounded(response.iter_content(8192))
        return Answer(
            status=response.status_code,
            headers=dict(response.headers),
            body=body,
            cut=cut,
            milliseconds=round((time.perf_counter() - began) * 1000, 1),
        )


def _bounded(pieces: Iterator[bytes]) -> tuple[bytes, bool]:
    body = b""
    for piece in pieces:
        body += piece
        if len(body) > MOST_BYTES:
            return body[:MOST_BYTES], True
    return body, False


# --- Words ------------------------------------------------------------------------------------
_BROKE_OFF = "The connection was closed before the answer was complete."
#: The first of these among the causes of a failure says why; the order of the causes decides.
_REASONS: tuple[tuple[type[BaseException], str], ...] = (
    (ssl.SSLCertVerificationError, "Its certificate is not valid for this host."),
    (ssl.SSLError, "It does not speak TLS as expected."),
    (TimeoutError, "It did not answer in time."),
    (requests.Timeout, "It did not answer in time."),
    (ConnectionRefusedError, "The connection was refused: nothing listens there."),
    (ConnectionResetError, _BROKE_OFF),
)


def _in_words(failed: BaseException) -> str:
    for cause in _causes(failed):
        for kind, words in _REASONS:
            if isinstance(cause, kind):
                return words
        if isinstance(cause, OSError) and cause.errno:
            return f"{os.strerror(cause.errno)}."
    return _BROKE_OFF


def _causes(failed: BaseException) -> Iterator[BaseException]:
    """Everything behind an error: what it wraps, and what it was raised from."""
    waiting, seen = [failed], set[int]()
    while waiting:
        error = waiting.pop(0)
        if id(error) in seen:
            continue
        seen.add(id(error))
        yield error
        behind = [error.__cause__, error.__context__, getattr(error, "reason", None), *error.args]
        waiting += [one for one in behind if isinstance(one, BaseException)]
