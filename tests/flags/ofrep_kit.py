"""Asking the bare OFREP callable, without a server in between."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from typing import Any

from flags.api import ofrep

BULK = "/ofrep/v1/evaluate/flags"
ONE = f"{BULK}/universe-v2"


@dataclass
class Told:
    """One answer of the callable."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def call(
    path: str, body: bytes = b"{}", *, token: str = "", method: str = "POST", **more: str
) -> Told:
    """Ask the bare WSGI callable, without a server in between."""
    environ: dict[str, Any] = {
        "PATH_INFO": path.encode().decode("latin-1"),
        "REQUEST_METHOD": method,
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_USER_AGENT": "contract",
        **more,
    }
    if token:
        environ["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    began: list[tuple[str, list[tuple[str, str]]]] = []

    def start(status: str, headers: list[tuple[str, str]], _error: Any = None) -> Any:
        began.append((status, headers))

    content = b"".join(ofrep.ofrep_app(environ, start))
    ((status, headers),) = began
    assert len({name.lower() for name, _ in headers}) == len(headers), "a header twice"
    return Told(int(status[:3]), dict(headers), content)
