"""The words and headers of OFREP's answers, rendered once and sent as they are.

Source: open-feature/protocol, service/openapi.yaml 0.3.0.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, TypeAlias

from flags.api.ofrep_request import Rejected
from flags.api.stream_token import stream_address
from flags.api.who import Who
from flags.core.answers import Resolution
from flags.core.together import together
from flags.serving import ruleset
from flags.serving.snapshot import Ruleset, TokenFacts

Headers: TypeAlias = list[tuple[str, str]]
Answer: TypeAlias = tuple[str, Headers, bytes]

BULK = "/ofrep/v1/evaluate/flags"
SINGLE = f"{BULK}/"
LONGEST_KEY = 200
MOST_TAILS = 1000
MOST_TOLD = 10_000
STALE_SECONDS = 6.0
"""Three polls of the keeper: from here on an answer says how old its ruleset is."""
INACTIVITY_SECONDS = 120
"""A page in the background lets its stream go after so long, and asks when it is back."""

STATUS = {
    200: "200 OK",
    202: "202 Accepted",
    204: "204 No Content",
    304: "304 Not Modified",
    400: "400 Bad Request",
    401: "401 Unauthorized",
    403: "403 Forbidden",
    404: "404 Not Found",
    405: "405 Method Not Allowed",
    413: "413 Content Too Large",
    429: "429 Too Many Requests",
    500: "500 Internal Server Error",
    503: "503 Service Unavailable",
}
# Any site may ask: the token is the key, and no cookie is ever looked at.
CORS = [
    ("Access-Control-Allow-Origin", "*"),
    ("Access-Control-Expose-Headers", "ETag, Retry-After, X-Ruleset-Age, X-Ruleset-Revision"),
]
PREFLIGHT = [
    ("Access-Control-Allow-Methods", "POST, OPTIONS"),
    ("Access-Control-Allow-Headers", "Authorization, Content-Type, If-None-Match, X-API-Key"),
    ("Access-Control-Max-Age", "7200"),
    ("Content-Length", "0"),
]
JSON = ("Content-Type", "application/json")
NO_STORE = ("Cache-Control", "no-store")


class Page:
    """What the answers from one ruleset have in common, made with its first question.

    ``bodies`` and ``singles`` fill up as answers are given: a flag has few of them, whoever asks.
    """

    __slots__ = (
        *("ask", "bodies", "by_length", "failures", "headers", "key_of", "keys", "last"),
        *("rules", "singles", "tails", "told"),
    )

    def __init__(self, rules: Ruleset) -> None:
        self.rules = rules
        self.headers: Headers = [NO_STORE, ("X-Ruleset-Revision", str(rules.revision)), JSON]
        self.keys, self.ask = together(rules.flags)
        self.bodies: dict[Resolution, bytes] = {}
        self.key_of: dict[Resolution, str] = {}
        self.singles: dict[Resolution, Answer] = {}
        self.by_length: dict[int, Headers] = {}
        self.tails: dict[tuple[TokenFacts, int], bytes] = {}
        self.told: set[tuple[int, Who]] = set()
        self.failures = [_failure(key, why) for key, why in rules.broken.items()]
        self.last: tuple[list[Resolution], bytes] = ([], b"")

    def body(self, key: str, resolution: Resolution) -> bytes:
        """Return the JSON of one answer."""
        body = self.bodies.get(resolution)
        if body is None:
            self.key_of[resolution] = key
            body = self.bodies[resolution] = rendered(key, resolution)
        return body

    def single(self, key: str, resolution: Resolution) -> Answer:
        """Return the whole answer to a question for one flag."""
        known = self.singles.get(resolution)
        if known is None:
            body = self.body(key, resolution)
            known = self.singles[resolution] = STATUS[200], self._headers_for(body), body
        status, headers, body = known
        return status, _aged(headers), body

    def _headers_for(self, body: bytes) -> Headers:
        """Return the headers of a body; many have the same length, and share them."""
        known = self.by_length.get(len(body))
        if known is None:
            headers = [*self.headers, ("Content-Length", str(len(body)))]
            known = self.by_length[len(body)] = headers
        return known

    def tail(self, facts: TokenFacts, present: int) -> bytes:
        """Return the end of a bulk answer: of what it is, and where to hear of changes."""
        known = self.tails.get((facts, present))
        if known is None:
            if len(self.tails) >= MOST_TAILS:
                self.tails = {}
            known = self.tails[facts, present] = _tail(self.rules, facts, present)
        return known

    def is_news_to(self, token_id: int, who: Who) -> bool:
        """Say, once, that a client was never given all flags from here before."""
        if (token_id, who) in self.told:
            return False
        if len(self.told) < MOST_TOLD:
            self.told.add((token_id, who))
        return True

    def flags(self, resolutions: list[Resolution]) -> bytes:
        """Return the JSON list of all answers, in the order of ``keys``, and of all failures."""
        known, joined = self.last
        if known != resolutions or not joined:
            joined = b",".join(self._bodies(resolutions) + self.failures)
            self.last = resolutions, joined
        return joined

    def _bodies(self, resolutions: list[Resolution]) -> list[bytes]:
        try:
            return [*map(self.bodies.__getitem__, resolutions)]
        except KeyError:
            pairs = zip(self.keys, resolutions, strict=True)
            return [self.body(key, resolution) for key, resolution in pairs]


_pages: dict[str, Page] = {}
"""The page of each environment's ruleset: older ones are let go, for a ruleset can be large."""


