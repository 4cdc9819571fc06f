"""The floor that serving is measured against: fixed JSON, no routing, no token, nothing read."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

_BODY = b'{"key":"' + b"k" * (int(os.environ.get("FLOOR_BYTES", "100")) - 10) + b'"}'
_HEADERS = [("Content-Type", "application/json"), ("Content-Length", str(len(_BODY)))]


def application(_environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer whatever is asked with the same bytes."""
    start_response("200 OK", _HEADERS)
    return [_BODY]
