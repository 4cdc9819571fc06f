"""What goes into a route and what comes out of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus


@dataclass(frozen=True)
class Request:
    """One request, read and bounded. `user` is who the application says is asking (X-User-Id)."""

    method: str
    path: str
    user: str
    body: Mapping[str, object] = field(default_factory=dict)
    wants_json: bool = False
    universe_v2: bool = False


@dataclass(frozen=True)
class Answer:
    status: HTTPStatus
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


class Refused(Exception):
    """A request that gets an error as its answer; the message is for whoever sent it."""

    def __init__(
        self, status: HTTPStatus, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers or {}

    def answer(self) -> Answer:
        return json_answer({"error": str(self)}, status=self.status, headers=self.headers)


def json_answer(
    document: object,
    *,
    status: HTTPStatus = HTTPStatus.OK,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Names stay as people wrote them: UTF-8, not escapes."""
    text = json.dumps(document, ensure_ascii=False, default=_plain)
    return Answer(status, text.encode(), "application/json", headers or {})


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def html_answer(text: str) -> Answer:
    return Answer(HTTPStatus.OK, text.encode(), "text/html; charset=utf-8")