def page(rules: Ruleset) -> Page:
    """Return the page of a ruleset."""
    held = _pages.get(rules.environment)
    if held is None or held.rules is not rules:
        held = _pages[rules.environment] = Page(rules)
    return held


@lru_cache(maxsize=32_768)
def rendered(key: str, resolution: Resolution) -> bytes:
    """Return the JSON of an answer. A resolution outlives rulesets in which its flag is the same.

    Every answer carries value, variant and a reason of the protocol's list: stock clients fall
    back to the default in their code when one is missing, which would leave a killed feature on.
    """
    answer: dict[str, Any] = {
        "key": key,
        "value": resolution.value,
        "reason": resolution.reason,
        "variant": resolution.variant,
    }
    if resolution.metadata:
        answer["metadata"] = dict(resolution.metadata)
    return dump(answer)


def _tail(rules: Ruleset, facts: TokenFacts, present: int) -> bytes:
    rest = {
        "metadata": {"environment": rules.environment, "revision": rules.revision},
        "eventStreams": [
            {
                "type": "sse",
                "url": stream_address(facts, present),
                "inactivityDelaySec": INACTIVITY_SECONDS,
            }
        ],
    }
    return dump(rest).removeprefix(b"{")


def ok(known: Page, body: bytes, *more: tuple[str, str]) -> Answer:
    """Return an answer from a ruleset; it says so where the ruleset may be old."""
    headers = [*known.headers, ("Content-Length", str(len(body))), *more]
    return STATUS[200], _aged(headers), body


def unchanged(known: Page, etag: str) -> Answer:
    """Return the answer that the client has the answer."""
    return STATUS[304], _aged([*known.headers[:2], ("ETag", etag)]), b""


def refused(path: str, rejected: Rejected) -> Answer:
    """Return a refusal, as OFREP wants it for one flag or for all."""
    body: dict[str, Any] = {"errorDetails": rejected.details}
    if rejected.code:
        body = {"errorCode": rejected.code, **body}
        key = path.removeprefix(SINGLE)
        if key != path:
            body = {"key": _text(key)[:LONGEST_KEY], **body}
    status, headers, encoded = said(rejected.status, body)
    return status, [*headers, *rejected.headers.items()], encoded


def said(status: int, content: Mapping[str, Any]) -> Answer:
    """Return an answer that has nothing to do with a ruleset."""
    body = dump(content)
    return STATUS[status], [JSON, ("Content-Length", str(len(body))), NO_STORE], body


def dump(content: Any) -> bytes:
    return json.dumps(content, separators=(",", ":")).encode()


def _aged(headers: Headers) -> Headers:
    """Return a list of its own: a server may add to it."""
    age = ruleset.age()
    if age is not None and age > STALE_SECONDS:
        return [*headers, ("X-Ruleset-Age", str(int(age)))]
    return [*headers]


def _failure(key: str, why: str) -> bytes:
    return dump({"key": key, "errorCode": "GENERAL", "errorDetails": f"No answer: {why}."})


def _text(latin: str) -> str:
    """Return a path as text: WSGI hands over its bytes as Latin-1."""
    return latin.encode("latin-1", "replace").decode("utf-8", "replace")
