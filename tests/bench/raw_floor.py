"""The floor that serving is measured against: fixed JSON, no routing, no token, nothing decided.

It reads the body, as whoever answers a POST has to, and answers with the headers and as many bytes
as one flag does. ``FLOOR_READS=0`` leaves the body unread: what the server itself makes possible.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

_BODY = b'{"key":"' + b"k" * (int(os.environ.get("FLOOR_BYTES", "100")) - 10) + b'"}'
_HEADERS = [
    ("Cache-Control", "no-store"),
    ("X-Ruleset-Revision", "1"),
    ("Content-Type", "application/json"),
    ("Content-Length", str(len(_BODY))),
]
_READS = os.environ.get("FLOOR_READS", "1") != "0"


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer whatever is asked with the same bytes."""
    if _READS:
        environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    start_response("200 OK", _HEADERS)
    return [_BODY]
